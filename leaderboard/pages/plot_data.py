"""What the plots of a predictor's page draw, as plain data, from its results alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from leaderboard.results.coloring import colorings
from leaderboard.results.result import Result, held_out
from leaderboard.scoring import metrics

FIT = "fit, nothing held out"
"""Name of the predictions of the regressor fitted on all networks, beside those of the splits."""

SIGNIFICANT = 6
"""Digits of numbers that are only drawn; the result files and the CSV files hold them whole."""

READ = 4
"""Digits of numbers that are read beside a point."""


def plot_data(by_split: Mapping[str, Result]) -> dict[str, Any]:
    """Predictions, fold scores, coefficients and factors of a predictor on one zoo and target.

    Args:
        by_split: split → result, of one predictor, zoo and target.

    Returns:
        JSON: `ids`; `true`, the targets in their order; `digits`, how many of a target or a
        prediction to read; `splits`, the fit last, each with its `predicted` in that order (null
        where never held out); `folds`; `colorings`; `model`.
    """
    results = list(by_split.values())
    first = results[0]
    ids = sorted({network for result in results for network in result.targets})
    targets = {network: value for result in results for network, value in result.targets.items()}
    true = [targets[network] for network in ids]
    shared = _shared_digits(true)
    return {
        "ids": ids,
        "true": _rounded(true, shared),
        "digits": READ + shared,
        "splits": [
            *(_of_split(result, ids, shared) for result in results),
            {
                "name": FIT,
                "kind": "fit",
                "predicted": _rounded([first.fit.get(network) for network in ids], shared),
                "folds": [],
            },
        ],
        "colorings": [asdict(coloring) for coloring in colorings(ids, true, first.factors)],
        "model": _model(first),
    }


def fold_scores(result: Result) -> list[dict[str, Any]]:
    """Number, networks, held-out R², RMSE in percentage points and SSR of each fold.

    R² is None where it is not defined: one test network, or equal targets.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return [
            _fold(fold.fold, [result.targets[one] for one in fold.ids], fold.predictions)
            for fold in result.folds
        ]


def terms(result: Result) -> list[tuple[str, float]]:
    """Name and coefficient of each term of the linear model; none of other regressors.

    A regressor whose transforms change the number of columns has terms without a name, which are
    counted from 1.
    """
    if result.model is None:
        return []
    coefficients = result.model.coefficients
    named = len(coefficients) == len(result.columns)
    names = result.columns if named else [str(number + 1) for number in range(len(coefficients))]
    return list(zip(names, coefficients, strict=True))


def _of_split(result: Result, ids: Sequence[str], shared: int) -> dict[str, Any]:
    predictions = held_out(result)
    return {
        "name": result.split,
        "kind": result.split_kind,
        "predicted": _rounded([predictions.get(network) for network in ids], shared),
        "folds": [
            {key: _significant(value) for key, value in fold.items()}
            for fold in fold_scores(result)
        ],
    }


def _fold(number: int, targets: Sequence[float], predictions: Sequence[float]) -> dict[str, Any]:
    return {
        "fold": number,
        "networks": len(targets),
        "r2": _finite(metrics.r2(targets, predictions)),
        "rmse_points": _finite(metrics.rmse_points(targets, predictions)),
        "ssr": _finite(metrics.ssr(targets, predictions)),
    }


def _model(result: Result) -> dict[str, Any] | None:
    if result.model is None:
        return None
    names, coefficients = zip(*terms(result), strict=True) if terms(result) else ((), ())
    return {
        "intercept": _significant(result.model.intercept),
        "names": list(names),
        "coefficients": _rounded(coefficients),
    }


def _shared_digits(values: Sequence[float]) -> int:
    """How many leading digits say nothing, because nearly equal values share them.

    >>> _shared_digits([0.1, 0.5]), _shared_digits([2.3025841, 2.3025851])
    (0, 6)
    """
    largest = max(map(abs, values), default=0.0)
    span = max(values, default=0.0) - min(values, default=0.0)
    return max(0, math.floor(math.log10(largest / span))) if 0 < span < math.inf else 0


def _rounded(values: Sequence[float | None], more: int = 0) -> list[float | None]:
    return [_significant(value, more) for value in values]


def _significant(value: Any, more: int = 0) -> Any:
    return float(f"{value:.{SIGNIFICANT + more}g}") if isinstance(value, float) else value


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
