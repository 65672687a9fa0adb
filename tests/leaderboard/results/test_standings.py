import math

import pytest
from scipy import stats

from demogen.errors import ResultError
from leaderboard.results import standings as module
from leaderboard.results.paired_bootstrap import pair
from leaderboard.results.standings import across

SPLIT = "grouped-kfold-10"
NOISE = {"strong": 0.01, "twin": 0.01, "middle": 0.05, "weak": 0.5}


@pytest.fixture(scope="module")
def field(make):
    """Four predictors on three zoos, two of them alike."""
    found = []
    for seed, name in enumerate("cab"):
        zoo = make.zoo(20, seed=seed)
        zoo.name, zoo.digest = name, f"{seed:02x}" * 32
        for predictor, noise in NOISE.items():
            found += make.results(zoo, name=predictor, noise=noise, splits=[SPLIT, "kfold-10"])
    return found


@pytest.fixture(scope="module")
def standing(field):
    return across(field)


def of(field, zoo, predictor):
    [one] = [r for r in field if (r.zoo, r.predictor, r.split) == (zoo, predictor, SPLIT)]
    return one


def test_ranks_are_of_r2_on_the_ranking_split_and_ties_are_ties(field, standing):
    assert [one.zoo for one in standing.data_sets] == ["a", "b", "c"]
    assert {(one.split, one.networks) for one in standing.data_sets} == {(SPLIT, 60)}
    for position, zoo in enumerate("abc"):
        scores = {name: of(field, zoo, name).scores.r2_pooled for name in NOISE}
        expected = dict(zip(scores, stats.rankdata([-r2 for r2 in scores.values()]), strict=True))
        for one in standing.standings:
            assert one.ranks[position] == expected[one.predictor]
    by_name = {one.predictor: one for one in standing.standings}
    assert by_name["strong"].ranks == by_name["twin"].ranks == (1.5, 1.5, 1.5)
    assert [(one.place, one.predictor) for one in standing.standings] == [
        (1, "strong"),
        (1, "twin"),
        (3, "middle"),
        (4, "weak"),
    ]


def test_the_tests_are_of_these_ranks(standing):
    ranks = [one.ranks for one in standing.standings]
    expected = stats.friedmanchisquare(*([-rank for rank in of] for of in ranks))
    assert standing.test.statistic == pytest.approx(expected.statistic)
    assert standing.test.p_value == pytest.approx(expected.pvalue)
    difference = 2.569 * math.sqrt(4 * 5 / (6 * 3))
    assert standing.critical_difference == pytest.approx(difference, rel=1e-3)
    # 2.708: the strong ones, of mean rank 1.5, differ from the weak one by 2.5 only.
    assert standing.groups == ((0, 3),)
    assert standing.ranks_may_differ


def test_every_two_are_compared_as_by_the_paired_bootstrap(field, standing):
    assert len(standing.duels) == 6 * 3
    assert {one.draws for one in standing.data_sets} == {1000}
    raw = []
    for duel in standing.duels:
        alone = pair(of(field, duel.zoo, duel.first), of(field, duel.zoo, duel.second))
        assert duel.difference == pytest.approx(alone.difference.estimate)
        less = 1000 * min(alone.first_better, 1 - alone.first_better)
        assert duel.p_value == pytest.approx(min(1, 2 * (less + 1) / 1001))
        raw.append(duel.p_value)
        assert bool(duel.winner) == (duel.adjusted <= 0.05)
        if duel.winner:
            assert duel.winner == (duel.first if alone.first_better > 0.5 else duel.second)
    by_step = sorted(range(18), key=raw.__getitem__)
    largest = 0.0
    for step, place in enumerate(by_step):
        largest = max(largest, min(1, (18 - step) * raw[place]))
        assert standing.duels[place].adjusted == pytest.approx(largest)


def test_what_is_not_significant_is_a_tie(standing):
    by_name = {one.predictor: one for one in standing.standings}
    for one in by_name.values():
        assert one.wins + one.losses + one.ties == 9
    assert (by_name["weak"].wins, by_name["weak"].losses) == (0, 9)
    assert (by_name["strong"].wins, by_name["strong"].losses, by_name["strong"].ties) == (6, 0, 3)
    assert not [d for d in standing.duels if {d.first, d.second} == {"strong", "twin"} and d.winner]


def test_a_network_that_one_lacks_is_predicted_by_the_mean_as_in_the_ranking(field, make):
    zoo = make.zoo(20, seed=0)
    zoo.name, zoo.digest = "c", "00" * 32
    fewer = make.features(zoo, noise=0.01).iloc[12:]
    lacking = make.results(zoo, name="twin", table=fewer, splits=[SPLIT])
    others = [r for r in field if (r.zoo, r.predictor) != ("c", "twin")]
    standing = across([*others, *lacking])
    by_name = {one.predictor: one for one in standing.standings}
    assert by_name["twin"].ranks[2] > by_name["strong"].ranks[2] == 1
    [duel] = [d for d in standing.duels if (d.zoo, d.first, d.second) == ("c", "strong", "twin")]
    assert duel.difference > 0


def test_draws_are_enough_for_the_correction_unless_they_are_bounded(field, monkeypatch):
    monkeypatch.setattr(module, "DRAWS_PER_TEST", 100)
    assert {one.draws for one in across(field).data_sets} == {1800}
    monkeypatch.setattr(module, "MOST_COUNTS", 60 * 1200)
    assert {one.draws for one in across(field).data_sets} == {1200}
    monkeypatch.setattr(module, "DRAWS", 300)
    monkeypatch.setattr(module, "MOST_COUNTS", 1)
    few = across(field)
    assert not few.duels_may_differ
    assert {one.winner for one in few.duels} == {""}


def test_nothing_to_compare_is_an_error_of_one_line(field):
    with pytest.raises(ResultError, match="needs results of gap on two zoos, and those here"):
        across([one for one in field if one.zoo == "a"])
    with pytest.raises(ResultError, match="two predictors in common, and a is left out"):
        across([one for one in field if one.predictor == "weak"])
