import math

import numpy as np
import pytest
import torch

from baselines.functional.margins import output_margins, quartile_signature, tap_margins
from demogen.errors import NotMeasurable


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


@pytest.mark.parametrize("epsilon", [1e-6, 0.5])
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


def test_normalized_margins_do_not_see_a_rescaling_between_layers(make_chain):
    module = make_chain(6, 16, 12, 4)
    images, labels = samples(40, 6)
    before = tap_margins(module, images, labels, epsilon=0)
    with torch.no_grad():
        module.layer1.weight *= 37.0
        module.layer1.bias *= 37.0
        module.layer2.weight /= 37.0
    after = tap_margins(module, images, labels, epsilon=0)
    for tap in before:
        torch.testing.assert_close(before[tap].normalized(), after[tap].normalized())
    assert not torch.allclose(before["h1"].margins, after["h1"].margins)


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


def test_quartiles_of_equal_margins_and_of_none():
    assert quartile_signature(torch.full((7,), 0.1)).tolist() == [torch.tensor(0.1).item()] * 5
    with pytest.raises(NotMeasurable, match="no training sample is classified correctly"):
        quartile_signature(torch.empty(0))
