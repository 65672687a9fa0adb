import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from baselines.functional.margins import (
    moment_signature,
    output_margins,
    quartile_signature,
    tap_margins,
)
from demogen.errors import NotMeasurable
from demogen.measuring import sample_norms
from tests.baselines.conftest import SHORT


class PeakBytes(TorchDispatchMode):
    """The most bytes that tensors made inside it hold at the same time."""

    def __init__(self):
        super().__init__()
        self.peak = 0
        self._held = {}

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        made = function(*arguments, **(keywords or {}))
        given_before = {
            leaf.untyped_storage()._cdata
            for leaf in tree_leaves((arguments, keywords))
            if isinstance(leaf, torch.Tensor)
        }
        for leaf in tree_leaves(made):
            if isinstance(leaf, torch.Tensor):
                storage = leaf.untyped_storage()
                if storage._cdata not in given_before:
                    self._held[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        self._held = {key: held for key, held in self._held.items() if not held[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self._held.values()))
        return made


def samples(count, width, classes=4):
    generator = torch.Generator().manual_seed(2)
    images = torch.randn(count, width, generator=generator, dtype=torch.float64)
    return images, torch.randint(0, classes, (count,), generator=generator)


def margin_by_definition(module, tap, image, label, epsilon):
    activation = module.forward_to(tap, image[None]).detach().requires_grad_()
    logits = module.forward_from(tap, activation)[0]
    other = max((k for k in range(len(logits)) if k != label), key=lambda k: logits[k].item())
    difference = logits[label] - logits[other]
    (gradient,) = torch.autograd.grad(difference, activation)
    return difference.item() / math.sqrt(epsilon + (gradient**2).sum().item())


@pytest.mark.parametrize(
    ("network", "epsilon"),
    [*((name, 1e-6) for name in SHORT), ("nin-bn", 0.5)],
    indirect=["network"],
)
def test_margins_and_total_variation_follow_their_definition(network, epsilon):
    module, train = network.module, network.train
    found = tap_margins(module, train.images, train.labels, epsilon=epsilon, batch_size=17)
    assert list(found) == ["input", "h1", "h2", "h3"]
    for tap, distribution in found.items():
        expected = [
            margin_by_definition(module, tap, image, label, epsilon)
            for image, label in zip(train.images, train.labels.tolist(), strict=True)
        ]
        assert distribution.margins.numpy() == pytest.approx(np.array(expected), rel=1e-9)
        assert 0 < sum(margin > 0 for margin in expected) < len(expected)
        activations = module.forward_to(tap, train.images).flatten(1).numpy()
        spread = activations.var(axis=0).sum()
        assert distribution.total_variation == pytest.approx(spread, rel=1e-12)
        normalized = np.array(expected) / np.sqrt(spread)
        assert distribution.normalized().numpy() == pytest.approx(normalized, rel=1e-9)


def test_total_variation_survives_a_large_mean(make_chain):
    module = make_chain(5, 4, 3)
    images, labels = samples(100, 5, classes=3)
    images = images * 1e-3 + 1e6
    found = tap_margins(module, images, labels, batch_size=7)["input"].total_variation
    exact = np.var(images.numpy().astype(np.longdouble), axis=0).sum()
    assert found == pytest.approx(float(exact), rel=1e-7)


def test_total_variation_survives_a_first_batch_far_from_the_others(make_chain):
    module = make_chain(5, 4, 3)
    images, labels = samples(400, 5, classes=3)
    images[:1] += 1e4
    for batch_size in (1, 7, 400):
        found = tap_margins(module, images, labels, batch_size=batch_size)["input"]
        exact = np.var(images.numpy().astype(np.longdouble), axis=0).sum()
        assert found.total_variation == pytest.approx(float(exact), rel=1e-11)


@pytest.mark.parametrize("block", [(2, 11), (7, 30), (60, 1000)])
def test_blocks_tile_every_activation(monkeypatch, make_network, block):
    network = make_network("nin-bn")
    arguments = network.module, network.train.images, network.train.labels
    expected = tap_margins(*arguments)
    monkeypatch.setattr(sample_norms, "_BLOCK", block)
    for tap, found in tap_margins(*arguments, batch_size=23).items():
        torch.testing.assert_close(found.margins, expected[tap].margins)
        assert found.total_variation == pytest.approx(expected[tap].total_variation, rel=1e-12)


def test_no_more_than_a_batch_is_held(make_chain):
    module = make_chain(40, 300, 200, 4)
    images, labels = samples(240, 40)

    def peak(count):
        with PeakBytes() as memory:
            tap_margins(module, images[:count], labels[:count], batch_size=40)
        return memory.peak

    one_batch = peak(40)
    # Beside a batch: a mean and an origin for each coordinate, and a few numbers for each sample.
    assert one_batch > 40 * (300 + 200) * 8 * 2
    assert peak(240) < one_batch + 240 * 8 * 16 + (40 + 300 + 200) * 8 * 2


def test_single_precision_agrees(make_network):
    for name in ("nin-bn", "convnet"):
        single, double = make_network(name, torch.float32), make_network(name)
        double.module.load_state_dict(single.module.state_dict())
        images, labels = single.train.images, single.train.labels
        found = tap_margins(single.module, images, labels)
        exact = tap_margins(double.module, images, labels)
        for tap in exact:
            assert found[tap].margins.dtype == torch.float64
            torch.testing.assert_close(found[tap].margins, exact[tap].margins, rtol=1e-3, atol=1e-5)
            assert found[tap].total_variation == pytest.approx(exact[tap].total_variation, rel=1e-5)


PROPERTY = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    # make_chain builds a new network at every call.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
SCALES = strategies.floats(-7, 7).map(math.exp)


def rescaled(make_chain, factors):
    """A ReLU chain with taps h1, h2, h3, and one with its second layer's units multiplied."""
    chains = []
    for scales in (torch.ones(8), torch.tensor(factors, dtype=torch.float64)):
        module = make_chain(6, 7, 8, 5, 4)
        with torch.no_grad():
            module.layer2.weight *= scales[:, None]
            module.layer2.bias *= scales
            module.layer3.weight /= scales
        chains.append(tap_margins(module, *samples(30, 6), epsilon=0, batch_size=13))
    return chains


@given(factor=SCALES)
@PROPERTY
def test_normalized_margins_do_not_see_a_rescaling_of_layers(make_chain, factor):
    before, after = rescaled(make_chain, [factor] * 8)
    for tap in before:
        torch.testing.assert_close(after[tap].normalized(), before[tap].normalized())
    torch.testing.assert_close(after["h2"].margins, before["h2"].margins * factor)


@given(factors=strategies.lists(SCALES, min_size=8, max_size=8))
@PROPERTY
def test_rescaling_single_units_is_seen_where_those_units_are_read_alone(make_chain, factors):
    before, after = rescaled(make_chain, factors)
    for tap in ("input", "h1", "h3"):
        torch.testing.assert_close(after[tap].margins, before[tap].margins)
        torch.testing.assert_close(after[tap].normalized(), before[tap].normalized())
    # At the units' own tap each weighs anew in the spread: a common scale is undone, no other.
    weights = torch.as_tensor(factors, dtype=torch.float64)
    spread = make_chain(6, 7, 8, 5, 4).forward_to("h2", samples(30, 6)[0]).var(dim=0, correction=0)
    expected = float((weights.square() * spread.detach()).sum())
    assert after["h2"].total_variation == pytest.approx(expected, rel=1e-9)


@given(
    order=strategies.permutations(range(8)),
    batch_size=strategies.integers(1, 40),
    seed=strategies.integers(0, 10),
)
@PROPERTY
def test_order_of_units_samples_and_batches_does_not_matter(make_chain, order, batch_size, seed):
    images, labels = samples(30, 6)
    before = tap_margins(make_chain(6, 7, 8, 5, 4), images, labels, batch_size=30)
    module = make_chain(6, 7, 8, 5, 4)
    with torch.no_grad():
        module.layer2.weight.copy_(module.layer2.weight[order])
        module.layer2.bias.copy_(module.layer2.bias[order])
        module.layer3.weight.copy_(module.layer3.weight[:, order])
    shuffle = torch.randperm(30, generator=torch.Generator().manual_seed(seed))
    after = tap_margins(module, images[shuffle], labels[shuffle], batch_size=batch_size)
    for tap in before:
        torch.testing.assert_close(after[tap].margins, before[tap].margins[shuffle])
        assert after[tap].total_variation == pytest.approx(before[tap].total_variation, rel=1e-12)


def test_a_dead_layer_gives_a_number_or_a_reason(make_chain):
    module = make_chain(6, 8, 7, 4)
    with torch.no_grad():
        module.layer2.weight.zero_()
        # A mean over identical numbers like this one is not exactly that number.
        module.layer2.bias.fill_(0.1)
    images, labels = samples(45, 6)
    found = tap_margins(module, images, labels, epsilon=1e-6, batch_size=7)
    margins = output_margins(module(images).detach(), labels)
    torch.testing.assert_close(found["h1"].margins, margins / 1e-3)
    assert found["h1"].total_variation > 0
    assert found["h2"].total_variation == 0.0
    with pytest.raises(NotMeasurable, match="same for all samples"):
        found["h2"].normalized()
    with pytest.raises(NotMeasurable, match="'input' the gradient of a margin is zero"):
        tap_margins(module, images, labels, epsilon=0)


@pytest.mark.parametrize("scale", [1e-24, 1e24])
def test_gradients_whose_squares_leave_single_precision(make_chain, scale):
    module = make_chain(6, 16, 4, dtype=torch.float32)
    images, labels = samples(20, 6)
    expected = tap_margins(module, images, labels, epsilon=0)["input"].margins
    with torch.no_grad():
        module.layer2.weight *= scale
        module.layer2.bias *= scale
    found = tap_margins(module, images, labels, epsilon=0)["input"].margins
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_gradients_whose_squares_leave_double_precision(make_chain, scale):
    module = make_chain(6, 16, 4)
    images, labels = samples(20, 6)
    expected = tap_margins(module, images, labels, epsilon=0)
    with torch.no_grad():
        module.layer2.weight *= scale
        module.layer2.bias *= scale
    found = tap_margins(module, images, labels, epsilon=0)
    for tap in expected:
        torch.testing.assert_close(found[tap].margins, expected[tap].margins)


def test_gradients_beyond_their_precision_are_refused(make_chain):
    module = make_chain(6, 16, 4, dtype=torch.float32)
    images, labels = samples(20, 6)
    with torch.no_grad():
        module.layer1.weight *= 1e25
        module.layer2.weight *= 1e25
    with pytest.raises(NotMeasurable, match="'input' the gradient of a margin is not finite"):
        tap_margins(module, images * 1e-25, labels)


def test_diverged_and_empty_networks_are_refused(make_chain):
    module = make_chain(6, 8, 4)
    images, labels = samples(5, 6)
    with pytest.raises(NotMeasurable, match="no images"):
        tap_margins(module, images[:0], labels[:0])
    with torch.no_grad():
        module.layer2.bias[0] = torch.nan
    with pytest.raises(NotMeasurable, match="not all finite"):
        tap_margins(module, images, labels)


def quartiles_by_definition(margins):
    q1, q2, q3 = np.percentile(margins, [25, 50, 75])
    iqr = q3 - q1
    return [
        min(d for d in margins if d >= q1 - 1.5 * iqr),
        q1,
        q2,
        q3,
        max(d for d in margins if d <= q3 + 1.5 * iqr),
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 10, 101, 1000])
def test_quartiles_and_fences_follow_their_definition(count):
    generator = np.random.default_rng(count)
    margins = generator.standard_cauchy(count)
    found = quartile_signature(torch.tensor(margins)).tolist()
    assert found == pytest.approx(quartiles_by_definition(margins), rel=1e-12)
    assert found[0] in margins
    assert found[4] in margins
    assert found == quartile_signature(torch.tensor(margins[::-1].copy())).tolist()


@pytest.mark.parametrize("scale", [1e-300, 1e-100, 1.0, 1e100, 1e300])
def test_moments_follow_their_definition_at_every_scale(scale):
    margins = np.random.default_rng(0).exponential(size=501)
    expected = [(margins**k).mean() ** (1 / k) for k in range(1, 6)]
    found = moment_signature(torch.tensor(margins * scale)).numpy() / scale
    assert found == pytest.approx(np.array(expected), rel=1e-12)


def test_moments_of_few_and_of_no_margins():
    assert moment_signature(torch.tensor([0.25])).tolist() == [0.25] * 5
    assert moment_signature(torch.zeros(3)).tolist() == [0.0] * 5
    apart = moment_signature(torch.tensor([1e-200, 1e200], dtype=torch.float64))
    assert apart.numpy() == pytest.approx(1e200 * 0.5 ** (1 / np.arange(1, 6)))
    with pytest.raises(NotMeasurable, match="no training sample is classified correctly"):
        moment_signature(torch.empty(0))


def test_quartiles_of_equal_margins_and_of_none():
    assert quartile_signature(torch.full((7,), 0.1)).tolist() == [torch.tensor(0.1).item()] * 5
    with pytest.raises(NotMeasurable, match="no training sample is classified correctly"):
        quartile_signature(torch.empty(0))
