import numpy as np
import pytest
import torch

from baselines.sparsity import (
    UNIT_SPARSITY,
    UNIT_SPARSITY_KAPPA,
    UNIT_SPARSITY_RELEASED,
    UNIT_SPARSITY_ZETA,
    UnitSparsity,
)
from demogen.errors import NotMeasurable
from demogen.measuring.together import compute_signature
from demogen.networks.network import Network


def test_columns_of_the_predictors_are_features(make_network):
    features = list(UnitSparsity().compute(make_network("nin")))
    designs = {
        predictor.name: predictor.design(features)
        for predictor in (
            UNIT_SPARSITY,
            UNIT_SPARSITY_KAPPA,
            UNIT_SPARSITY_RELEASED,
            UNIT_SPARSITY_ZETA,
        )
    }
    assert designs == {
        "unit-sparsity": ["zeta", "kappa"],
        "unit-sparsity-kappa": ["kappa"],
        "unit-sparsity-released": ["zeta", "kappa_released"],
        "unit-sparsity-zeta": ["zeta"],
    }


def test_the_signature_is_the_mean_of_the_details(network):
    details = UnitSparsity().details(network)
    signature = UnitSparsity().compute(network)
    for feature, value in signature.items():
        assert details[feature].mean() == pytest.approx(value)
    labels, module = network.train.labels, network.module
    predicted = module(network.train.images).argmax(1)
    for row, label in enumerate(details["classes"]):
        accuracy = (predicted[labels == label] == label).double().mean().item()
        assert details["descending"][row, 0] == details["ascending"][row, 0] == accuracy
        assert details["descending"][row, -1] == details["ascending"][row, -1]
    assert 0 <= signature["zeta"] <= 1
    assert abs(signature["kappa_released"]) <= signature["kappa"] < 1


def test_details_hold_the_turning_points(network):
    details = UnitSparsity().details(network)
    M = details["descending"].shape[1] - 1
    n0, n0_r = details["n0"], details["n0_r"]
    np.testing.assert_allclose((n0 + M - n0_r) / (2 * M), details["zeta"], rtol=1e-12)
    for row, (first, last) in enumerate(zip(n0, n0_r, strict=True)):
        falling, kept = details["descending"][row], details["ascending"][row, :M]
        if (falling <= 0.1).any():
            assert falling[first] <= 0.1
            assert (falling[:first] > 0.1).all()
        else:
            assert falling[first] == falling.min()
        assert kept[last] == kept.max()
        assert (kept[last + 1 :] < kept[last]).all()


def test_a_network_that_is_never_right_is_measured(make_network):
    network = make_network("convnet")
    wrong = network.module(network.train.images).argmin(dim=1)
    never = Network.of(network.module, network.train.images, wrong)
    signature = compute_signature(UnitSparsity(), never)
    assert signature["kappa_released_relative"] == 0
    assert np.isfinite(list(signature.values())).all()


def test_single_and_double_precision_agree(make_network):
    single, double = make_network("nin-bn", torch.float32), make_network("nin-bn")
    double.module.load_state_dict(single.module.state_dict())
    images, labels = single.train.images, single.train.labels
    double = Network.of(double.module, images, labels)
    assert UnitSparsity().compute(single) == pytest.approx(UnitSparsity().compute(double))


def test_a_network_without_a_place_for_units_is_named(make_network):
    network = make_network("mlp")
    network.module._units_end = None
    with pytest.raises(NotMeasurable, match="unit-sparsity on network .* no place for unit"):
        compute_signature(UnitSparsity(), network)
