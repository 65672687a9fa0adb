"""Every baseline through the suite that is shipped for everybody's predictors."""

import functools
from collections import OrderedDict

import pytest
from torch import nn

import baselines
from baselines.heavy_tails import WITH_A_TAIL
from baselines.transitions import Transitions
from demogen import check_predictor
from demogen.measuring import conformance
from demogen.measuring.conformance import example_networks
from demogen.measuring.predictor import Measure
from demogen.networks.homogeneity import CHAINS, FOLDED
from demogen.networks.tapped_module import TappedModule

# One predictor a measure: test_all_baselines fits the regressors of all.
BY_MEASURE = {repr(predictor.measure): predictor for predictor in baselines.ALL}


@pytest.fixture(scope="module", autouse=True)
def same_examples():
    """One set of example networks for all measures, which are held to leave them as they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conformance, "example_networks", functools.cache(example_networks))
        yield


@pytest.mark.parametrize("measure", BY_MEASURE)
def test_passes_check_predictor_on_the_families_it_applies_to(measure):
    predictor = BY_MEASURE[measure]
    if isinstance(predictor.measure, Transitions):
        # Each point and image is counted as the others are: fewer say the same sooner.
        predictor = predictor.with_parameters(points_per_step=4, images=12)
    check_predictor(predictor)


def chain(activation, norm):
    stages = OrderedDict(
        conv=nn.Conv2d(1, 4, 3),
        norm=norm,
        activation=activation,
        classifier=nn.Sequential(nn.Flatten(), nn.Linear(144, 3)),
    )
    return TappedModule(stages, {"h1": "norm"}, units="activation").eval()


RELU_CHAIN = chain(nn.ReLU(), nn.BatchNorm2d(4))
TANH_CHAIN = chain(nn.Tanh(), nn.BatchNorm2d(4))
GROUP_NORM_CHAIN = chain(nn.ReLU(), nn.GroupNorm(2, 4))


@pytest.mark.parametrize("measure", [p.measure for p in BY_MEASURE.values()], ids=repr)
def test_what_it_says_it_applies_to_is_what_it_applies_to(measure, make_network):
    residual = make_network("own-residual").module
    modules = (RELU_CHAIN, TANH_CHAIN, GROUP_NORM_CHAIN, residual)
    defined = [measure.applicable(module) is None for module in modules]
    assert (
        defined
        == {
            Measure.applies_to: [True, True, True, True],
            "networks with a place for units": [True, True, True, True],
            "chains with activations of known pieces": [True, True, True, False],
            FOLDED: [True, True, False, False],
            CHAINS: [True, False, False, False],
            WITH_A_TAIL: [True, True, True, True],
        }[measure.applies_to]
    )
