"""All measures together on one network: what each gives alone, from fewer passes."""

import time

import pytest
import torch
from torch import nn

from baselines.functional import spectra, weight_noise
from baselines.pac_bayes import Flatness, PacBayes
from demogen.errors import NotMeasurable
from demogen.measuring import (
    compute_signature,
    get_predictor,
    list_predictors,
    measure_together,
)
from demogen.measuring.predictor import Measure
from demogen.networks.network import Access, Network, Sources


def all_measures():
    measures = [get_predictor(name).measure for name in list_predictors()]
    return {repr(measure): measure for measure in measures}


@pytest.mark.parametrize("name", ["nin-bn", "own-residual"])
def test_together_each_gives_what_it_gives_alone(make_network, name):
    network = make_network(name)
    measures = all_measures()
    together = measure_together(measures, network)
    assert list(together) == list(measures)
    for key, measure in measures.items():
        if together[key].signature is None:
            with pytest.raises(NotMeasurable) as refusal:
                compute_signature(measure, network)
            assert together[key].reason == str(refusal.value)
            continue
        alone = compute_signature(measure, network)
        assert together[key].signature == pytest.approx(dict(alone), rel=1e-9, abs=1e-300), key
        assert together[key].seconds > 0


OF_THEIR_OWN = (
    *("flatness", "pac-bayes", "transitions", "unit-sparsity"),
    # Of the parameters.
    *("curvature", "fisher-rao", "sam-sharpness"),
    # Of other images, other networks, or of both kinds of images at once.
    *("turned-consistency", "disagreement", "thresholded-confidence", "projection-norm"),
    # Of mixtures of images.
    *("class-separation", "label-variation", "perturbation-response"),
)
"""Measures that make their own passes."""


def test_all_measures_of_the_training_images_take_one_sweep(make_network):
    network = make_network("nin-bn")
    forward, backward = [], []
    first = network.module.chain()[0][1]
    first.register_forward_hook(lambda layer, inputs, _: forward.append(len(inputs[0])))
    first.register_full_backward_hook(lambda *_: backward.append(1))
    measures = {
        key: measure for key, measure in all_measures().items() if measure.name not in OF_THEIR_OWN
    }
    measure_together(measures, network)
    classes = 10
    train, test = len(network.train), len(network.test_inputs)
    batches = -(-train // network.batch_size), -(-test // network.batch_size)
    # The k-variance runs a sample again, class by class, here all images, and one more of each.
    sample = train + len(network.train.labels.unique())
    # One image, to see how large it makes activations, and zeros for the shapes of the layers.
    assert sum(forward) - train - test - sample <= 10
    # Every class at the training images and the direction of the probabilities; differences to the
    # most likely class at the test inputs.
    assert len(backward) == batches[0] * (classes + 1) + batches[1] * (classes - 1)


def test_norms_of_layers_are_computed_once(make_network, monkeypatch):
    network = make_network("nin-bn")
    names = []
    norm = spectra.spectral_norm
    monkeypatch.setattr(
        spectra, "spectral_norm", lambda layer: names.append(layer.name) or norm(layer)
    )
    kinds = ("spectral-margin", "spectral-margin-initial", "weight-norms", "margin-norms")
    measures = {k: m for k, m in all_measures().items() if m.name in kinds}
    assert len(measures) == 5
    measure_together(measures, network)
    assert len(names) == len(set(names)) == 10
    measure_together(measures, network)
    assert len(names) == 20  # nothing is kept for later: weights may have changed


def test_noise_is_looked_for_once(make_network, monkeypatch):
    network = make_network("nin-bn")
    searches = []
    change = weight_noise.NoiseTrials.__init__
    monkeypatch.setattr(
        weight_noise.NoiseTrials,
        "__init__",
        lambda self, module, search: searches.append(search.key) or change(self, module, search),
    )
    measure_together({"flatness": Flatness(), "bounds": PacBayes()}, network)
    assert len(searches) == 1  # for both kinds of noise
    measure_together({"other": Flatness(seed=1), "flatness": Flatness()}, network)
    assert len(searches) == 3


def test_what_is_computed_once_counts_for_each_as_if_alone(make_network, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def slow(module):
        clock[0] += 100.0

    class Asks(Measure):
        name = "asks"

        def compute(self, network):
            network.once(slow)
            clock[0] += 1.0
            return {}

    found = measure_together({"first": Asks(), "second": Asks()}, make_network("nin-bn"))
    assert [(one.seconds, one.share_seconds) for one in found.values()] == [(101, 101), (101, 1)]


def test_the_error_of_one_is_its_own(make_network):
    class Broken(Measure):
        name = "broken"

        def compute(self, network):
            return {"a": 1 / 0}

    network = make_network("nin-bn")
    large = get_predictor("large-margin-linear").with_parameters(gamma=-1.0).measure
    count = get_predictor("parameter-count").measure
    found = measure_together({"broken": Broken(), "large": large, "count": count}, network)
    assert found["broken"].reason == (
        f"broken on network {network.id}: ZeroDivisionError: division by zero"
    )
    assert found["broken"].fault
    assert "gamma and alpha have to be above 0" in found["large"].reason
    assert found["count"].signature["parameters"] > 0


def test_images_that_no_measure_may_read_are_the_reason_of_each():
    module = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    images = torch.randn(8, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    network = Network.of(module, images, torch.arange(8) % 3)
    images.mul_(2)
    names = ["inverse-squared-margin", "train-loss", "parameter-count", "sam-sharpness"]
    found = measure_together({name: get_predictor(name).measure for name in names}, network)
    assert found.pop("parameter-count").signature == {"parameters": 51.0}
    assert len(found) == 3
    for one in found.values():
        assert "were changed in place" in one.reason
        assert not one.fault


def test_test_inputs_as_they_are_pass_once(make_network):
    network = make_network("nin-bn")
    forward = []
    first = network.module.chain()[0][1]
    first.register_forward_hook(lambda layer, inputs, _: forward.append(len(inputs[0])))
    kinds = ("turned-consistency", "thresholded-confidence")
    measure_together({k: m for k, m in all_measures().items() if m.name in kinds}, network)
    # Upright, three turns and mirrored; and an image of each sweep, to see how large it is.
    wanted = len(network.train) + 5 * len(network.test_inputs)
    assert 0 < sum(forward) - wanted < len(network.test_inputs)


def test_initial_weights_are_made_once_and_each_measure_has_its_own(make_network):
    network, made = make_network("nin-bn"), []
    initial = network.initial
    sources = Sources(initial=lambda: made.append(1) or initial)
    together = Network(network.module, sources).remembering()
    first, second = (together.view(Access.INITIAL).initial for _ in range(2))
    assert made == [1]
    with torch.no_grad():
        next(first.parameters()).fill_(7)
    for other in (second, together.view(Access.INITIAL).initial, initial):
        assert not (next(other.parameters()) == 7).any()
    assert made == [1]
