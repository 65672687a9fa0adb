"""Networks that are odd but valid: each measure has a value, or says why not; none breaks."""

import warnings

import pytest
import torch
from torch import nn

import baselines
from baselines.class_separation import ClassSeparation
from baselines.curvature import Curvature
from baselines.heavy_tails import HeavyTails
from baselines.k_variance import KVarianceMargins
from baselines.label_variation import LabelVariation
from baselines.norms import MarginNorms, WeightNorms
from demogen.errors import NotMeasurable, PredictorError
from demogen.measuring import compute_signature, measure_together
from demogen.networks.network import Access, Network
from tests.baselines.conftest import shared_network

MEASURES = {
    repr(predictor.measure): predictor.measure
    for predictor in baselines.ALL
    if not predictor.measure.access & (Access.SPEC | Access.SIBLINGS)
}
CLASSES = 4


class OnlyScales(nn.Module):
    """Parameters of one dimension alone."""

    def __init__(self):
        super().__init__()
        self.scale, self.shift = (nn.Parameter(torch.rand(CLASSES) + 0.5) for _ in range(2))

    def forward(self, x):
        return x.flatten(1)[:, :CLASSES] * self.scale + self.shift


def convolutions():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 8, 3, padding=1, groups=4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(32, CLASSES),
    )


def one_layer():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, CLASSES))


def saturating():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Hardtanh(), nn.Linear(8, CLASSES))


def odd(make, scale=1.0, dtype=torch.float32, count=12, classes=CLASSES):
    generator = torch.Generator().manual_seed(5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        module, initial = make().to(dtype), make().to(dtype)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(scale)
    images = torch.randn(count, 1, 8, 8, generator=generator).to(dtype)
    inputs = torch.randn(6, 1, 8, 8, generator=generator).to(dtype)
    labels = torch.arange(count) % classes
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "all outputs of the network lie", RuntimeWarning)
        return Network.of(module, images, labels, initial=initial, test_inputs=inputs)


@pytest.mark.parametrize("make", [convolutions, one_layer, OnlyScales])
@pytest.mark.parametrize(
    "how",
    [
        {"count": 0},
        {"count": 1},
        {"classes": 1},
        {"dtype": torch.bfloat16},
        {"scale": 0.0},
        {"scale": 1e18},
        {"scale": torch.nan},
        {"scale": 1e-300, "dtype": torch.float64},
        {"scale": 1e-160, "dtype": torch.float64},
        {"scale": 1e100, "dtype": torch.float64},
        {"scale": 1e160, "dtype": torch.float64},
    ],
    ids=str,
)
def test_no_measure_breaks(make, how):
    found = measure_together(MEASURES, odd(make, **how))
    assert [one.reason for one in found.values() if one.fault] == []


def test_what_leaves_the_range_of_a_double_is_named():
    large = odd(one_layer, 1e160, torch.float64)
    for measure, reason in [
        (WeightNorms(), "feature 'l2' is inf"),
        (MarginNorms(), "the square of its margin, .*e.*, is out of range"),
    ]:
        with pytest.raises(NotMeasurable, match=reason):
            compute_signature(measure, large)
    wide = odd(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), 1e-160, torch.float64)
    with pytest.raises(NotMeasurable, match="square of the largest singular value of layer '1'"):
        compute_signature(HeavyTails(), wide)


def test_activations_that_overflow_where_logits_do_not_are_named():
    network = odd(saturating)
    with torch.no_grad():
        network.module.get_parameter("1.weight").mul_(3e38)
    with pytest.raises(NotMeasurable, match="distances of features are not all finite"):
        compute_signature(KVarianceMargins(), network)


def test_curvature_of_weights_needs_some():
    with pytest.raises(NotMeasurable, match="no parameters of two dimensions"):
        compute_signature(Curvature(parameters="weights"), odd(OnlyScales))


@pytest.mark.parametrize(
    "measure",
    [measure for measure in MEASURES.values() if measure.access == Access.TRAIN],
    ids=repr,
)
def test_without_images_each_says_so(measure):
    network = shared_network("nin-bn")
    empty = Network.of(
        network.module,
        network.train.images[:0],
        network.train.labels[:0],
        initial=network.initial,
        test_inputs=network.test_inputs,
        spec=network.spec,
    )
    with pytest.raises(NotMeasurable, match="there are no images to measure it on"):
        compute_signature(measure, empty)


@pytest.mark.parametrize(
    "measure",
    [
        *(LabelVariation(graphs=0), LabelVariation(mixtures=0), KVarianceMargins(per_class=1)),
        *(ClassSeparation(images=1), ClassSeparation(per_class=0), ClassSeparation(partners=0)),
    ],
    ids=repr,
)
def test_parameters_that_leave_nothing_to_compare_are_refused(measure):
    with pytest.raises(PredictorError, match="must be at least"):
        compute_signature(measure, shared_network("nin-bn"))
