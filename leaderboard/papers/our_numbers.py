"""Our scores that answer printed numbers, from the results on one zoo and from its table."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leaderboard.fitting.regressor_text import regressor_from_text
from leaderboard.papers.loss_lines import LossLine, loss_line
from leaderboard.papers.printed_numbers import PrintedRow
from leaderboard.results.ranking import preferred_split
from leaderboard.results.result import Result
from leaderboard.scoring import metrics

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class OurNumber:
    """One score of ours.

    Attributes:
        value: None where there is none.
        networks: that it is over; None where there is no value.
        remark: why there is no value, or how it was made where that is not as usual.
    """

    value: float | None
    networks: int | None = None
    remark: str = ""


def our_number(
    row: PrintedRow, statistic: str, results: Sequence[Result], table: "pd.DataFrame | None"
) -> OurNumber:
    """What a zoo gives where a paper prints a number.

    Args:
        row: of printed results, that the number stands in.
        statistic: printed statistic.
        results: all on one zoo.
        table: of that zoo; None where the zoo is not at hand.
    """
    name = row.scores.get(statistic)
    if name is None:
        return OurNumber(None, remark="nothing here measures it")
    if row.random_labels is not None:
        if table is None:
            return OurNumber(None, remark="made from the zoo's table; give the zoo")
        return _of_losses(name, loss_line(table, random_labels=row.random_labels))
    by_split = {
        result.split: result
        for result in results
        if (result.predictor, result.target) == (row.predictor, row.target)
    }
    if not by_split:
        on = "" if row.target == "gap" else f" on {row.target}"
        return OurNumber(None, remark=f"no result of {row.predictor}{on}")
    return SCORES[name](by_split, row.feature)


def _any_split(by_split: dict[str, Result]) -> Result:
    return by_split[preferred_split(by_split)]


def _of_losses(statistic: str, line: LossLine | None) -> OurNumber:
    if line is None:
        return OurNumber(None, remark="too few networks have a normalized loss on such labels")
    values = {**line.fit._asdict(), "adjusted_r2": line.adjusted_r2}
    if not math.isfinite(values[statistic]):
        return OurNumber(None, remark="not defined")
    return OurNumber(values[statistic], line.networks)


def _of(result: Result, value: float | None, undefined: str, remark: str = "") -> OurNumber:
    if value is None or not math.isfinite(value):
        return OurNumber(None, remark=undefined)
    return OurNumber(value, len(result.targets), remark)


def _adjusted_r2(by_split: dict[str, Result], feature: str) -> OurNumber:
    result = _any_split(by_split)
    return _of(result, result.scores.fit_adjusted_r2, _too_few(result))


def _too_few(result: Result) -> str:
    rank = result.model.rank if result.model else len(result.columns)
    return f"not defined for {len(result.targets)} networks and {rank} parameters"


def _kfold_r2(by_split: dict[str, Result], feature: str) -> OurNumber:
    """Mean over folds; of zoos that are too small for ten folds the pooled R², one left out."""
    if (folds := by_split.get("kfold-10")) is not None:
        return _of(folds, folds.scores.r2_fold_mean, "not defined in any fold")
    if (single := by_split.get("leave-one-out")) is not None:
        remark = "ours is pooled over leave-one-out"
        return _of(single, single.scores.r2_pooled, "not defined", remark)
    return OurNumber(None, remark="no result on kfold-10")


def _fit_rmse_points(by_split: dict[str, Result], feature: str) -> OurNumber:
    result = _any_split(by_split)
    mse = result.scores.fit_mse
    # With no degree of freedom left the fit goes through every network, and rounding is its error.
    if mse is None or result.scores.fit_adjusted_r2 is None:
        return OurNumber(None, remark=_too_few(result))
    return _of(result, 100 * math.sqrt(mse), "not defined")


def _fit_ssr(by_split: dict[str, Result], feature: str) -> OurNumber:
    result = _any_split(by_split)
    mse = result.scores.fit_mse
    return _of(result, None if mse is None else mse * len(result.targets), "not defined")


def _fit_pearson(by_split: dict[str, Result], feature: str) -> OurNumber:
    result = _any_split(by_split)
    return _of(result, result.scores.fit_pearson, "not defined")


def _ssr_mean(by_split: dict[str, Result], feature: str) -> OurNumber:
    return _of_divisions(by_split, lambda result: result.scores.ssr_mean)


def _ssr_max(by_split: dict[str, Result], feature: str) -> OurNumber:
    return _of_divisions(by_split, lambda result: result.scores.ssr_max)


def _of_divisions(
    by_split: dict[str, Result], score: Callable[[Result], float | None]
) -> OurNumber:
    if (divided := by_split.get("holdout-100")) is None:
        return OurNumber(None, remark="no result on holdout-100")
    tested = divided.scores.test_networks
    remark = "" if tested is None else f"over {tested:.3g} test networks a division"
    return _of(divided, score(divided), "not defined", remark)


def _univariate_f(by_split: dict[str, Result], feature: str) -> OurNumber:
    return _univariate(by_split, feature, lambda test: test.statistic)


def _univariate_p(by_split: dict[str, Result], feature: str) -> OurNumber:
    return _univariate(by_split, feature, lambda test: test.p_value)


def _univariate(
    by_split: dict[str, Result], feature: str, part: Callable[[metrics.FTest], float]
) -> OurNumber:
    result = _any_split(by_split)
    if feature not in result.columns:
        return OurNumber(None, remark=f"the result has no column {feature}")
    ids = sorted(result.targets)
    fitted = _as_fitted(result, result.columns.index(feature), ids)
    test = metrics.univariate_f([result.targets[id] for id in ids], fitted)
    return _of(result, part(test), "not defined: the statistic or the gap is constant")


def _as_fitted(result: Result, column: int, ids: Sequence[str]) -> metrics.Vector:
    """A column as the last step of the result's regressor takes it: its logarithm, say."""
    values = np.array([[result.signatures[id][column]] for id in ids], np.float64)
    steps = getattr(regressor_from_text(result.regressor), "steps", [])[:-1]
    for _, transformer in steps:
        values = np.asarray(transformer.fit_transform(values), np.float64)
    return values[:, 0]


SCORES: dict[str, Callable[[dict[str, Result], str], OurNumber]] = {
    "fit_adjusted_r2": _adjusted_r2,
    "fit_pearson": _fit_pearson,
    "fit_rmse_points": _fit_rmse_points,
    "fit_ssr": _fit_ssr,
    "kfold_r2": _kfold_r2,
    "ssr_max": _ssr_max,
    "ssr_mean": _ssr_mean,
    "univariate_f": _univariate_f,
    "univariate_p": _univariate_p,
}
"""Name → score of the results of one predictor by split, and a column where it is of one alone."""
