"""Every baseline through the suite that is shipped for everybody's predictors."""

from collections import OrderedDict

import pytest
from torch import nn

import baselines
from demogen import check_predictor
from demogen.measuring.predictor import Measure
from demogen.networks.homogeneity import CHAINS
from demogen.networks.tapped_module import TappedModule


@pytest.mark.parametrize("predictor", baselines.ALL, ids=lambda predictor: predictor.name)
def test_passes_check_predictor_on_the_families_it_applies_to(predictor):
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


@pytest.mark.parametrize("measure", [p.measure for p in baselines.ALL], ids=repr)
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
            CHAINS: [True, False, False, False],
        }[measure.applies_to]
    )
