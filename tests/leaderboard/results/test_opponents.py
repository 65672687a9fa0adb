"""Which result is compared with which."""

from types import SimpleNamespace

import pytest

from demogen.errors import ResultError
from leaderboard.results.opponents import opponents, pairs, to_beat
from tests.leaderboard.conftest import results_of, zoo_of

SPLITS = ["grouped-kfold-10", "kfold-10"]


@pytest.fixture(scope="module")
def there():
    """Three predictors on a zoo, two of them on a second."""
    zoo, other = zoo_of(12, copies=2), zoo_of(10, copies=2, seed=3)
    other.name, other.digest = "toy-2", "6b" * 32
    made = {
        (name, zoo.name): results_of(zoo, name, SPLITS, noise=noise)
        for zoo in (zoo, other)
        for name, noise in (("weak", 0.4), ("fair", 0.1), ("strong", 0.01))
        if (name, zoo.name) != ("strong", "toy-2")
    }
    return SimpleNamespace(all=[one for results in made.values() for one in results], of=made)


def named(found):
    return [(one.predictor, other.predictor, one.zoo, one.split) for one, other in found]


def test_names_are_compared_on_every_zoo_that_has_both(there):
    ranking = "grouped-kfold-10"
    found = named(pairs("weak", "fair", there.all, "gap"))
    assert found == [("weak", "fair", "toy", ranking), ("weak", "fair", "toy-2", ranking)]
    assert named(pairs("weak", "strong", there.all, "gap")) == [("weak", "strong", "toy", ranking)]


def test_without_a_second_it_is_the_best_of_the_others(there):
    rival = {zoo: other for _, other, zoo, _ in named(pairs("weak", None, there.all, "gap"))}
    assert rival == {"toy": "strong", "toy-2": "fair"}
    [(_, other, _, _)] = named(pairs("strong", None, there.all, "gap"))
    assert other == "fair"


def test_a_file_is_compared_on_its_own_split(there):
    mine = next(one for one in there.of["weak", "toy"] if one.split == "kfold-10")
    mine = mine.model_copy(update={"predictor": "mine"})
    assert named(pairs(mine, "fair", there.all, "gap")) == [("mine", "fair", "toy", "kfold-10")]
    assert named(pairs("fair", mine, there.all, "gap")) == [("fair", "mine", "toy", "kfold-10")]
    assert named(pairs(mine, mine, [], "gap")) == [("mine", "mine", "toy", "kfold-10")]
    assert set(opponents(mine, there.all)) == {"weak", "fair", "strong"}
    for one in there.of["weak", "toy"]:
        assert to_beat(one, there.all).split == one.split
        assert {other.split for other in opponents(one, there.all).values()} == {one.split}


def test_one_whose_score_is_not_defined_is_beaten(there):
    [mine, _] = there.of["weak", "toy"]
    [best, _] = there.of["strong", "toy"]
    scores = best.scores.model_copy(update={"r2_pooled": None})
    undefined = best.model_copy(update={"scores": scores})
    assert to_beat(mine, [mine, undefined]) is None


def test_what_is_not_there_is_named(there):
    with pytest.raises(ResultError, match="no result on gap of 'weka'; did you mean 'weak'"):
        pairs("weka", None, there.all, "gap")
    with pytest.raises(ResultError, match="did you mean 'strong'"):
        pairs("weak", "strnog", there.all, "gap")
    with pytest.raises(ResultError, match="no result on test_accuracy of 'weak'; there are: none"):
        pairs("weak", None, there.all, "test_accuracy")
    with pytest.raises(ResultError, match="weak is both; name another predictor"):
        pairs("weak", "weak", there.all, "gap")
    alone = there.of["strong", "toy"]
    with pytest.raises(ResultError, match="no other result on grouped-kfold-10 of toy, gap to"):
        pairs("strong", None, alone, "gap")
