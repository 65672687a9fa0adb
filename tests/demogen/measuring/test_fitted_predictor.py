"""Fitted predictors: intervals against order statistics by hand, coverage, files."""

import json
import math
import warnings
from collections import OrderedDict

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression
from torch import nn

import demogen
from demogen.errors import NotMeasurable, PredictorError, ZooError
from demogen.measuring import Coverage, FittedPredictor, fit
from demogen.measuring.fitted_predictor import FittedFile, FittedNetwork
from demogen.measuring.measure_identity import MeasureIdentity


@pytest.fixture(scope="module")
def zoo(tiny_zoo_folder):
    return demogen.load_zoo(tiny_zoo_folder)


@pytest.fixture(scope="module")
def fitted(zoo, tmp_path_factory):
    return fit("product-norm", zoo, cache=tmp_path_factory.mktemp("cache"))


def by_hand(fitted, zoo):
    """Row, gap and out-of-fold prediction of each network, with scikit-learn alone."""
    table = demogen.measure(demogen.get_predictor("product-norm"), zoo, cache=False)
    X, y = table.to_numpy(), zoo.table["gap"].loc[table.index].to_numpy()
    out_of_fold = np.empty_like(y)
    folds = zoo.splits[fitted.file.split].folds
    for fold in folds:
        test = table.index.isin(fold.test)
        out_of_fold[test] = LinearRegression().fit(X[~test], y[~test]).predict(X[test])
    return table, X, y, out_of_fold


def test_the_prediction_and_its_interval_are_those_made_by_hand(fitted, zoo):
    table, X, y, out_of_fold = by_hand(fitted, zoo)
    id = table.index[3]
    found = fitted.predict(zoo[id], level=0.8)
    errors = np.sort(np.abs(y - out_of_fold))
    half = errors[math.ceil((len(y) + 1) * 0.8) - 1]
    expected = LinearRegression().fit(X, y).predict(X[[3]])[0]
    assert found.gap == pytest.approx(expected, rel=1e-9)
    assert found.high - found.gap == pytest.approx(half, rel=1e-9)
    assert found.gap - found.low == pytest.approx(half, rel=1e-9)
    assert found.signature == {"log_product_norm": pytest.approx(X[3, 0])}
    assert str(found).startswith(f"gap {found.gap:.4f}, 80% interval {found.low:.4f} to")


def test_coverage_counts_networks_in_intervals_of_the_other_folds(fitted, zoo):
    table, _, y, out_of_fold = by_hand(fitted, zoo)
    errors = np.abs(y - out_of_fold)
    inside = 0
    for fold in zoo.splits[fitted.file.split].folds:
        test = table.index.isin(fold.test)
        others = np.sort(errors[~test])
        inside += (errors[test] <= others[math.ceil((len(others) + 1) * 0.8) - 1]).sum()
    assert fitted.coverage(0.8) == Coverage(inside, 24, 0.8)
    assert "product-norm on tiny (24 networks" in str(fitted)
    assert f"{fitted.coverage().inside / 24:.0%}" in str(fitted)


class Numbers(demogen.Measure):
    """Any numbers; no network is looked at."""

    name = "numbers"

    def compute(self, network):
        return {"x": 0.0}


def synthetic(count, seed, folds=10):
    """Gaps of a line with noise, out of fold by hand."""
    rng = np.random.default_rng(seed)
    x, noise = rng.normal(size=count), rng.normal(size=count)
    y, fold = x + noise, np.arange(count) % folds
    out = np.empty(count)
    for number in range(folds):
        test = fold == number
        out[test] = LinearRegression().fit(x[~test, None], y[~test]).predict(x[test, None])
    on_all = LinearRegression().fit(x[:, None], y).predict(x[:, None])
    file = FittedFile(
        predictor="numbers",
        measure=MeasureIdentity.of(Numbers()),
        columns=("x",),
        regressor="",
        zoo="synthetic",
        zoo_digest="",
        revision="",
        split="kfold-10",
        split_digest="",
        networks={
            f"n{i}": FittedNetwork(
                signature=(x[i],), gap=y[i], fold=int(fold[i]), predicted=out[i], fit=on_all[i]
            )
            for i in range(count)
        },
    )
    return FittedPredictor(file, demogen.Predictor.from_measure(Numbers()))


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_intervals_hold_as_many_new_networks_as_they_say(level):
    covered = []
    for seed in range(40):
        fitted = synthetic(60, seed)
        half = fitted.predict(NETWORK, level).high - fitted.predict(NETWORK, level).gap
        rng = np.random.default_rng(1000 + seed)
        x = rng.normal(size=200)
        y = x + rng.normal(size=200)
        predicted = fitted._regressor.predict(x[:, None])
        covered.append((np.abs(y - predicted) <= half).mean())
        shown = fitted.coverage(level)
        covered_here = shown.inside / shown.total
        assert abs(covered_here - level) < 0.15
    assert np.mean(covered) == pytest.approx(level, abs=0.02)


NETWORK = demogen.Network.of(
    nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), torch.zeros(2, 1, 8, 8), [0, 1]
)


def test_too_few_networks_for_an_interval_are_refused():
    with pytest.raises(PredictorError, match="20 networks .* too few for 99% .* need 99; ask for"):
        synthetic(20, 0).predict(NETWORK, 0.99)
    assert synthetic(20, 0, folds=20).predict(NETWORK, 20 / 21).level == 20 / 21
    for level in (0.0, 1.0, float("nan")):
        with pytest.raises(PredictorError, match="lies between 0 and 1"):
            synthetic(20, 0).predict(NETWORK, level)


def own_network(scale):
    torch.manual_seed(0)
    plain = nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(1, 4, 3),
            relu=nn.ReLU(True),
            flatten=nn.Flatten(),
            fc=nn.Linear(144, 10),
        )
    )
    with torch.no_grad():
        plain.fc.weight.mul_(scale)
    images = torch.randn(30, 1, 8, 8)
    return demogen.Network.of(plain, images, torch.arange(30) % 10, id="mine")


def test_a_network_outside_the_zoo_is_warned_of(fitted, zoo):
    with pytest.warns(RuntimeWarning, match="mine lies outside .* log_product_norm is"):
        found = fitted.predict(own_network(1e9))
    assert list(found.outside) == ["log_product_norm"]
    assert "; log_product_norm is" in str(found)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fitted.predict(zoo[zoo.ids[0]]).outside == {}
    residual = demogen.Network.of(
        demogen.TappedModule(
            OrderedDict(a=nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.GELU())), {}
        ),
        torch.zeros(2, 1, 8, 8),
        [0, 1],
    )
    with pytest.raises(NotMeasurable, match="GELU"):
        fitted.predict(residual)


def test_a_file_gives_the_same_predictions(fitted, zoo, tmp_path):
    path = tmp_path / "fitted.json"
    fitted.save(path)
    again = FittedPredictor.load(path)
    network = zoo[zoo.ids[0]]
    assert again.predict(network) == fitted.predict(network)
    assert again.file == fitted.file
    assert json.loads(path.read_text())["zoo_digest"] == zoo.digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.update(format=2), "no fitted predictor"),
        (lambda f: f.update(extra=1), "no fitted predictor"),
        (lambda f: f.update(networks={}), "no fitted predictor"),
        (lambda f: f.update(predictor="product-nrom"), "product-norm"),
        (lambda f: f.update(predictor="parameter-count"), "was fitted to product-norm"),
        (lambda f: f["measure"].update(version=99), "version 99 .* fit it again on tiny"),
        (lambda f: f["columns"].append("more"), "signatures are not its columns"),
        (lambda f: next(iter(f["networks"].values())).update(gap=9.0), "fits otherwise here"),
        (lambda f: next(iter(f["networks"].values())).update(gap="x"), "no fitted predictor"),
    ],
)
def test_files_that_are_none_are_refused_in_a_line(fitted, tmp_path, change, message):
    content = json.loads(fitted.file.model_dump_json())
    change(content)
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(content))
    with pytest.raises(PredictorError, match=message) as caught:
        FittedPredictor.load(path)
    assert "\n" not in str(caught.value)


def test_no_file_and_no_json(tmp_path):
    with pytest.raises(PredictorError, match="`demogen fit` writes"):
        FittedPredictor.load(tmp_path / "none.json")
    (tmp_path / "text.json").write_bytes(b"\xff{")
    with pytest.raises(PredictorError, match="no fitted predictor"):
        FittedPredictor.load(tmp_path / "text.json")


def test_what_cannot_be_fitted_is_refused(zoo, tmp_path):
    with pytest.raises(PredictorError, match="product-norm"):
        fit("product-nrm", zoo)
    with pytest.raises(ZooError, match="grouped-kfold-10|leave-one-out"):
        fit("product-norm", zoo, split="leave-one", cache=tmp_path)

    class Never(demogen.Measure):
        name = "never"

        def compute(self, network):
            raise NotMeasurable("it has no sides")

    with pytest.raises(ZooError, match="never: no network could be measured; .* it has no sides"):
        fit(Never(), zoo, cache=False)


def test_a_sample_of_the_images_is_not_fitted(zoo):
    with pytest.raises(ZooError, match="fit it without an image limit"):
        fit("product-norm", zoo, image_limit=50)
