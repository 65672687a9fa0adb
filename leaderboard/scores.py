"""From out-of-fold predictions to scores; what a published result must agree with."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from demogen.schema import Frozen
from leaderboard import metrics

Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Kind = Literal["partition", "holdout"]


class FoldPredictions(Frozen):
    """Predictions for the test networks of one fold by a regressor that has not seen them."""

    fold: Count
    """Number of the fold in its split, from 0."""
    ids: tuple[str, ...]
    predictions: tuple[Finite, ...]


class LinearModel(Frozen):
    """Coefficients of the linear model fitted on all measured networks.

    There is one coefficient a column unless the regressor's transforms change their number.
    """

    intercept: Finite
    coefficients: tuple[Finite, ...]
    rank: Count
    """Rank of what was fitted: less than the number of coefficients where columns depend on each
    other (the levels of a factor, say) or were not selected."""


class Scores(Frozen):
    """Scores of a predictor; None where a score is not defined or not of this kind of split."""

    r2_pooled: Finite | None = None
    """R² of all out-of-fold predictions together (partitions): what ranks."""
    r2_fold_mean: Finite | None = None
    """Mean over folds of the held-out R² within a fold, as the papers report it."""
    folds_scored: Count
    """Folds whose held-out R² is defined."""
    folds_undefined: Count
    """Folds left out of the mean: one test network, or equal targets."""
    mse: Finite | None = None
    rmse_points: Finite | None = None
    pearson: Finite | None = None
    ssr_mean: Finite | None = None
    ssr_max: Finite | None = None
    ssr: tuple[Finite | None, ...] | None = None
    """Sum of squared residuals of each division (holdouts)."""
    test_networks: Finite | None = None
    """Mean number of test networks in a division (holdouts), without which SSR means nothing."""
    fit_r2: Finite | None = None
    fit_adjusted_r2: Finite | None = None
    fit_mse: Finite | None = None
    fit_pearson: Finite | None = None


def score(
    kind: Kind,
    folds: Sequence[FoldPredictions],
    fit: Mapping[str, float],
    targets: Mapping[str, float],
    parameters: int,
) -> Scores:
    """All scores of a predictor on a split.

    Args:
        kind: "partition" (pooled scores) or "holdout" (sums of squared residuals).
        folds: out-of-fold predictions; folds that could not be fitted are not among them.
        fit: predictions of the regressor fitted on all measured networks, for those networks.
        targets: id → target.
        parameters: p of the adjusted R²: rank of what the regressor fitted, without the intercept.
    """
    # A wild regressor overflows: its scores are not finite, hence undefined, and no warning helps.
    with np.errstate(over="ignore", invalid="ignore"):
        pairs = [([targets[i] for i in fold.ids], fold.predictions) for fold in folds]
        of_kind = _pooled(pairs) if kind == "partition" else _divisions(pairs)
        r2s = [metrics.r2(*pair) for pair in pairs]
        defined = [value for value in r2s if math.isfinite(value)]
        return Scores(
            r2_fold_mean=_finite(float(np.mean(defined))) if defined else None,
            folds_scored=len(defined),
            folds_undefined=len(r2s) - len(defined),
            **of_kind,
            **_fit(fit, targets, parameters),
        )


Pair = tuple[Sequence[float], Sequence[float]]


def _pooled(pairs: Sequence[Pair]) -> dict[str, float | None]:
    targets = [value for pair in pairs for value in pair[0]]
    predictions = [value for pair in pairs for value in pair[1]]
    return {
        "r2_pooled": _finite(metrics.r2(targets, predictions)),
        "mse": _finite(metrics.mse(targets, predictions)),
        "rmse_points": _finite(metrics.rmse_points(targets, predictions)),
        "pearson": _finite(metrics.pearson(targets, predictions)),
    }


def _divisions(pairs: Sequence[Pair]) -> dict[str, float | tuple[float | None, ...] | None]:
    if not pairs:
        return {"ssr": ()}
    sums = [metrics.ssr(*pair) for pair in pairs]
    return {
        "ssr_mean": _finite(float(np.mean(sums))),
        "ssr_max": _finite(max(sums)),
        "ssr": tuple(map(_finite, sums)),
        "test_networks": float(np.mean([len(targets) for targets, _ in pairs])),
    }


def _fit(
    fit: Mapping[str, float], targets: Mapping[str, float], parameters: int
) -> dict[str, float | None]:
    pair = [targets[network] for network in sorted(fit)], [fit[network] for network in sorted(fit)]
    r2 = metrics.r2(*pair)
    return {
        "fit_r2": _finite(r2),
        "fit_adjusted_r2": _finite(metrics.adjusted_r2(r2, len(fit), parameters)),
        "fit_mse": _finite(metrics.mse(*pair)),
        "fit_pearson": _finite(metrics.pearson(*pair)),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
