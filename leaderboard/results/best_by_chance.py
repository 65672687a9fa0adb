"""How well would the best of so many predictors do by chance? Gaps dealt out, all fitted again.

A table shows the best of many predictors, and the best of many is good by luck alone, too. Here the
gaps are dealt out among configurations, every predictor of the table is fitted to them on every
fold, and the highest R² is noted; again and again. Predictors that resemble one another make little
luck together, which a correction by their number would not see (Westfall & Young 1993).
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from demogen.errors import ResultError
from demogen.parallel import map_tasks
from leaderboard.results.chances import BestByChance, defined
from leaderboard.results.filling import means_outside
from leaderboard.results.permutation import SEED, dealt, exchangeable
from leaderboard.results.ranking import RankedTable
from leaderboard.results.result import Result
from leaderboard.results.verification import installed_predictor, tests_of
from leaderboard.scoring import metrics
from leaderboard.scoring.inputs import finite

if TYPE_CHECKING:
    from sklearn.base import RegressorMixin

DEALS = 99
"""The least p is then 1/100. One deal costs as much as scoring all results of a table once."""


def best_by_chance(
    table: RankedTable,
    regressors: "Mapping[str, RegressorMixin] | None" = None,
    deals: int = DEALS,
    workers: int = 1,
) -> BestByChance:
    """Deal the gaps out, fit every predictor of a table again, and note the highest R².

    Each deal is the same for all predictors, and between configurations with equal numbers of
    networks, all copies together (see `leaderboard.results.permutation`). Everything from the
    signatures on is made again.

    Args:
        table: with results on a split that ranks.
        regressors: predictor → its unfitted regressor; None: those of the predictors installed.
        deals: how often.
        workers: local processes, a predictor at a time each.

    Raises:
        ResultError: no deal is asked for; there is no ranking split; no configurations can exchange
            their gaps; or no predictor can be fitted again.
        PredictorError: a regressor fails.
    """
    if deals < 1:
        raise ResultError(f"{deals} deals say nothing; ask for one or more")
    results = list(table.ranked())
    if not results:
        raise ResultError(f"no results of {table.zoo} on a split that ranks; evaluate on one")
    known, left_out = _regressors(results, regressors)
    if not known:
        name, why = next(iter(left_out.items()))
        raise ResultError(f"no predictor can be fitted again; {name}: {why}")
    networks = table.networks(table.ranking or "")
    configurations = {id: name for one in results for id, name in one.configurations.items()}
    blocks = exchangeable(networks.targets, configurations)
    if not blocks:
        raise ResultError(
            f"no two configurations of {table.zoo} have equally many networks, so that no gaps can "
            "be dealt out; take a zoo with more of them"
        )
    generator = np.random.RandomState(SEED)
    dealt_out = [dealt(networks.targets, blocks, generator) for _ in range(deals)]
    folds = {id: fold.fold for one in results for fold in one.folds for id in fold.ids}
    tasks = [
        _Task(result, known[result.predictor], dealt_out, folds)
        for result in results
        if result.predictor in known
    ]
    outcomes = map_tasks(_scores, tasks, workers=workers)
    with closing(outcomes):
        scores = [of for _, of in outcomes]
    best = [max(found) for of in zip(*scores, strict=True) if (found := defined(of))]
    if not best:
        raise ResultError(f"R² of no predictor of {table.zoo} is defined on gaps dealt out")
    return BestByChance(
        zoo_digest=table.zoo_digest,
        split=results[0].split,
        split_digest=results[0].split_digest,
        target=table.target,
        tried={row.predictor: row.r2_filled for row in table.rows if row.predictor in known},
        left_out=left_out,
        best=tuple(sorted(best)),
    )


def with_chances(
    tables: Iterable[RankedTable], chances: Sequence[BestByChance]
) -> list[RankedTable]:
    """Tables, each with what was found of it as it stands."""
    return [
        replace(table, chance=next((one for one in chances if _is_of(one, table)), None))
        for table in tables
    ]


def selection_in_words(table: RankedTable) -> str:
    """How many predictors were tried, and what the best of as many has by chance."""
    count = len(table.rows)
    said = f"{count} predictors were tried here." if count > 1 else "One predictor was tried here."
    found = table.chance
    if found is None:
        return said
    fitted = len(found.tried)
    # Fewer where some are not installed, or have no result on the split that ranks.
    whose, best = (f"all {count} ", "the best here") if count > 1 else ("", "it")
    if fitted < count:
        whose, best = f"{fitted} of them ", "the best of these"
    return (
        f"{said} With targets dealt out to configurations at random ({len(found.best)} times, "
        f"{whose}fitted again), the best R² of all is {found.median:.3f} in the median and "
        f"{found.best[-1]:.3f} at most; {best} has p = {found.p:.3g}."
    )


@dataclass(frozen=True)
class _Task:
    """One predictor on all deals."""

    result: Result
    regressor: Any
    dealt_out: Sequence[Mapping[str, float]]
    folds: Mapping[str, int]


def _scores(task: _Task) -> list[float | None]:
    """R² of all of each deal; None: not defined."""
    from leaderboard.fitting.cross_validation import cross_validate

    signatures, tests = task.result.signatures, tests_of(task.result)
    scores = []
    for targets in task.dealt_out:
        fitted = cross_validate(signatures, targets, tests, task.regressor)
        predictions = means_outside(targets, task.folds)
        for fold in fitted.folds:
            predictions.update(zip(fold.ids, fold.predictions, strict=True))
        ids = sorted(predictions)
        with np.errstate(over="ignore", invalid="ignore"):
            r2 = metrics.r2([targets[id] for id in ids], [predictions[id] for id in ids])
        scores.append(finite(r2))
    return scores


def _regressors(
    results: Sequence[Result], given: "Mapping[str, RegressorMixin] | None"
) -> "tuple[dict[str, RegressorMixin], dict[str, str]]":
    """Predictor → regressor, and predictor → why it has none."""
    known: dict[str, RegressorMixin] = {}
    left_out: dict[str, str] = {}
    for result in results:
        name = result.predictor
        if given is not None and name in given:
            known[name] = given[name]
            continue
        installed = installed_predictor(result)
        if isinstance(installed, str):
            left_out[name] = installed
        else:
            known[name] = installed.regressor
    return known, left_out


def _is_of(found: BestByChance, table: RankedTable) -> bool:
    """Whether it was made of the table as it stands."""
    of = (found.zoo_digest, found.target, found.split, found.split_digest)
    if of != (table.zoo_digest, table.target, table.ranking, table.splits.get(found.split)):
        return False
    r2 = {row.predictor: row.r2_filled for row in table.rows}
    names = {result.predictor for result in table.ranked()}
    return names == {*found.tried, *found.left_out} and all(
        r2[name] == tried for name, tried in found.tried.items()
    )
