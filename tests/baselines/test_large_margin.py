import math
from collections import OrderedDict
from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch
from torch import nn

from baselines.functional.logit_gradients import class_distances
from baselines.functional.margins import tap_margins
from baselines.large_margin import LARGE_MARGIN_LINEAR, LARGE_MARGIN_LOGITS_LINEAR, LargeMargin
from demogen import measure
from demogen.errors import NotMeasurable, PredictorError
from demogen.networks.network import Network
from demogen.networks.tapped_module import TappedModule
from tests.baselines.references.large_margin import large_margin as reference

OUTPUTS = ["probabilities", "logits"]


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(
    "parameters",
    [
        {"classes": None},
        {"classes": 3},
        {"classes": None, "gamma": 0.05},
        {"gamma": 0.05, "alpha": 0.5},
        {"gamma": 0.05, "alpha": 1.3, "epsilon": 0.2},
        {"epsilon": 0.0, "gamma": 1e30},
    ],
    ids=str,
)
def test_parameters_do_what_they_say(make_network, output, parameters):
    network = make_network("convnet-bn", samples=20)
    chosen = LargeMargin(output, **parameters)
    assert chosen.compute(network) == pytest.approx(reference(chosen, network), rel=1e-9, abs=0)


@pytest.mark.parametrize("output", OUTPUTS)
def test_large_margins_differ_in_all_parameters(make_network, output):
    network = make_network("convnet-bn")
    varied = [{}, {"classes": None}, {"gamma": 0.05}, {"gamma": 0.05, "alpha": 0.5}, {"epsilon": 1}]
    found = [LargeMargin(output, **some).compute(network)["h1.loss"] for some in varied]
    assert len(set(found)) == len(varied)


def test_the_papers_loss_is_the_number_plus_gamma_a_class(make_network):
    network = make_network("convnet")
    distances = class_distances(
        network.module, network.train.images, network.train.labels, classes=None
    )
    found = LargeMargin(classes=None, gamma=0.1, alpha=1e6).compute(network)
    for tap, d in distances.items():
        paper = np.maximum(0, 0.1 - d.numpy()).sum(axis=1).mean()
        assert found[f"{tap}.loss"] + 9 * 0.1 == pytest.approx(paper, rel=1e-12)


@pytest.mark.parametrize("output", OUTPUTS)
def test_details_are_the_losses_of_the_samples(make_network, output):
    network = make_network("mlp")
    chosen = LargeMargin(output, gamma=0.3)
    for tap, losses in chosen.details(network).items():
        assert losses.shape == (60,)
        assert losses.mean() == pytest.approx(chosen.compute(network)[f"{tap}.loss"], rel=1e-12)
        assert -0.3 <= losses.min() < 0 < losses.max() <= 0.3


def test_distances_of_logits_are_the_tap_margins(make_network):
    network = make_network("nin-bn")
    train = network.train
    margins = tap_margins(network.module, train.images, train.labels, epsilon=0)
    distances = class_distances(
        network.module, train.images, train.labels, probabilities=False, epsilon=0, batch_size=11
    )
    for tap, distance in distances.items():
        torch.testing.assert_close(distance[:, 0], margins[tap].margins, rtol=1e-10, atol=0)


def exact_distance(weight, scores, label, other):
    """d of the probabilities of softmax(Wx + b) by the input, without ε, in 700 digits."""
    with localcontext(prec=700):
        powers = [Decimal(score).exp() for score in scores]
        p = [power / sum(powers) for power in powers]
        squares = Decimal(0)
        for column in weight.T.tolist():
            slopes = [Decimal(w) for w in column]
            mean = sum(q * w for q, w in zip(p, slopes, strict=True))
            rise = [q * (w - mean) for q, w in zip(p, slopes, strict=True)]
            squares += (rise[label] - rise[other]) ** 2
        return float((p[label] - p[other]) / squares.sqrt())


@pytest.mark.parametrize(("dtype", "digits"), [(torch.float64, 1e-13), (torch.float32, 1e-5)])
@pytest.mark.parametrize(
    "scores",
    [
        [3.0, 1.0, 0.0],
        [40.0, 1.0, 0.0],
        [1.0, 40.0, 0.0],
        [128.0, 0.0, 1.0],
        [500.0, -100.0, 0.0],
        [-600.0, 0.0, 5.0],
        [30.0, 30.0 + 2**-18, -5.0],
        [30.0 + 2**-18, 30.0, -5.0],
        [0.0, 2**-20, 100.0],
    ],
    ids=str,
)
def test_a_saturated_softmax_loses_no_digits(scores, dtype, digits):
    layer = nn.Linear(4, 3, dtype=dtype)
    with torch.no_grad():
        layer.weight.normal_(generator=torch.Generator().manual_seed(1))
        layer.bias.copy_(torch.tensor(scores))
    module = TappedModule(OrderedDict(only=layer), {})
    images = torch.zeros(1, 4, dtype=dtype)
    for label in range(3):
        found = class_distances(
            module, images, torch.tensor([label]), classes=None, epsilon=0, batch_size=1
        )["input"][0]
        others = sorted((k for k in range(3) if k != label), key=lambda k: -scores[k])
        exact = [exact_distance(layer.weight.detach(), scores, label, k) for k in others]
        assert found.tolist() == pytest.approx(exact, rel=digits, abs=0)


def test_a_softmax_beyond_a_double_is_clipped_at_gamma(make_chain):
    module = make_chain(6, 8, 4)
    images = torch.randn(9, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = module(images).argmax(dim=1)
    with torch.no_grad():
        module.layer2.weight *= 1e6
        module.layer2.bias *= 1e6
    found = LargeMargin().compute(Network.of(module, images, labels))
    assert found == {"input.loss": -1e4, "h1.loss": -1e4}
    with pytest.raises(NotMeasurable, match="'input' the gradient of a margin is zero; use ε > 0"):
        LargeMargin(epsilon=0.0).compute(Network.of(module, images, labels))


@pytest.mark.parametrize("output", OUTPUTS)
def test_dead_units_give_a_number_or_a_reason(make_chain, output):
    module = make_chain(6, 8, 7, 4)
    with torch.no_grad():
        module.layer2.weight.zero_()
        module.layer2.bias.fill_(0.1)
    images = torch.randn(9, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    scores = module(images)
    right = Network.of(module, images, scores.argmax(dim=1))
    found = LargeMargin(output, gamma=50.0).compute(right)
    assert found["input.loss"] == found["h1.loss"] == -50.0
    wrong = Network.of(module, images, scores.argmin(dim=1))
    found = LargeMargin(output, gamma=50.0, alpha=4.0).compute(wrong)
    assert found["input.loss"] == found["h1.loss"] == 150.0
    assert found["h2.loss"] > 0
    with pytest.raises(NotMeasurable, match="'input' the gradient of a margin is zero; use ε > 0"):
        LargeMargin(output, epsilon=0.0).compute(right)


@pytest.mark.parametrize("output", OUTPUTS)
def test_broken_networks_are_refused(make_chain, output):
    module = make_chain(6, 8, 4, dtype=torch.float32)
    images = torch.randn(9, 6, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(9) % 4
    with pytest.raises(NotMeasurable, match="it has 3 other classes, not 4"):
        LargeMargin(output, classes=4).compute(Network.of(module, images, labels))
    with pytest.raises(NotMeasurable, match="no images"):
        LargeMargin(output).compute(Network.of(module, images[:0], labels[:0]))
    with torch.no_grad():
        module.layer1.bias.zero_()
        module.layer1.weight *= 1e30
        module.layer2.weight *= 1e30
        module.layer2.bias.zero_()
    small = Network.of(module, images * 1e-36, labels)
    with pytest.raises(NotMeasurable, match="at tap 'input' the gradient of a margin is not fin"):
        LargeMargin("logits").compute(small)
    with torch.no_grad():
        module.layer2.bias.fill_(math.nan)
    with pytest.raises(NotMeasurable, match="logits are not all finite"):
        LargeMargin(output).compute(Network.of(module, images, labels))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"output": "logit"}, "no output 'logit'; did you mean 'logits'"),
        ({"gamma": 0.0}, "gamma and alpha have to be above 0"),
        ({"alpha": -1.0}, "gamma and alpha have to be above 0"),
        ({"epsilon": -1e-9}, "epsilon at least 0"),
        ({"classes": 0}, "classes has to be at least 1, or None for all"),
    ],
)
def test_parameters_out_of_range_are_named(make_network, parameters, message):
    with pytest.raises(PredictorError, match=message):
        LargeMargin(**parameters).compute(make_network("mlp"))


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(("classes", "passes"), [(1, 1), (4, 4), (None, 9)])
def test_passes_do_not_grow_with_taps(make_network, output, classes, passes, monkeypatch):
    network = make_network("nin", batch_size=25)
    calls, gradient = [], torch.autograd.grad
    monkeypatch.setattr(
        torch.autograd, "grad", lambda *a, **k: calls.append(1) or gradient(*a, **k)
    )
    LargeMargin(output, classes=classes).compute(network)
    assert len(calls) == 3 * passes


def test_predictors_take_the_four_taps_in_order(make_network):
    for predictor in (LARGE_MARGIN_LINEAR, LARGE_MARGIN_LOGITS_LINEAR):
        signature = measure(predictor, make_network("nin"))
        wanted = ["input.loss", "h1.loss", "h2.loss", "h3.loss"]
        assert predictor.design(list(signature)) == wanted
