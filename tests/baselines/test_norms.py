"""Norms of weights: the authors' values, what leaves them as they are, and refusals."""

import math
from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.norms import (
    LOG_PROD_OF_SPEC,
    PATH_NORM,
    InitialDistances,
    MarginDistance,
    MarginNorms,
    WeightNorms,
)
from demogen.errors import NotMeasurable, PredictorError
from demogen.networks.homogeneity import affine_layers
from demogen.networks.network import Access, Network
from tests.baselines import dziugaite2020
from tests.baselines.conftest import shared_network
from tests.zoo_recipes.importing.foreign import at_hand

KINDS = (WeightNorms, InitialDistances, MarginNorms, MarginDistance)
QUICK = settings(max_examples=15, deadline=None, derandomize=True, database=None)
FACTORS = st.floats(min_value=1e-2, max_value=1e2)
UNIT_BY_UNIT = ("path_norm", "path_norm_over_margin", "inverse_margin", "params")
"""Features that do not change when units are rescaled one by one."""

LAYER_BY_LAYER = (
    *UNIT_BY_UNIT,
    "log_prod_of_spec",
    "log_sum_of_spec",
    "log_prod_of_fro",
    "log_sum_of_fro",
    "fro_over_spec",
    "log_prod_of_spec_over_margin",
    "log_sum_of_spec_over_margin",
    "log_prod_of_fro_over_margin",
    "log_sum_of_fro_over_margin",
    "log_spec_orig_main",
)


def all_features(network, variant="paper"):
    found = {}
    for kind in KINDS:
        found |= kind(variant).compute(network.view(kind.access))
    return found


@at_hand
@pytest.mark.parametrize(
    "name",
    [
        "L2",
        "PARAMS",
        "INVERSE_MARGIN",
        "LOG_PROD_OF_SPEC",
        "LOG_SPEC_INIT_MAIN",
        "FRO_OVER_SPEC",
        "LOG_SUM_OF_FRO",
        "PATH_NORM",
    ],
)
def test_released_variant_gives_what_the_authors_code_gives(name):
    found = all_features(dziugaite2020.network(), "released")
    measured = dziugaite2020.adjusted(name, found[name.lower()])
    assert measured == pytest.approx(dziugaite2020.value(name), rel=1e-6)


@at_hand
def test_where_the_paper_and_the_code_differ_on_that_network():
    network = dziugaite2020.network()
    paper, released, by_fft = (
        all_features(network, variant) for variant in ("paper", "released", "released-fft")
    )
    # Folded batch norm that still divides by √(1 + eps).
    assert released["path_norm"] / paper["path_norm"] == pytest.approx(1 - 3.3e-5, abs=2e-6)
    assert paper["log_prod_of_spec"] < by_fft["log_prod_of_spec"]
    assert paper["log_prod_of_spec"] != pytest.approx(released["log_prod_of_spec"], rel=1e-3)
    for name in ("l2", "param_norm", "fro_dist", "log_prod_of_fro"):
        assert paper[name] == released[name] == by_fft[name]


def test_relations_among_the_features():
    found = all_features(shared_network("convnet-bn"))
    assert found["l2"] ** 2 == pytest.approx(found["param_norm"], rel=1e-12)
    assert found["l2_dist"] ** 2 == pytest.approx(found["fro_dist"], rel=1e-12)
    assert found["path_norm_over_margin"] == pytest.approx(
        found["path_norm"] * found["inverse_margin"], rel=1e-12
    )
    over = math.log(found["inverse_margin"])
    for kind in ("spec", "fro"):
        product = found[f"log_prod_of_{kind}"]
        assert found[f"log_prod_of_{kind}_over_margin"] == pytest.approx(product + over)
    assert found["dist_spec_init"] > 0


def rescaled(module, layer, factors):
    """The same function: units of one layer multiplied, what reads them divided."""
    module = deepcopy(module)
    weights = [entry.module for entry in module.weight_layers((6,))]
    weights[layer].weight.mul_(factors[:, None])
    weights[layer].bias.mul_(factors)
    weights[layer + 1].weight.div_(factors)
    return module


@QUICK
@given(st.integers(0, 2), st.lists(FACTORS, min_size=5, max_size=5))
def test_rescaling_of_units_leaves_the_path_norm(layer, factors):
    factors = torch.tensor(factors, dtype=torch.float64)
    before, after = all_features(plain()), all_features(plain((layer, factors)))
    for name in UNIT_BY_UNIT:
        assert after[name] == pytest.approx(before[name], rel=1e-9), name
    if factors.max() / factors.min() > 2:
        assert after["param_norm"] != pytest.approx(before["param_norm"], rel=1e-6)


@QUICK
@given(st.integers(0, 2), FACTORS)
def test_rescaling_of_layers_leaves_products(layer, factor):
    factors = torch.full((5,), factor, dtype=torch.float64)
    before, after = all_features(plain()), all_features(plain((layer, factors)))
    for name in LAYER_BY_LAYER:
        assert after[name] == pytest.approx(before[name], rel=1e-9, abs=1e-9), name


def plain(change=None):
    """A dense ReLU network 6-5-5-5-3 on random images; `change` rescales its layers."""
    generator = torch.Generator().manual_seed(2)
    layers = []
    for inputs, outputs in ((6, 5), (5, 5), (5, 5), (5, 3)):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    module, initial = torch.nn.Sequential(*layers[:-1]).double(), None
    for parameter in module.parameters():
        parameter.data.normal_(0, 1, generator=generator)
    images = torch.randn(30, 6, generator=generator, dtype=torch.float64)
    labels = module(images).argmax(1)
    initial = deepcopy(module)
    initial[0].weight.data += 1
    network = Network.of(module, images, labels, initial=initial)
    if change is None:
        return network
    return Network.of(rescaled(network.module, *change), images, labels, initial=initial)


def test_products_beyond_a_double(make_chain):
    module = make_chain(*[3] * 40).requires_grad_(False)
    images = torch.randn(20, 3, dtype=torch.float64)
    labels = torch.arange(20) % 3

    def product():
        network = Network.of(deepcopy(module), images, labels)
        layers = affine_layers(network.module, (3,))
        norms = [float(np.linalg.norm(layer.weight, 2)) for layer in layers]
        wanted = 2 * math.fsum(map(math.log, norms))
        found = WeightNorms().compute(network)["log_prod_of_spec"]
        assert found == pytest.approx(wanted, rel=1e-12)
        return found

    before = product()
    for layer in module.children():
        if isinstance(layer, torch.nn.Linear):
            layer.weight.mul_(1e4)
    assert product() == pytest.approx(before + 39 * 2 * 4 * math.log(10), rel=1e-12)


def test_access_is_what_is_read():
    assert [kind.access for kind in KINDS] == [
        Access.NONE,
        Access.INITIAL,
        Access.TRAIN,
        Access.TRAIN | Access.INITIAL,
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_variant_is_named(kind):
    network = shared_network("mlp")
    with pytest.raises(PredictorError, match="no variant 'exact'; there are: paper, released"):
        kind("exact").compute(network)


def test_a_network_that_has_not_moved_has_no_distance_over_margin(make_network):
    network = make_network("mlp")
    train, module = network.train, network.module
    still = Network.of(module, train.images, train.labels, initial=module)
    assert InitialDistances().compute(still) == dict.fromkeys(
        ("l2_dist", "fro_dist", "dist_spec_init"), 0.0
    )
    with pytest.raises(NotMeasurable, match="no layer has moved"):
        MarginDistance().compute(still)


def test_regressors_are_of_the_bounds_form():
    assert PATH_NORM.regressor.steps[0][1].transform([[4.0]]).tolist() == [[2.0]]
    assert type(LOG_PROD_OF_SPEC.regressor).__name__ == "LeastSquares"
