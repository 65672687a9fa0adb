from collections import OrderedDict

import pytest
import torch
from torch import nn

from demogen import TappedModule
from demogen.measuring.epoch_cost import epoch_seconds

IMAGES = torch.randn(12, 6, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(12) % 3


class Backward(torch.autograd.Function):
    passes = 0

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        Backward.passes += 1
        return gradient


class Spy(nn.Module):
    """A dense layer that notes how it is called, in copies of it too."""

    seen: list[tuple[int, bool, int]] = []

    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(6, 3)

    def forward(self, x):
        Spy.seen.append((len(x), self.training, self.dense.weight._version))
        return Backward.apply(self.dense(x))


@pytest.fixture
def spy():
    Spy.seen, Backward.passes = [], 0
    return Spy().eval().requires_grad_(False)


@pytest.fixture
def network():
    torch.manual_seed(1)
    stages = OrderedDict(
        hidden=nn.Linear(6, 4), norm=nn.BatchNorm1d(4), drop=nn.Dropout(0.5), out=nn.Linear(4, 3)
    )
    return TappedModule(stages, taps={}).eval().requires_grad_(False)


def clock_of(*durations):
    """A clock between whose readings these seconds pass, and 1000 from one pair to the next."""
    starts = range(0, 1000 * len(durations), 1000)
    pairs = zip(starts, durations, strict=True)
    return iter([time for start, took in pairs for time in (start, start + took)]).__next__


def test_an_epoch_is_the_median_pace_of_the_steps_after_the_first(spy):
    clock = clock_of(500.0, 7.0, 2.0, 3.0)
    found = epoch_seconds(spy, IMAGES, LABELS, batch_size=4, train_size=50, clock=clock)
    assert found == pytest.approx(3.0 * 50 / 4)
    with pytest.raises(StopIteration):
        clock()


@pytest.mark.parametrize(
    ("batch_size", "train_size", "taken"), [(4, 50, 4), (100, 50, 12), (12, 5, 5), (1, 50, 1)]
)
def test_a_batch_has_no_more_images_than_there_are(spy, batch_size, train_size, taken):
    clock = clock_of(1.0, 1.0, 1.0, 1.0)
    found = epoch_seconds(
        spy, IMAGES, LABELS, batch_size=batch_size, train_size=train_size, clock=clock
    )
    assert {size for size, _, _ in Spy.seen} == {taken}
    assert found == pytest.approx(train_size / taken)


def test_four_whole_training_steps_are_taken(spy):
    with torch.no_grad():
        assert epoch_seconds(spy, IMAGES, LABELS, batch_size=4, train_size=50) > 0
    assert len(Spy.seen) == Backward.passes == 4
    assert all(training for _, training, _ in Spy.seen)
    versions = [version for _, _, version in Spy.seen]
    assert len(set(versions)) == 4, "the weights are not written between steps"


def test_network_and_random_numbers_stay_as_they_are(network):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    networks_own = list(network.state_dict(keep_vars=True).values())
    random = torch.get_rng_state()
    assert epoch_seconds(network, IMAGES, LABELS, batch_size=4, train_size=50) > 0
    assert torch.equal(torch.get_rng_state(), random)
    after = network.state_dict(keep_vars=True)
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert all(now is then for now, then in zip(after.values(), networks_own, strict=True))
    for parameter in network.parameters():
        assert parameter.grad is None
        assert not parameter.requires_grad
    assert not any(module.training for module in network.modules())


def test_a_batch_that_cannot_be_trained_on_is_an_error(network):
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        epoch_seconds(network, IMAGES[:1], LABELS[:1], batch_size=4, train_size=50)
