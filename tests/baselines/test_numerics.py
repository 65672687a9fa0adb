"""Networks at the edges: every measure gives the right finite numbers there, or says why not."""

import functools
import importlib
import math
import re
from decimal import Decimal, localcontext
from pathlib import Path

import pytest
import torch
from torch import nn

import baselines
from baselines.sensitivity import JacobianNorm, JacobianNormTrain
from demogen.errors import NotMeasurable
from demogen.measuring.together import compute_signature
from demogen.networks.network import Network
from tests.baselines.applies import defined_on
from tests.baselines.conftest import new_network
from tests.baselines.reference import REFERENCES, as_exact, assert_agrees

for path in sorted((Path(__file__).parent / "references").glob("*.py")):
    importlib.import_module(f"tests.baselines.references.{path.stem}")

MEASURES = {repr(p.measure): p.measure for p in baselines.ALL}


def edge(network, images=None, labels=None, test_inputs=None):
    train = network.train
    return Network.of(
        network.module,
        train.images if images is None else images,
        train.labels if labels is None else labels,
        initial=network.initial,
        test_inputs=network.test_inputs[:4] if test_inputs is None else test_inputs,
        spec=network.spec,
        siblings=network.siblings,
        batch_size=7,
        id="at-the-edge",
    )


def dense_and_convolutions(network):
    layers = [layer for _, layer in network.module.chain()]
    return [layer for layer in layers if isinstance(layer, nn.Conv2d | nn.Linear)]


def dead_tap(network):
    """The second layer gives the same for all images, and so does all that follows."""
    dense_and_convolutions(network)[1].weight.zero_()
    always = network.module(network.train.images).argmax(1)
    return edge(network, labels=(always + torch.arange(len(always)) % 3) % 10)


def never_right(network):
    return edge(network, labels=network.module(network.train.images).argmin(1))


def class_missing(network):
    kept = network.train.labels != network.train.labels[0]
    return edge(network, images=network.train.images[kept], labels=network.train.labels[kept])


def no_running_variance(network):
    norms = [layer for layer in network.module.modules() if isinstance(layer, nn.BatchNorm2d)]
    for norm in norms:
        norm.running_var.zero_()
    return edge(network)


def saturated(network):
    """Logits up to ±10⁴."""
    factor = 1e4 / network.module(network.train.images).abs().max()
    for parameter in dense_and_convolutions(network)[-1].parameters():
        parameter.mul_(factor)
    assert network.module(network.train.images).abs().max() == pytest.approx(1e4)
    return edge(network)


def one_image(network):
    """One that is classified correctly, and one to test on."""
    train = network.train
    right = (network.module(train.images).argmax(1) == train.labels).nonzero().flatten()[:1]
    return edge(network, train.images[right], train.labels[right], network.test_inputs[:1])


def first_weights_not_numbers(network):
    dense_and_convolutions(network)[0].weight.fill_(math.nan)
    return edge(network)


def last_weight_infinite(network):
    dense_and_convolutions(network)[-1].weight[0].fill_(math.inf)
    return edge(network)


def cases(make, reasons, names=("convnet-bn", "mlp-deep", "mlp-tanh")):
    return [pytest.param(make, reasons, name, id=f"{make.__name__}-{name}") for name in names]


SPECTRAL = ("SpectralMargin()", "SpectralMargin(norm='l1')", "SpectralMarginInitial()")
JACOBIAN_MARGINS = ("JacobianMargin()", "JacobianMargin(norm='frobenius')")
LAYER_NORMS = (
    "NormalizedLoss()",
    "NormalizedLoss(divisor=100.0, p=1.0)",
    "NormalizedOutputMargin()",
    "ProductNorm()",
)
OVER_NORMS = ("MarginDistance()", "MarginNorms()", "WeightNorms()")
HEAVY_TAILS = ("HeavyTails()", "HeavyTails(variant='released')")
WITHOUT_PASS = ("Hyperparameters()", "Nothing()", "ParameterCount()")
NOT_FINITE = {"not (all )?finite": {*MEASURES} - {*WITHOUT_PASS}}

DEAD = {
    "the activation is the same for all samples": {"TapMargins()"},
    "are all zero": {*LAYER_NORMS, *OVER_NORMS, *HEAVY_TAILS},
    "maps everything to zero": {*SPECTRAL},
    "the Jacobian is zero": {*JACOBIAN_MARGINS},
    "features do not vary within classes": {"KVarianceMargins()"},
}

# What is made of a network, and which measures then have no value, by the reason they give.
CASES = [
    *cases(dead_tap, DEAD, ["convnet-bn", "mlp-tanh"]),
    # Of this one the second layer is the first tap.
    *cases(
        dead_tap, {**DEAD, "two classes have the same mean": {"ClassSeparation()"}}, ["mlp-deep"]
    ),
    *cases(
        never_right,
        {
            "no training sample is classified": {"TapMargins()", *SPECTRAL, *JACOBIAN_MARGINS},
            "no image is classified correctly at the smallest": {"PerturbationResponse()"},
        },
    ),
    *cases(class_missing, {}),
    *cases(no_running_variance, {}, ["convnet-bn"]),
    *cases(saturated, {}),
    *cases(
        one_image,
        {
            "'input' the activation is the same for all samples": {"TapMargins()"},
            "are of one class": {"ClassSeparation()"},
            "no class has two training images": {"KVarianceMargins()", "PerturbationResponse()"},
            "it has one training image": {"LabelVariation()"},
            "a batch takes two training images": {"ProjectionNorm()"},
        },
    ),
    *cases(first_weights_not_numbers, NOT_FINITE, ["convnet-bn"]),
    *cases(last_weight_infinite, NOT_FINITE, ["mlp-deep"]),
]
# Without biases nothing at all comes out behind a dead tap: the logits are zero.
UNBIASED = {
    "dead_tap": {
        "its output on the reference image is zero": {"NormalizedLossOutput()"},
        "no training sample is classified": {"TapMargins()", *JACOBIAN_MARGINS},
        "features do not vary within classes": {"KVarianceMargins()"},
        "are all zero": {*OVER_NORMS, *HEAVY_TAILS},
    }
}


def exact_jacobian_norm(images_of):
    """Mean ‖∂ softmax / ∂x‖_F by the definition, with digits enough for a saturated softmax."""

    def mean_norm(measure, network):
        images = images_of(network)
        with localcontext() as context:
            context.prec = 300
            norms = [_exact_norm(network.module, image) for image in images]
        return {"jacobian_norm": float(sum(norms) / len(images))}

    return mean_norm


def _exact_norm(module, image):
    def logits(x):
        return module(x[None])[0]

    scores = [Decimal(value) for value in logits(image).tolist()]
    total = sum(score.exp() for score in scores)
    p = [score.exp() / total for score in scores]
    squares = Decimal(0)
    by_pixel = torch.autograd.functional.jacobian(logits, image).flatten(1).T.tolist()
    for derivatives in by_pixel:
        of_logits = [Decimal(value) for value in derivatives]
        mean = sum(share * value for share, value in zip(p, of_logits, strict=True))
        rows = (share * (value - mean) for share, value in zip(p, of_logits, strict=True))
        squares += sum(row * row for row in rows)
    return squares.sqrt()


@functools.cache
def at_the_edge(make, name):
    """The same network for all measures."""
    with torch.no_grad():
        return make(new_network(name, samples=12))


# Where the softmax is saturated doubles cancel in its Jacobian as `references` has it.
EXACT = {
    JacobianNorm: exact_jacobian_norm(lambda network: network.test_inputs),
    JacobianNormTrain: exact_jacobian_norm(lambda network: network.train.images),
}


@pytest.mark.parametrize(
    ("key", "make", "reasons", "name"),
    [
        pytest.param(key, *case.values, id=f"{key}-{case.id}")
        for key, measure in MEASURES.items()
        for case in CASES
        if defined_on(measure, [case.values[-1]])
    ],
)
def test_finite_and_right_or_not_measurable(key, make, reasons, name):
    measure, network = MEASURES[key], at_the_edge(make, name)
    if name == "mlp-tanh":
        reasons = UNBIASED.get(make.__name__, reasons)
    expected = [reason for reason, measures in reasons.items() if repr(measure) in measures]
    if expected:
        who = re.escape(f"{measure.name} on network at-the-edge: ")
        with pytest.raises(NotMeasurable, match=f"^{who}.*{expected[0]}"):
            compute_signature(measure, network)
        return
    found = compute_signature(as_exact(measure), network)
    reference = REFERENCES[type(measure)]
    if make in (saturated, no_running_variance):
        reference = EXACT.get(type(measure), reference)
    wanted = reference(measure, network)
    # A trace may be nothing beside the entries that it is estimated from.
    assert_agrees(found, wanted, rel=1e-6, most_error=1e6)


def test_the_table_names_measures_that_exist():
    named = {
        measure
        for reasons in [*(case.values[1] for case in CASES), *UNBIASED.values()]
        for measures in reasons.values()
        for measure in measures
    }
    assert named <= {*MEASURES}
