"""Predictors compared on the same networks: where one has no prediction, the mean gap stands in."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar, final

import numpy as np

from demogen.errors import ResultError
from leaderboard.results.result import Result, held_out
from leaderboard.scoring import metrics
from leaderboard.scoring.inputs import finite

Value = TypeVar("Value", float, int)


@final
@dataclass(frozen=True)
class Compared:
    """The networks that any predictor of a table predicts on one split.

    Attributes:
        targets: id → target.
        means: id → mean target of the networks outside of its fold: what a constant, fitted where
            the network is held out, would predict. Empty for holdouts, which hold it out often.
    """

    targets: dict[str, float]
    means: dict[str, float]


class Filled(NamedTuple):
    """A predictor on all networks of a comparison.

    Attributes:
        r2: pooled R² over all; None where not defined, for holdouts, and without any prediction.
        missing: networks that it does not predict.
    """

    r2: float | None
    missing: int


def compared(results: Iterable[Result]) -> Compared:
    """The networks that are predicted by any of several results on one split.

    Raises:
        ResultError: two results have other targets or folds for a network.
    """
    targets: dict[str, tuple[float, str]] = {}
    folds: dict[str, tuple[int, str]] = {}
    pooled = True
    for result in results:
        pooled = pooled and result.split_kind != "holdout"
        for network, target in result.targets.items():
            _agree(targets, network, target, result, f"{result.target} of {network}")
        for fold in result.folds if pooled else ():
            for network in fold.ids:
                _agree(folds, network, fold.fold, result, f"fold of {network} in {result.split}")
    of = {network: target for network, (target, _) in targets.items()}
    if not pooled:
        return Compared(of, {})
    return Compared(of, means_outside(of, {network: fold for network, (fold, _) in folds.items()}))


def filled(result: Result, networks: Compared) -> Filled:
    """Pooled R² of a result over all networks compared.

    A network without a prediction is predicted by the mean target of those outside of its fold: to
    leave it out is to predict the mean, and gains no more than that would. choice: filling, rather
    than comparing on what all predictors measured, because there one predictor would decide which
    networks all others are judged by.
    """
    missing = len(networks.targets.keys() - result.targets.keys())
    if result.split_kind == "holdout" or not result.folds or not missing:
        return Filled(result.scores.r2_pooled, missing)
    predictions = filled_predictions(result, networks)
    ids = sorted(predictions)
    with np.errstate(over="ignore", invalid="ignore"):
        r2 = metrics.r2([networks.targets[n] for n in ids], [predictions[n] for n in ids])
    return Filled(finite(r2), missing)


def filled_predictions(result: Result, networks: Compared) -> dict[str, float]:
    """Id → out-of-fold prediction of every network compared; see `filled` for those lacking one.

    Args:
        result: on a split that tests each network once.
        networks: that any predictor of the table predicts on that split.
    """
    return networks.means | held_out(result)


def means_outside(targets: Mapping[str, float], folds: Mapping[str, int]) -> dict[str, float]:
    """Id → mean target of the networks outside of its fold, for those that there are any of."""
    by_fold: dict[int, list[float]] = {}
    for network, fold in folds.items():
        by_fold.setdefault(fold, []).append(targets[network])
    outside = {
        fold: [value for other, values in by_fold.items() if other != fold for value in values]
        for fold in by_fold
    }
    mean = {fold: math.fsum(values) / len(values) for fold, values in outside.items() if values}
    return {network: mean[fold] for network, fold in folds.items() if fold in mean}


def _agree(
    known: dict[str, tuple[Value, str]], network: str, value: Value, of: Result, what: str
) -> None:
    first, predictor = known.setdefault(network, (value, of.predictor))
    if first != value:
        raise ResultError(
            f"the {what} of {of.zoo} is {value} for {of.predictor}, but {first} for {predictor}; "
            "check both with `demogen leaderboard verify --zoo`"
        )
