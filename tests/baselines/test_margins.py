import numpy as np
import pytest
import torch

from baselines import margins
from baselines.functional.losses import logits_of
from baselines.functional.margins import tap_margins
from baselines.functional.spectra import log_spectral_complexity
from baselines.margins import TapMargins
from baselines.regressors import log_floored
from baselines.spectral import SpectralMargin
from demogen.errors import NotMeasurable
from demogen.measuring.predictor import Predictor
from demogen.networks.homogeneity import affine_layers
from demogen.networks.network import Network

STATISTICS = ("lower_fence", "q1", "median", "q3", "upper_fence")


def test_signature_of_margins(make_network):
    network = make_network("nin-bn")
    train = network.train
    measure = TapMargins(epsilon=0.01)
    signature = measure.compute(network)
    names = [f"{kind}{s}" for kind in ("", "raw_", "signed_") for s in STATISTICS]
    names += [f"moment{k}" for k in range(1, 6)]
    assert set(signature) == {f"{t}.{s}" for t in ("input", "h1", "h2", "h3") for s in names}
    found = tap_margins(network.module, train.images, train.labels, epsilon=0.01)
    for tap, distribution in found.items():
        raw, signed = distribution.margins.numpy(), distribution.normalized().numpy()
        positive = signed[signed > 0]
        assert 0 < len(positive) < len(signed) == len(train)
        assert measure.details(network)[tap] == pytest.approx(positive)
        of_kind = {"": positive, "raw_": raw[raw > 0], "signed_": signed}
        for kind, values in of_kind.items():
            for name, percent in {"q1": 25, "median": 50, "q3": 75}.items():
                value = np.percentile(values, percent)
                assert signature[f"{tap}.{kind}{name}"] == pytest.approx(value)
            assert (signature[f"{tap}.{kind}lower_fence"] < 0) == (kind == "signed_")
        for k in range(1, 6):
            moment = (positive**k).mean() ** (1 / k)
            assert signature[f"{tap}.moment{k}"] == pytest.approx(moment)


def test_all_predictors_of_margins_cause_one_computation_and_take_columns_of_four_taps():
    predictors = [p for p in vars(margins).values() if isinstance(p, Predictor)]
    assert len(predictors) == 12
    assert {repr(p.measure) for p in predictors} == {"TapMargins()"}
    counts = {p.name: len(p.columns) for p in predictors}
    for place in ("input", "h1", "h2", "h3"):
        assert counts.pop(f"margin-{place}-log") == 5
    assert set(counts.values()) == {20}
    for predictor in predictors:
        assert (len(predictor.name.split("-log")) == 2) == ("log" in predictor.summary)
    changed = margins.MARGIN_TAP_LOG.with_parameters(epsilon=0.5)
    assert changed.measure.epsilon == 0.5


def test_logs_are_never_taken_of_margins_that_may_be_negative(make_network):
    signature = TapMargins().compute(make_network("convnet"))
    for predictor in vars(margins).values():
        if isinstance(predictor, Predictor):
            positive = all(signature[column] > 0 for column in predictor.design(list(signature)))
            assert positive == (predictor.name != "margin-quartiles-linear-negative")


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


def test_one_correct_sample_is_enough(make_network):
    network = make_network("convnet-bn")
    images = network.train.images
    labels = network.module(images).argmin(dim=1)
    labels[5] = network.module(images[5:6]).argmax()
    signature = TapMargins().compute(Network.of(network.module, images, labels))
    for tap in ("input", "h1", "h2", "h3"):
        (only,) = TapMargins().details(Network.of(network.module, images, labels))[tap]
        assert [signature[f"{tap}.{s}"] for s in STATISTICS] == [only] * 5
        moments = [signature[f"{tap}.moment{k}"] for k in range(1, 6)]
        assert moments == pytest.approx([only] * 5)


@pytest.mark.parametrize(
    ("scale", "reason"),
    [(1e200, "'input' the activations have no finite total variation"), (1e-150, None)],
)
def test_scales_at_the_ends_of_a_double(make_network, scale, reason):
    network = make_network("mlp-deep")
    with torch.no_grad():
        network.module.layer1.weight /= scale
    extreme = Network.of(network.module, network.train.images * scale, network.train.labels)
    if reason:
        with pytest.raises(NotMeasurable, match=reason):
            TapMargins(epsilon=0).compute(extreme)
        return
    expected = TapMargins(epsilon=0).compute(make_network("mlp-deep"))
    found = TapMargins(epsilon=0).compute(extreme)
    for name, value in expected.items():
        wanted = value * scale if name.startswith("input.raw_") else value
        assert found[name] == pytest.approx(wanted, rel=1e-9, abs=0)


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
