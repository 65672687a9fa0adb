import numpy as np
import pytest

from leaderboard.scoring import metrics, resampled

NAMES = ["r2", "mse", "rmse_points", "pearson", "spearman", "kendall"]


def samples():
    draw = np.random.default_rng(11)
    targets = draw.beta(2, 5, 40) / 2
    predictions = targets + draw.normal(0, 0.05, 40)
    counts = draw.poisson(1, (60, 40))
    yield "gaps", targets, predictions, counts
    yield "tiny", 1e-100 * targets, 1e-100 * predictions, counts
    yield "far from zero", targets + 1e5, predictions + 1e5, counts
    yield "ties", np.round(targets, 1), np.round(predictions, 1), counts
    yield "two values", np.arange(40) % 2, np.round(predictions, 2), counts[:, :40] * (counts > 2)
    wild = np.where(np.arange(40) == 3, 1e9, predictions)
    yield "a wild prediction", targets, wild, counts
    yield "a wild target", wild, targets, counts
    yield "constant target", np.full(40, 0.3), predictions, counts
    yield "constant but for rounding", np.resize([0.3, 0.1 + 0.2], 40), predictions, counts
    yield "a prediction of rounding", targets, np.resize([0.3, 0.1 + 0.2], 40), counts
    yield "constant prediction", targets, np.full(40, 0.3), counts
    few = np.zeros((8, 40), np.int64)
    few[np.arange(8), np.arange(8)] = np.arange(8)
    few[4:, 20] = 2
    yield "one network or two", targets, predictions, few
    yield "overflow", targets, np.where(np.arange(40) == 3, 1e200, predictions), counts
    yield "none", targets[:0], predictions[:0], counts[:, :0]


SAMPLES = {name: rest for name, *rest in samples()}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sample", SAMPLES)
def test_equals_the_plain_function_on_repeated_values(name, sample):
    targets, predictions, counts = SAMPLES[sample]
    found = getattr(resampled, name)(targets, predictions, counts)
    with np.errstate(over="ignore", invalid="ignore"):
        expected = [
            getattr(metrics, name)(np.repeat(targets, times), np.repeat(predictions, times))
            for times in counts
        ]
    assert found.shape == (len(counts),)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12 if "mse" not in name else 0)


@pytest.mark.parametrize("sample", SAMPLES)
def test_several_predictors_at_once_are_as_one_by_one(sample):
    targets, predictions, counts = SAMPLES[sample]
    of_all = np.stack([predictions, targets, -predictions])
    found = resampled.r2_of_all(targets, of_all, counts)
    assert found.shape == (3, len(counts))
    for values, f in zip(found, of_all, strict=True):
        np.testing.assert_allclose(values, resampled.r2(targets, f, counts), rtol=1e-9, atol=1e-12)


def test_the_samples_cover_what_is_not_defined():
    undefined = {
        sample: np.isnan(resampled.r2(*SAMPLES[sample])).sum()
        for sample in ("gaps", "two values", "constant target", "one network or two", "none")
    }
    assert undefined["gaps"] == 0
    assert 0 < undefined["two values"] < 60
    assert undefined["constant target"] == undefined["none"] == 60
    assert 0 < undefined["one network or two"] < 8


def test_few_values_are_judged_one_by_one(monkeypatch):
    plain = []
    monkeypatch.setattr(metrics, "r2", lambda *pair: plain.append(pair) or 0.0)
    resampled.r2(*SAMPLES["gaps"])
    resampled.r2(*SAMPLES["tiny"])
    assert plain == []
    resampled.r2(*SAMPLES["constant target"])
    assert len(plain) == 60


@pytest.mark.parametrize("name", ["spearman", "kendall"])
def test_ranks_need_finite_values(name):
    with pytest.raises(ValueError, match="only finite"):
        getattr(resampled, name)(np.array([1.0, np.nan]), np.arange(2.0), np.ones((1, 2), int))
