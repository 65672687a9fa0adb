import math

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.metrics import r2_score

from demogen.errors import ResultError
from leaderboard.pages.table_rows import rows_on_split
from leaderboard.results.filling import compared, filled
from leaderboard.results.ranking import ranked_tables
from leaderboard.results.result import held_out

SPLIT = "grouped-kfold-10"


def dropping(make, zoo, networks, name="lazy", **how):
    """Results of a predictor that does not measure these networks."""
    table = make.features(zoo, **how).drop(index=networks)
    return make.results(zoo, name=name, table=table, failures=dict.fromkeys(networks, "too hard"))


def hardest(results, count):
    """Networks that the results on the ranking split predict worst."""
    [result] = [one for one in results if one.split == SPLIT]
    wrong = {n: abs(value - result.targets[n]) for n, value in held_out(result).items()}
    return sorted(wrong, key=wrong.get)[-count:]


def on_ranking_split(results):
    return [one for one in results if one.split == SPLIT]


def test_to_leave_hard_networks_out_does_not_pay(zoo, make):
    honest = make.results(zoo, name="honest", noise=0.5)
    lazy = dropping(make, zoo, hardest(honest, 45), noise=0.5)
    [table] = ranked_tables([*honest, *lazy])
    [first, second] = table.rows
    assert (first.predictor, second.predictor) == ("honest", "lazy")
    assert (first.missing, second.missing) == (0, 45)
    assert first.r2_filled == first.r2_pooled < 0.3
    assert second.r2_pooled > 0.9
    assert second.r2_filled < 0
    assert [row.predictor for row in rows_on_split(table, "kfold-10")] == ["honest", "lazy"]


def test_missing_networks_are_predicted_by_the_mean_outside_of_their_fold(zoo, make):
    whole = on_ranking_split(make.results(zoo, name="whole"))
    missing = sorted(zoo.table.index)[5:25]
    [lazy] = on_ranking_split(dropping(make, zoo, missing))
    networks = compared([*whole, lazy])
    gap = zoo.table["gap"].to_dict()
    expected = held_out(lazy)
    for fold in zoo.splits[SPLIT].folds:
        mean = np.mean([gap[network] for network in fold.train])
        expected |= {network: mean for network in fold.test if network in missing}
    ids = sorted(gap)
    assert filled(lazy, networks).missing == 20
    assert filled(lazy, networks).r2 == pytest.approx(
        r2_score([gap[n] for n in ids], [expected[n] for n in ids]), abs=1e-12
    )


def test_to_leave_a_network_out_is_to_predict_the_mean(zoo, make):
    [whole] = on_ranking_split(make.results(zoo, name="whole", regressor=DummyRegressor()))
    kept = sorted(whole.targets)[7:]
    folds = [
        fold.model_copy(
            update={
                "ids": tuple(n for n in fold.ids if n in kept),
                "predictions": tuple(
                    p for n, p in zip(fold.ids, fold.predictions, strict=True) if n in kept
                ),
            }
        )
        for fold in whole.folds
    ]
    some = whole.model_copy(
        update={"folds": tuple(folds), "targets": {n: whole.targets[n] for n in kept}}
    )
    networks = compared([whole, some])
    assert filled(some, networks).missing == 7
    assert filled(some, networks).r2 == pytest.approx(filled(whole, networks).r2, abs=1e-12)


def test_what_nobody_measured_is_left_out_for_all(zoo, make):
    missing = sorted(zoo.table.index)[:7]
    one = dropping(make, zoo, missing, name="one")
    other = dropping(make, zoo, missing, name="other", noise=0.2)
    [table] = ranked_tables([*one, *other])
    for row in table.rows:
        assert (row.missing, row.dropped) == (0, 7)
        assert row.r2_filled == row.r2_pooled


def test_without_a_prediction_there_is_no_score(zoo, make):
    everything = list(zoo.table.index)
    [nothing] = on_ranking_split(dropping(make, zoo, everything))
    networks = compared([*on_ranking_split(make.results(zoo)), nothing])
    assert filled(nothing, networks) == (None, 60)


def test_wild_predictions_give_no_score_or_a_finite_one(zoo, make):
    whole = on_ranking_split(make.results(zoo))
    [lazy] = on_ranking_split(dropping(make, zoo, sorted(zoo.table.index)[:3]))
    folds = [
        fold.model_copy(update={"predictions": tuple(1e300 for _ in fold.ids)})
        for fold in lazy.folds
    ]
    wild = lazy.model_copy(update={"folds": tuple(folds)})
    r2 = filled(wild, compared([*whole, wild])).r2
    assert r2 is None or math.isfinite(r2)


def test_holdouts_count_what_is_missing_and_are_not_pooled(zoo, make):
    results = [*make.results(zoo), *dropping(make, zoo, sorted(zoo.table.index)[:4])]
    holdouts = [one for one in results if one.split == "holdout-100"]
    assert filled(holdouts[1], compared(holdouts)) == (None, 4)


def test_results_that_differ_in_a_target_are_not_compared(zoo, make):
    one, other = (on_ranking_split(make.results(zoo, name=name))[0] for name in ("one", "other"))
    network = min(other.targets)
    forged = other.model_copy(update={"targets": {**other.targets, network: 0.125}})
    with pytest.raises(ResultError, match=f"the gap of {network} of toy is 0.125 for other, but"):
        ranked_tables([one, forged])
