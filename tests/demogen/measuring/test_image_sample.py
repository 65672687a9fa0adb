"""Samples of a network's images: which they are, what is measured on them, how far it is off."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from baselines.dummy import PARAMETER_COUNT
from demogen import Access, Measure, NotMeasurable, ZooError, get_predictor, measure, measure_all
from demogen.images import load_images
from demogen.measuring import image_sample
from demogen.measuring.image_sample import (
    GROUPS,
    STUDENT,
    ImageSample,
    measure_sample,
    standard_errors,
)
from demogen.networks.network import LabeledImages, Network

REAL_IMAGES = Path(__file__).parents[4] / "shared" / "data"


class Means(Measure):
    """Means over the training images; "size" depends on how many there are."""

    name = "means"
    access = Access.TRAIN
    calls = 0

    def __init__(self, without=()):
        self.without = without

    def compute(self, network):
        type(self).calls += 1
        train = network.train
        if network.id in self.without and len(train) < 40:
            raise NotMeasurable("so few")
        logits = network.module(train.images)
        of_label = logits.gather(1, train.labels[:, None])
        return {"label": float(of_label.mean()), "size": float(len(train))}


class MeanOfBoth(Measure):
    name = "mean-of-both"
    access = Access.TRAIN | Access.TEST_INPUTS

    def compute(self, network):
        return {
            "train": float(network.module(network.train.images)[:, 0].mean()),
            "test": float(network.module(network.test_inputs)[:, 0].mean()),
        }


@pytest.fixture(autouse=True)
def count_from_zero():
    Means.calls = 0


@pytest.fixture
def network(tiny_zoo):
    return tiny_zoo[tiny_zoo.ids[0]]


def content(train):
    return {
        (*image.flatten().tolist(), int(label))
        for image, label in zip(train.images, train.labels, strict=True)
    }


def test_a_sample_is_by_content_and_falls_into_disjoint_groups(network):
    sample = ImageSample.of(network, 43, Access.TRAIN)
    train = sample.network.train
    assert len(train) == 43
    assert content(train) < content(network.train)
    assert sorted(len(group.train) for group in sample.groups) == [4] * 7 + [5] * 3
    assert set.union(*(content(group.train) for group in sample.groups)) == content(train)
    assert sample.left_out == {Access.TRAIN: pytest.approx(0.57)}
    order = torch.randperm(100)
    other = network.with_images(
        LabeledImages(network.train.images[order], network.train.labels[order]), None
    )
    again = ImageSample.of(other, 43, Access.TRAIN)
    assert content(again.network.train) == content(train)
    for one, two in zip(sample.groups, again.groups, strict=True):
        assert content(one.train) == content(two.train)
    # What is not read is not looked at.
    assert torch.equal(sample.network.test_inputs, network.test_inputs)


def test_other_images_are_given_as_copies(network):
    images = network.train.images[:5]
    other = network.with_images(LabeledImages(images, network.train.labels[:5]), images)
    other.train.images.zero_()
    other.test_inputs.zero_()
    assert torch.equal(other.train.images, images)
    assert torch.equal(other.view(Access.TEST_INPUTS).test_inputs, images)


def test_the_signature_and_its_error_are_those_made_by_hand(tiny_zoo):
    (result,) = measure_all([Means()], tiny_zoo, image_limit=40, cache=False)
    assert result.image_limit == 40
    for id in tiny_zoo.ids[:4]:
        sample = ImageSample.of(tiny_zoo[id], 40, Access.TRAIN)
        by_group = [measure(Means(), group)["label"] for group in sample.groups]
        assert result.table["label"][id] == pytest.approx(np.mean(by_group), abs=1e-5)
        assert result.table["size"][id] == 40
        # Groups of one size: the mean of their means is that of the sample.
        expected = np.sqrt(0.6) * np.std(by_group, ddof=1) / np.sqrt(GROUPS)
        assert result.errors["label"][id] == pytest.approx(expected, rel=1e-4)
    assert result.errors["size"].isna().all()
    table = measure(Means(), tiny_zoo, image_limit=40, cache=False, workers=2)
    assert table.equals(result.table)
    errors = pd.DataFrame(pd.concat([table, table], axis=1).attrs["errors"])
    assert errors.equals(result.errors.rename_axis(None))


def test_intervals_of_means_hold_all_images_as_often_as_they_say():
    draw = np.random.RandomState(0)
    held = 0
    for _ in range(400):
        values = draw.exponential(size=300)
        groups = [{"mean": part.mean()} for part in np.split(values[:100], GROUPS)]
        mean = values[:100].mean()
        error = standard_errors({"mean": mean}, groups, 2 / 3)["mean"]
        held += abs(mean - values.mean()) <= STUDENT * error
    assert 0.92 <= held / 400 <= 0.98


def test_what_depends_on_how_many_images_there_are_has_no_error():
    draw = np.random.RandomState(0)
    values = draw.uniform(size=(GROUPS, 20))

    def features(part):
        return {"mean": part.mean(), "least": part.min(), "norm": np.linalg.norm(part)}

    groups = [features(part) for part in values]
    assert set(standard_errors(features(values), groups, 0.5)) == {"mean"}
    lacking = [{"norm": 1.0}, *groups[1:]]
    assert standard_errors(features(values), lacking, 0.5) == {}
    constant = [{"one": 1.0}] * GROUPS
    assert standard_errors({"one": 1.0}, constant, 0.5) == {"one": 0.0}


def test_samples_are_kept_beside_signatures_of_all_images(tiny_zoo, tmp_path):
    zoo = tiny_zoo[:2]
    first = measure_all([Means()], zoo, image_limit=40, cache=tmp_path)[0]
    assert Means.calls == 2 * (1 + GROUPS)
    again = measure_all([Means()], zoo, image_limit=40, cache=tmp_path)[0]
    assert Means.calls == 2 * (1 + GROUPS)
    assert again.table.equals(first.table)
    assert again.errors.equals(first.errors)
    whole = measure_all([Means()], zoo, cache=tmp_path)[0]
    assert Means.calls == 2 * (2 + GROUPS)
    assert (whole.table["size"] == 100).all()
    assert whole.errors is whole.image_limit is None
    assert set(measure(Means(), zoo, image_limit=30, cache=tmp_path)["size"]) == {30.0}


def test_where_all_images_are_taken_it_is_the_signature_of_all(tiny_zoo, tmp_path):
    zoo = tiny_zoo[:2]
    (whole,) = measure_all([Means()], zoo, cache=tmp_path)
    (same,) = measure_all([Means()], zoo, image_limit=100, cache=tmp_path)
    assert Means.calls == 2
    assert same.table.equals(whole.table)
    assert same.errors is same.image_limit is None
    # Of test inputs there are more.
    (both,) = measure_all([MeanOfBoth()], zoo, image_limit=100, cache=tmp_path)
    (all_of_both,) = measure_all([MeanOfBoth()], zoo, cache=tmp_path)
    assert np.allclose(both.table["train"], all_of_both.table["train"], atol=1e-6)
    assert not np.allclose(both.table["test"], all_of_both.table["test"], atol=1e-6)
    assert both.image_limit == 100


def test_measures_of_weights_are_not_touched(tiny_zoo, tmp_path):
    zoo = tiny_zoo[:3]
    whole = measure_all([PARAMETER_COUNT.measure, Means()], zoo, cache=tmp_path)[0]
    lines = {file.name: file.read_text() for file in tmp_path.iterdir()}
    limited = measure_all([PARAMETER_COUNT.measure, Means()], zoo, image_limit=40, cache=tmp_path)
    assert limited[0].table.equals(whole.table)
    assert limited[0].errors is limited[0].image_limit is None
    changed = {file.name for file in tmp_path.iterdir() if file.read_text() != lines[file.name]}
    assert {name.partition("-v")[0] for name in changed} == {"means"}


def test_a_group_that_cannot_be_measured_costs_the_error_alone(tiny_zoo):
    zoo, failing = tiny_zoo[:3], tiny_zoo.ids[0]
    (result,) = measure_all([Means((failing,))], zoo, image_limit=40, cache=False)
    assert len(result.table) == 3
    assert list(result.errors.index[result.errors["label"].isna()]) == [failing]
    # Where most networks have none, nobody has.
    (result,) = measure_all([Means(tuple(zoo.ids[:2]))], zoo, image_limit=40, cache=False)
    assert result.errors.isna().all(axis=None)


def test_too_few_images_are_refused(tiny_zoo):
    with pytest.raises(ZooError, match="a sample of 19 images is too small.* to 20 at least"):
        measure(Means(), tiny_zoo, image_limit=19)
    assert Means.calls == 0


def test_images_that_cannot_be_read_are_a_reason_and_no_end(tiny_zoo, monkeypatch):
    def unreadable(self):
        raise ZooError("gone")

    monkeypatch.setattr(Network, "train", property(unreadable))
    count, means = measure_all(
        [PARAMETER_COUNT.measure, Means()], tiny_zoo[:2], image_limit=40, cache=False
    )
    assert len(count.table) == 2
    assert set(means.failures.values()) == {"gone"}


@pytest.mark.parametrize(
    "name",
    [
        "digits",
        pytest.param(
            "mnist",
            marks=pytest.mark.skipif(
                not REAL_IMAGES.is_dir(), reason="the real image sets are not on this machine"
            ),
        ),
    ],
)
def test_intervals_hold_what_is_measured_on_all_real_images(name, tmp_path, monkeypatch):
    monkeypatch.setenv("DEMOGEN_HOME", os.environ.get("DEMOGEN_REAL_HOME", str(tmp_path)))
    train = load_images(name, None if name == "digits" else REAL_IMAGES).train
    images, labels = train.images[:1000].double() / train.images.max(), train.labels[:1000]
    # The linear classifier of least squares on a part of them.
    x = torch.cat([images.flatten(1), torch.ones(1000, 1)], dim=1)
    targets = 10 * torch.nn.functional.one_hot(labels, 10).double()
    ridge = x[:400].T @ x[:400] + 5 * torch.eye(x.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(ridge, x[:400].T @ targets[:400]).float()
    layer = torch.nn.Linear(x.shape[1] - 1, 10)
    layer.load_state_dict({"weight": weights[:-1].T.contiguous(), "bias": weights[-1]})
    network = Network.of(torch.nn.Sequential(torch.nn.Flatten(), layer), images.float(), labels)
    names = ("train-loss", "margin-quartiles-log")
    measures = {name: get_predictor(name).measure for name in names}
    truth = {name: measure(measures[name], network) for name in names}
    held, given = 0, 0
    for seed in range(30):
        monkeypatch.setattr(image_sample, "_SEED", seed)
        for key, outcome in measure_sample(measures, network, 200):
            for feature, error in outcome.errors.items():
                given += 1
                held += abs(outcome.signature[feature] - truth[key][feature]) <= STUDENT * error
    assert given > 200
    assert held / given > 0.9
