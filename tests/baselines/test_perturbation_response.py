import functools
import statistics

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import demogen
from baselines.functional.perturbation_response import (
    cumulative_area,
    gi_score,
    pal_score,
    partners,
)
from baselines.perturbation_response import PerturbationResponse
from demogen.errors import NotMeasurable, PredictorError
from tests.baselines.conftest import shared_network
from tests.baselines.test_invariances import changed


def test_a_network_that_is_always_right_has_the_ideal_scores():
    assert gi_score([1.0] * 11) == 0
    assert pal_score([1.0] * 11) == pytest.approx(84, rel=1e-12)  # (1 − 0.4²) / 0.1²
    assert gi_score([0.0] * 11) == 0.5


@pytest.mark.parametrize("magnitudes", [2, 3, 11])
def test_scores_of_a_line_are_those_by_hand(magnitudes):
    """A(a) = 1 − a, so that P(a) = a − a²/2 and the area under it to b is b²/2 − b³/6."""
    line = list(np.linspace(1, 0, magnitudes))
    area = {b: b**2 / 2 - b**3 / 6 for b in (0.1, 0.25, 0.4, 1.0)}
    assert {b: cumulative_area(line, b) for b in area} == pytest.approx(area, rel=1e-12)
    assert gi_score(line) == pytest.approx(1 / 6, rel=1e-12)
    assert pal_score(line) == pytest.approx((area[1.0] - area[0.4]) / area[0.1], rel=1e-12)


def test_areas_of_any_curve_are_those_by_quadrature():
    curve = np.random.default_rng(3).random(11)
    fine = np.linspace(0, 1, 200_001)
    a = np.interp(fine, np.linspace(0, 1, 11), curve)
    p = np.concatenate([[0], np.cumsum((a[1:] + a[:-1]) / 2) * fine[1]])
    for end in (0.1, 0.33, 0.4, 1.0):
        upto = fine <= end + 1e-12
        area = np.trapezoid(p[upto], fine[upto])
        assert cumulative_area(curve.tolist(), end) == pytest.approx(area, rel=1e-7)


def test_every_partner_but_the_image_itself_is_drawn_equally_often():
    labels = np.array([2, 0, 2, 1, 2, 0])
    for same in (True, False):
        for place in range(len(labels)):
            found = []
            for draw in np.arange(60) / 60:
                pairs = partners(labels, len(labels), same, np.full(len(labels), draw))
                found += pairs[1][pairs[0] == place].tolist()
            candidates = [
                other
                for other in range(len(labels))
                if other != place and (labels[other] == labels[place]) == same
            ]
            counts = {other: found.count(other) for other in candidates}
            assert counts == dict.fromkeys(candidates, 60 // max(1, len(candidates)))
            assert sum(counts.values()) == len(found)


@functools.cache
def trained():
    """A small network that has learnt 600 digits, a tenth of the labels wrong, and these."""
    digits = demogen.load_images("digits")
    images = digits.standardize(digits.train.images, "image")[:600]
    labels = torch.as_tensor(digits.train.labels[:600]).clone()
    labels[::10] = (labels[::10] + 1) % 10
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    with torch.enable_grad():
        optimizer = torch.optim.Adam(module.parameters(), 0.02)
        for _ in range(100):
            optimizer.zero_grad()
            F.cross_entropy(module(images), labels).backward()
            optimizer.step()
    return module, images, labels


def of_trained(id, **parameters):
    network = demogen.Network.of(*trained(), id=id)
    return PerturbationResponse(**parameters).compute(network)


def test_partners_of_three_seeds_change_the_scores_by_a_few_percent():
    found = [of_trained("one", seed=seed) for seed in range(3)]
    assert found[0] != found[1]
    for feature in found[0]:
        values = [one[feature] for one in found]
        error = statistics.stdev(values) / 3**0.5
        assert error / statistics.mean(values) < 0.05, values


def test_partners_are_drawn_by_the_id_of_the_network():
    assert of_trained("one") == of_trained("one")
    assert of_trained("one") != of_trained("another")


def test_mixtures_between_classes_cost_more_accuracy_than_within():
    found = of_trained("one")
    assert 0 < found["intra.gi"] < found["inter.gi"] < 0.5
    assert 0 < found["inter.pal"] < 84 < found["intra.pal"]  # where it rises, labels are wrong


def test_mixtures_at_a_linear_tap_are_those_of_the_images():
    """The first layer is linear: a mixture of its outputs is its output for the mixture."""
    assert of_trained("one", tap="h1") == of_trained("one")


def test_the_curves_begin_with_the_accuracy_and_give_the_scores():
    network = demogen.Network.of(*trained(), id="one")
    curves = PerturbationResponse(images=600).details(network)
    module, images, labels = trained()
    accuracy = float((module(images).argmax(1) == labels).double().mean())
    assert curves["intra"][0] == curves["inter"][0] == pytest.approx(accuracy, rel=1e-12)
    assert curves["magnitude"].tolist() == pytest.approx([step / 10 for step in range(11)])
    signature = of_trained("one", images=600)
    assert signature["inter.gi"] == gi_score(curves["inter"].tolist())


def test_an_image_alone_in_its_class_is_left_out_within_classes_only():
    network = shared_network("mlp")
    labels = torch.arange(24) % 2
    labels[:2] = torch.tensor([2, 3])
    curves = PerturbationResponse().details(changed(network, labels=labels))
    predicted = network.module(network.train.images).argmax(1)
    right = (predicted == labels).double()
    assert curves["intra"][0] == pytest.approx(float(right[2:].mean()), rel=1e-12)
    assert curves["inter"][0] == pytest.approx(float(right.mean()), rel=1e-12)


def test_what_has_no_partners_or_no_tap_is_refused():
    network = shared_network("mlp")
    with pytest.raises(NotMeasurable, match="of one class, so there are no others to mix"):
        PerturbationResponse().compute(changed(network, labels=torch.zeros(24, dtype=torch.int64)))
    few = changed(network, images=network.train.images[:10], labels=torch.arange(10))
    with pytest.raises(NotMeasurable, match="no class has two training images"):
        PerturbationResponse().compute(few)
    with pytest.raises(NotMeasurable, match="none of the taps h9"):
        PerturbationResponse(tap="h9").compute(network)
    with pytest.raises(PredictorError, match="at least 2, not 1"):
        PerturbationResponse(magnitudes=1).compute(network)
