import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.dummy import DummyRegressor
from sklearn.metrics import r2_score

from demogen.errors import ResultError
from leaderboard.cli import commands
from leaderboard.results.paired_bootstrap import in_words, pair
from leaderboard.results.result import held_out, write_result

SPLIT = ["grouped-kfold-10"]


@pytest.fixture(scope="module")
def strong(zoo, make):
    return make.results(zoo, name="strong", noise=0.02, splits=SPLIT)[0]


@pytest.fixture(scope="module")
def weak(zoo, make):
    return make.results(zoo, name="weak", noise=0.3, splits=SPLIT)[0]


def test_the_better_is_found_and_the_sign_says_which(strong, weak):
    there, back = pair(strong, weak), pair(weak, strong)
    expected = strong.scores.r2_pooled - weak.scores.r2_pooled
    assert there.difference.estimate == pytest.approx(expected)
    assert 0 < there.difference.low < expected < there.difference.high
    assert (there.first_better, back.first_better) == (1.0, 0.0)
    assert back.difference.low == pytest.approx(-there.difference.high)


def test_draws_are_of_whole_configurations(strong, weak):
    """Against a plain loop over configurations."""
    ids = sorted(held_out(strong))
    one, other = held_out(strong), held_out(weak)
    copies = {}
    for network in ids:
        copies.setdefault(strong.configurations[network], []).append(network)
    draw = np.random.RandomState(0)
    names = sorted(copies)
    differences = []
    for picked in draw.randint(len(names), size=(1000, len(names))):
        drawn = [network for number in picked for network in copies[names[number]]]
        y = [strong.targets[network] for network in drawn]
        r2s = [r2_score(y, [of[network] for network in drawn]) for of in (one, other)]
        differences.append(r2s[0] - r2s[1])
    found = pair(strong, weak).difference
    expected = np.quantile(differences, [0.025, 0.975])
    assert [found.low, found.high] == pytest.approx(expected, rel=1e-9)


def test_only_networks_that_both_predict_count(zoo, make, strong):
    fewer = make.features(zoo, noise=0.3).iloc[6:]
    [lacking] = make.results(zoo, name="weak", table=fewer, splits=SPLIT)
    assert len(lacking.targets) == 54
    ids = sorted(lacking.targets)
    y = [strong.targets[network] for network in ids]
    r2s = [r2_score(y, [held_out(of)[network] for network in ids]) for of in (strong, lacking)]
    assert pair(strong, lacking).difference.estimate == pytest.approx(r2s[0] - r2s[1])


def test_what_cannot_be_compared_is_refused(zoo, make, strong, weak):
    [folds, divisions] = make.results(zoo, splits=["kfold-10", "holdout-100"])
    with pytest.raises(ResultError, match="on different splits"):
        pair(strong, folds)
    with pytest.raises(ResultError, match="holdout-100 tests networks several times"):
        pair(divisions, divisions)
    with pytest.raises(ResultError, match="on different targets"):
        pair(strong, weak.model_copy(update={"target": "test_accuracy"}))
    with pytest.raises(ResultError, match="on different zoos"):
        pair(strong, weak.model_copy(update={"zoo_digest": "0" * 64}))
    same = strong.model_copy(update={"configurations": dict.fromkeys(strong.targets, "one")})
    with pytest.raises(ResultError, match="fewer than two configurations"):
        pair(same, weak)
    with pytest.raises(ResultError, match="no statistic 'kendal'; did you mean 'kendall'"):
        pair(strong, weak, "kendal")


def test_the_command_says_it_in_one_line(strong, weak, tmp_path):
    files = [str(write_result(result, tmp_path)) for result in (strong, weak)]
    done = CliRunner().invoke(commands.leaderboard, ["compare", *files], catch_exceptions=False)
    assert done.output.startswith("r2 of strong less that of weak, grouped-kfold-10 of toy: ")
    assert done.output.endswith("; strong is better in 100.0% of the draws\n")


def test_a_score_that_one_does_not_have_is_said_not_to_be_defined(strong, zoo, make):
    constant = DummyRegressor()
    [same] = make.results(zoo, name="same", regressor=constant, splits=["grouped-kfold-10"])
    found = pair(strong, same, "kendall")
    assert in_words(strong, same, "kendall", found) == (
        "kendall of strong or of same is not defined, grouped-kfold-10 of toy: there is nothing to "
        "compare"
    )


def test_a_packed_file_is_no_result(strong, tmp_path):
    words = ["compare", str(tmp_path / "toy@5a5a5a5a5a5a.parquet")]
    done = CliRunner().invoke(commands.leaderboard, words)
    assert done.exit_code == 2
    assert "holds results of many predictors; name one, and the folder" in done.output
