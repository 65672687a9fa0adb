import numpy as np
import pytest
import torch

from baselines.functional.losses import logits_of
from baselines.functional.margins import tap_margins
from baselines.functional.spectra import log_spectral_complexity
from baselines.margins import TapMargins
from baselines.regressors import log_floored
from baselines.spectral import SpectralMargin
from demogen.errors import NotMeasurable
from demogen.homogeneity import affine_layers
from demogen.network import Network

STATISTICS = ("lower_fence", "q1", "median", "q3", "upper_fence")


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("keep_negative", [True, False])
def test_signature_of_margins(make_network, normalize, keep_negative):
    network = make_network("nin-bn")
    train = network.train
    measure = TapMargins(normalize, epsilon=0.01, keep_negative=keep_negative)
    signature = measure.compute(network)
    assert set(signature) == {f"{t}.{s}" for t in ("input", "h1", "h2", "h3") for s in STATISTICS}
    found = tap_margins(network.module, train.images, train.labels, epsilon=0.01)
    for tap, distribution in found.items():
        margins = (distribution.normalized() if normalize else distribution.margins).numpy()
        margins = margins if keep_negative else margins[margins > 0]
        assert measure.details(network)[tap] == pytest.approx(margins)
        for name, percent in {"q1": 25, "median": 50, "q3": 75}.items():
            value = np.percentile(margins, percent)
            assert signature[f"{tap}.{name}"] == pytest.approx(value)
        assert (signature[f"{tap}.lower_fence"] < 0) == keep_negative


def test_signature_of_spectral_margins(make_network):
    network = make_network("convnet-bn")
    images, labels = network.train.images, network.train.labels
    logits = logits_of(network.module, images).numpy()
    chosen = logits[np.arange(len(labels)), labels]
    others = logits.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    complexity = np.exp(log_spectral_complexity(affine_layers(network.module, (1, 8, 8))))
    data = np.linalg.norm(images.numpy()) / len(images)
    margins = (chosen - others.max(axis=1)) / (complexity * data)
    found = SpectralMargin().details(network)["output"]
    assert found == pytest.approx(margins[margins > 0], rel=1e-9, abs=0)
    signature = SpectralMargin().compute(network)
    assert set(signature) == {f"output.{s}" for s in STATISTICS}
    assert signature["output.median"] == pytest.approx(
        np.median(margins[margins > 0]), rel=1e-9, abs=0
    )


@pytest.mark.parametrize("measure", [TapMargins(), SpectralMargin()])
def test_without_a_correct_sample_there_is_no_signature(make_network, measure):
    network = make_network("convnet")
    images = network.train.images
    wrong = network.module(images).argmin(dim=1)
    with pytest.raises(NotMeasurable, match="no training sample is classified correctly"):
        measure.compute(Network.of(network.module, images, wrong))


def test_a_dead_tap_is_named(make_network):
    network = make_network("mlp-deep")
    with torch.no_grad():
        network.module.layer2.bias.fill_(-1e3)
    with pytest.raises(NotMeasurable, match="at tap 'h2' the activation is the same for all"):
        TapMargins().compute(network)
    values = TapMargins(normalize=False, keep_negative=True).compute(network).values()
    assert np.isfinite(list(values)).all()


def test_complexities_beyond_a_double_are_refused(make_network):
    network = make_network("mlp")
    with torch.no_grad():
        network.module.layer1.weight *= 1e160
        network.module.classifier.weight *= 1e140
    network = Network.of(network.module, network.train.images * 1e-10, network.train.labels)
    with pytest.raises(NotMeasurable, match="spectral complexity"):
        SpectralMargin().compute(network)


def test_logarithms_have_a_floor():
    values = np.array([[1e-300, 1e-12, 1.0], [-5.0, 0.0, np.e]])
    floor = np.log(1e-12)
    assert log_floored(values) == pytest.approx(np.array([[floor, floor, 0], [floor, floor, 1]]))
