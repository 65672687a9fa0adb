import copy
import math

import pytest
import torch

from baselines.functional import spectra
from baselines.spectral import (
    SPECTRAL_MARGIN_INITIAL_LOG,
    SPECTRAL_MARGIN_L1_LOG,
    SPECTRAL_MARGIN_LOG,
    SpectralMargin,
    SpectralMarginInitial,
)
from demogen import measure
from demogen.errors import NotMeasurable, PredictorError
from demogen.measuring.together import compute_signature
from demogen.networks.network import Access, Network
from tests.baselines.references.spectral import margins
from tests.baselines.references.spectral import spectral_margin_initial as reference

KINDS = [SpectralMargin, SpectralMarginInitial]


def changed(network, module, initial=None):
    initial = network.initial if initial is None else initial
    return Network.of(module, network.train.images, network.train.labels, initial=initial)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("norm", ["two-one", "l1"])
def test_details_are_the_margins_behind_the_signature(make_network, kind, norm):
    network = make_network("convnet-bn")
    initial = network.initial if kind is SpectralMarginInitial else None
    found = kind(norm).details(network)["output"]
    assert found == pytest.approx(margins(norm, network, initial), rel=1e-9, abs=0)
    assert kind(norm).compute(network)["output.q1"] >= found.min()


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_norm_is_named(make_network, kind):
    with pytest.raises(PredictorError, match=r"no norm 'frobenius'; there are: l1, two-one"):
        kind("frobenius").compute(make_network("mlp"))


def test_the_predictors_tell_their_norms_apart(make_network):
    network = make_network("nin")
    predictors = (SPECTRAL_MARGIN_LOG, SPECTRAL_MARGIN_L1_LOG, SPECTRAL_MARGIN_INITIAL_LOG)
    medians = {measure(predictor, network)["output.median"] for predictor in predictors}
    assert len(medians) == 3


def test_access_is_what_is_read():
    assert SpectralMargin().access == Access.TRAIN
    assert SpectralMarginInitial().access == Access.TRAIN | Access.INITIAL


@pytest.mark.parametrize("norm", ["two-one", "l1"])
def test_a_network_that_has_not_moved_is_refused(make_network, norm):
    network = make_network("convnet")
    still = changed(network, network.module, initial=copy.deepcopy(network.module))
    with pytest.raises(NotMeasurable, match="on network network: every layer equals its ref"):
        compute_signature(SpectralMarginInitial(norm), still)


@pytest.mark.parametrize("norm", ["two-one", "l1"])
def test_layers_that_have_not_moved_are_left_out(make_network, norm):
    network = make_network("convnet")
    initial = copy.deepcopy(network.module)
    with torch.no_grad():
        initial.classifier[-1].weight *= 0.9
    half = changed(network, network.module, initial=initial)
    found = SpectralMarginInitial(norm).compute(half)
    assert found == pytest.approx(reference(SpectralMarginInitial(norm), half), rel=1e-9, abs=0)


def test_initial_weights_are_folded_with_the_initial_statistics(make_network):
    network = make_network("nin-bn")
    initial = copy.deepcopy(network.initial)
    with torch.no_grad():
        for name, buffer in initial.named_buffers():
            if name.endswith("running_var"):
                buffer *= 4.0
    other = changed(network, network.module, initial=initial)
    found, before = (SpectralMarginInitial().compute(n) for n in (other, network))
    assert found == pytest.approx(reference(SpectralMarginInitial(), other), rel=1e-9, abs=0)
    assert found["output.median"] != pytest.approx(before["output.median"], rel=1e-3)
    assert SpectralMargin().compute(other) == SpectralMargin().compute(network)


def test_initial_weights_may_be_of_another_precision(make_network):
    network = make_network("convnet-bn")
    single = changed(network, network.module, initial=copy.deepcopy(network.initial).float())
    double = changed(network, network.module, initial=copy.deepcopy(single.initial).double())
    found = SpectralMarginInitial().compute(single)
    assert found == pytest.approx(SpectralMarginInitial().compute(double), rel=1e-5, abs=0)


def permuted(module, order):
    with torch.no_grad():
        for parameter in (module.block1.conv1.weight, module.block1.conv1.bias):
            parameter.copy_(parameter[order])
        module.block1.conv2.weight.copy_(module.block1.conv2.weight[:, order])
    return module


@pytest.mark.parametrize("exact_entries", [0, 2**16])
def test_rescaled_and_permuted_units_make_no_difference(make_network, exact_entries, monkeypatch):
    monkeypatch.setattr(spectra, "EXACT_ENTRIES", exact_entries)
    network = make_network("nin")
    order = torch.randperm(6, generator=torch.Generator().manual_seed(2))
    module, initial = (permuted(copy.deepcopy(m), order) for m in (network.module, network.initial))
    other = changed(network, module, initial)
    for kind in KINDS:
        wanted = kind().compute(network)
        assert kind().compute(other) == pytest.approx(wanted, rel=1e-8, abs=0)
    with torch.no_grad():
        module.classifier.conv.weight *= 1e5
        module.classifier.conv.bias *= 1e5
    found = SpectralMargin().compute(other)
    assert found == pytest.approx(SpectralMargin().compute(network), rel=1e-8, abs=0)


@pytest.mark.parametrize("kind", KINDS)
def test_broken_networks_are_refused(make_network, kind):
    network = make_network("convnet")
    wrong = network.module(network.train.images).argmin(dim=1)
    without = Network.of(network.module, network.train.images, wrong, initial=network.initial)
    with pytest.raises(NotMeasurable, match="no training sample is classified correctly"):
        kind().compute(without)
    with torch.no_grad():
        network.module.classifier[-1].weight.zero_()
    with pytest.raises(NotMeasurable, match=r"layer 'classifier\..*' maps everything to zero"):
        kind().compute(network)


def test_diverged_initial_weights_are_refused(make_network):
    network = make_network("mlp")
    with torch.no_grad():
        network.initial.layer1.weight[0, 0] = math.nan
    with pytest.raises(NotMeasurable, match="weights of layer 'layer1' are not all finite"):
        SpectralMarginInitial().compute(network)
