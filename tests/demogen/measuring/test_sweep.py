"""What a sweep gives to many reductions at once, against autograd one sample at a time."""

import itertools
from collections import OrderedDict
from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.autograd.functional import jacobian

from demogen.errors import NotMeasurable, PredictorError
from demogen.measuring import logit_derivatives
from demogen.measuring import sweep as module_under_test
from demogen.measuring.sweep import Cost, Needs, reduce_images, sweep
from demogen.networks.tapped_module import TappedModule


@dataclass(frozen=True)
class Towards:
    """f_y − f_k with k a fixed number of classes after y, times a factor."""

    step: int
    factor: float = 1.0

    def cotangent(self, scores, labels):
        if self.step >= scores.shape[1]:
            raise NotMeasurable(f"no class is {self.step} after another")
        zeros = torch.zeros_like(scores)
        other = (labels[:, None] + self.step) % scores.shape[1]
        plus = zeros.scatter(1, labels[:, None], self.factor)
        return plus.scatter(1, other, -self.factor)


class Everything:
    """A reduction that keeps all batches."""

    def __init__(self, **needs):
        self.needs = Needs(**needs)
        self.batches = []

    def add(self, batch):
        self.batches.append(batch)

    def gathered(self, get):
        return torch.cat([get(batch) for batch in self.batches])


@pytest.fixture
def network():
    """Eleven images through two taps; float64."""
    torch.manual_seed(0)
    stages = OrderedDict(
        conv=nn.Conv2d(2, 3, 3, dtype=torch.float64),
        relu=nn.ReLU(),
        flatten=nn.Flatten(),
        dense=nn.Linear(27, 4, dtype=torch.float64),
    )
    module = TappedModule(stages, {"h1": "conv", "h2": "relu"}).eval().requires_grad_(False)
    images = torch.randn(11, 2, 5, 5, dtype=torch.float64)
    return module, images, torch.arange(11) % 4


def gradient_norms(module, images, labels, direction):
    """Tap → norms, a sample at a time."""
    norms = {tap: [] for tap in module.taps}
    for x, y in zip(images, labels, strict=True):
        logits, activations = module.forward_with_taps(x[None].requires_grad_())
        cotangent = direction.cotangent(logits.detach(), y[None])
        gradients = torch.autograd.grad(logits, list(activations.values()), cotangent)
        for tap, gradient in zip(activations, gradients, strict=True):
            norms[tap].append(gradient.norm())
    return {tap: torch.stack(values) for tap, values in norms.items()}


DIRECTIONS = [Towards(1), Towards(2), Towards(1, 0.5)]


@pytest.mark.parametrize("batch_size", [1, 4, 256])
@pytest.mark.parametrize("jacobian", ["", "differences", "all"])
def test_gradients_of_all_directions_at_all_taps(network, batch_size, jacobian):
    module, images, labels = network
    found = Everything(directions=frozenset(DIRECTIONS), jacobian=jacobian)
    reduce_images(module, images, labels, found, batch_size)
    for direction in DIRECTIONS:
        for tap, wanted in gradient_norms(module, images, labels, direction).items():
            norms = found.gathered(lambda b: b.gradient_norms[direction][tap])  # noqa: B023
            torch.testing.assert_close(norms, wanted, rtol=1e-12, atol=0)


@pytest.mark.parametrize("batch_size", [1, 4, 256])
def test_inner_products_of_the_logits_derivatives(network, batch_size, monkeypatch):
    monkeypatch.setattr(logit_derivatives, "_GRAM_ENTRIES", 300)
    module, images, _ = network
    found = Everything(jacobian="all")
    reduce_images(module, images, None, found, batch_size)
    by_rank = found.gathered(lambda b: b.jacobian.by_rank)
    logits = found.gathered(lambda b: b.logits)
    torch.testing.assert_close(logits, module(images))
    assert torch.equal(logits.gather(1, by_rank), logits.sort(dim=1, descending=True).values)
    grams = found.gathered(lambda b: b.jacobian.of_logits())
    for x, order, gram in zip(images, by_rank, grams, strict=True):
        J = jacobian(lambda x: module(x[None])[0], x).flatten(1)[order]
        torch.testing.assert_close(gram, J @ J.T, rtol=1e-12, atol=1e-14)


def test_differences_alone_are_those_of_the_whole(network):
    module, images, _ = network
    some, whole = Everything(jacobian="differences"), Everything(jacobian="all")
    sweep(module, images, None, {"some": some, "whole": whole})
    alone = reduce_images(module, images, None, Everything(jacobian="differences"))
    assert alone.batches[0].jacobian.top is None
    for other in (some, whole):
        torch.testing.assert_close(
            other.batches[0].jacobian.differences,
            alone.batches[0].jacobian.differences,
            rtol=1e-14,
            atol=0,
        )


def test_passes_are_counted_once_for_all(network):
    module, images, labels = network
    backward, forward = [], []
    module.conv.register_forward_hook(lambda *_: forward.append(1))
    module.conv.register_full_backward_hook(lambda *_: backward.append(1))

    def passes(*reductions):
        forward.clear()
        backward.clear()
        sweep(module, images, labels, dict(enumerate(reductions)))
        return len(forward), len(backward)

    # One image is run to see how large its activations are.
    assert passes(Everything(), Everything(activations=True)) == (2, 0)
    toward = Everything(directions=frozenset({Towards(1)}))
    assert passes(toward, toward) == (2, 1)
    differences, whole = Everything(jacobian="differences"), Everything(jacobian="all")
    assert passes(differences, differences) == (2, 3)
    assert passes(differences, whole) == (2, 4)
    # Half a difference is no difference to the most likely class: it takes a pass of its own.
    assert passes(whole, Everything(directions=frozenset({Towards(1, 0.5)}))) == (2, 5)


@dataclass(frozen=True)
class ToTop:
    """The most likely class less the next one: a difference that the Jacobian's passes have."""

    def cotangent(self, scores, labels):
        first, second = scores.topk(2).indices.split(1, dim=1)
        return torch.zeros_like(scores).scatter(1, first, 1.0).scatter(1, second, -1.0)


def test_a_difference_to_the_most_likely_class_takes_no_pass_beside_a_jacobian(network):
    module, images, labels = network
    backward = []
    module.conv.register_full_backward_hook(lambda *_: backward.append(1))
    direction = frozenset({ToTop()})
    alone = reduce_images(module, images, labels, Everything(directions=direction))
    assert len(backward) == 1
    beside = Everything(directions=direction)
    sweep(module, images, labels, {1: beside, 2: Everything(jacobian="differences")})
    assert len(backward) == 1 + 3
    for tap, norms in alone.batches[0].gradient_norms[ToTop()].items():
        found = beside.batches[0].gradient_norms[ToTop()][tap]
        torch.testing.assert_close(found, norms, rtol=1e-14, atol=0)


def test_the_shares_of_all_are_what_the_sweep_took(network, monkeypatch):
    module, images, labels = network
    # A clock that goes on by a second whenever somebody looks at it.
    ticks = itertools.count()
    monkeypatch.setattr(module_under_test.time, "perf_counter", lambda: float(next(ticks)))
    direction = frozenset({Towards(1)})
    reductions = {
        "logits": Everything(),
        "one": Everything(directions=direction),
        "another": Everything(directions=direction),
        "jacobian": Everything(jacobian="all"),
        "along": Everything(directions=frozenset({ToTop()})),
    }
    _, costs = sweep(module, images, labels, reductions)
    # Each of the five takes a second itself and needs a forward pass of one second.
    assert costs["logits"] == Cost(alone=2, share=1 + 1 / 5)
    assert costs["one"] == costs["another"] == Cost(alone=3, share=1 + 1 / 5 + 1 / 2)
    assert costs["jacobian"] == Cost(alone=3, share=1 + 1 / 5 + 1)
    # One of four passes of the Jacobian, which took a second.
    assert costs["along"] == Cost(alone=2.25, share=1 + 1 / 5)
    made = 1 + 1 + 1  # forward, the one direction, the Jacobian
    assert sum(cost.share for cost in costs.values()) == pytest.approx(made + 5)


def test_one_that_fails_leaves_the_others_alone(network):
    module, images, labels = network

    class Failing(Everything):
        def add(self, batch):
            super().add(batch)
            raise ZeroDivisionError("as somebody's measure may")

    class Changing(Everything):
        def add(self, batch):
            batch.activations["h1"].mul_(2)

    sound, far = Everything(activations=True), Everything(directions=frozenset({Towards(9)}))
    failing = Failing()
    reductions = {"sound": sound, "far": far, "failing": failing, "changing": Changing()}
    reductions["changing"].needs = Needs(activations=True)
    errors, costs = sweep(module, images, labels, reductions, batch_size=4)
    assert set(errors) == {"far", "failing", "changing"}
    assert str(errors["far"]) == "no class is 9 after another"
    assert isinstance(errors["failing"], ZeroDivisionError)
    assert isinstance(errors["changing"], PredictorError)
    assert "changed a batch in place" in str(errors["changing"])
    assert len(failing.batches) == 1
    assert len(sound.batches) == 3
    assert min(cost.share for cost in costs.values()) > 0


def test_what_is_wrong_with_the_network_is_said_of_all(network):
    module, images, _ = network
    images[7] = torch.nan
    errors, _ = sweep(module, images, None, {1: Everything(), 2: Everything(jacobian="all")}, 4)
    assert [str(error) for error in errors.values()] == [
        "its logits are not all finite numbers"
    ] * 2
    with pytest.raises(NotMeasurable, match="no images"):
        reduce_images(module, images[:0], None, Everything())


def test_one_pass_has_no_more_entries_of_jacobians_than_allowed(network, monkeypatch):
    module, images, _ = network
    monkeypatch.setattr(module_under_test, "_JACOBIAN_ENTRIES", 3 * 4 * 50)
    found = reduce_images(module, images, None, Everything(jacobian="differences"))
    assert [len(batch.images) for batch in found.batches] == [3, 3, 3, 2]
