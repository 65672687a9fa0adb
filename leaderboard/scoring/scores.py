"""From out-of-fold predictions to scores; what a published result must agree with."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from demogen.format.splits import Kind
from demogen.schema.records import Frozen
from leaderboard.scoring import bootstrap, metrics
from leaderboard.scoring.factors import Level
from leaderboard.scoring.granulated import granulated_kendall
from leaderboard.scoring.mutual_information import conditional_information
from leaderboard.scoring.sign_error import sign_errors

Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
JsonLevel = bool | int | Finite | str | None

MOST_COMPARED = 5000
"""With more networks, statistics of pairs are left undefined: time and memory are quadratic."""

FEWEST_CONFIGURATIONS = 2
"""With fewer there is nothing to resample, and no interval."""


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


class Interval(Frozen):
    """95 % bootstrap interval of a score; whole configurations are drawn."""

    low: Finite
    high: Finite
    undefined: Count
    """Draws left out because the score is not defined in them."""


class Environment(Frozen):
    """Pairs of networks that differ in one factor alone, between two of its levels."""

    factor: str
    levels: tuple[JsonLevel, JsonLevel]
    pairs: Count


class ColumnFit(Frozen):
    """One feature by itself, as it was measured (before any transform of the regressor)."""

    f: Finite | None
    """F of the univariate test; None where not defined, and for an exact relation."""
    p: Finite | None
    slope: Finite | None
    intercept: Finite | None
    r2: Finite | None
    rmse: Finite | None
    """In units of the target."""


class Scores(Frozen):
    """Scores of a predictor; None where a score is not defined or not of this kind of split."""

    r2_pooled: Finite | None = None
    """R² of all out-of-fold predictions together (partitions and levels): what ranks."""
    r2_fold_mean: Finite | None = None
    """Mean over folds of the held-out R² within a fold, as the papers report it (not for levels).
    """
    folds_scored: Count
    """Folds whose held-out R² is defined."""
    folds_undefined: Count
    """Folds left out of the mean: one test network, or equal targets."""
    mse: Finite | None = None
    rmse_points: Finite | None = None
    pearson: Finite | None = None
    spearman: Finite | None = None
    kendall: Finite | None = None
    """τ_b."""
    granulated_kendall: Finite | None = None
    """Mean over factors of `granulated`."""
    granulated: dict[str, Finite | None] | None = None
    """Factor → agreement of signs over the pairs that differ in it alone."""
    information: Finite | None = None
    """Least normalized conditional mutual information over sets of at most two factors."""
    information_given: tuple[str, ...] | None = None
    """The set of factors that attains it."""
    sign_error_worst: Finite | None = None
    """Largest sign error of an environment."""
    sign_error_at: Environment | None = None
    """The environment that attains it."""
    sign_error_mean: Finite | None = None
    intervals: dict[str, Interval] | None = None
    """Name of a pooled score → its interval."""
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
    columns: dict[str, ColumnFit]
    """Feature → what it says of the target by itself."""


@dataclass(frozen=True)
class ScoreInputs:
    """What scores follow from.

    Attributes:
        kind: of the split: "partition" (pooled scores), "levels" (likewise, but no mean over folds:
            R² within a level is against the variance of that level alone, and levels differ by
            design) or "holdout" (sums of squared residuals).
        folds: out-of-fold predictions; folds that could not be fitted are not among them.
        fit: predictions of the regressor fitted on all measured networks, for those networks.
        targets: id → target.
        parameters: p of the adjusted R²: rank of what the regressor fitted, without the intercept.
        columns: features given to the regressor.
        signatures: id → values of them.
        configurations: id → name shared by the copies of one configuration.
        factors: factor → id → level.
    """

    kind: Kind
    folds: Sequence[FoldPredictions]
    fit: Mapping[str, float]
    targets: Mapping[str, float]
    parameters: int
    columns: Sequence[str]
    signatures: Mapping[str, Sequence[float]]
    configurations: Mapping[str, str]
    factors: Mapping[str, Mapping[str, Level]]


def score(inputs: ScoreInputs) -> Scores:
    """All scores of a predictor on a split."""
    targets = inputs.targets
    # A wild regressor overflows: its scores are not finite, hence undefined, and no warning helps.
    with np.errstate(over="ignore", invalid="ignore"):
        pairs = [([targets[i] for i in fold.ids], fold.predictions) for fold in inputs.folds]
        of_kind = _divisions(pairs) if inputs.kind == "holdout" else _pooled(inputs)
        r2s = [metrics.r2(*pair) for pair in pairs]
        defined = [value for value in r2s if math.isfinite(value)]
        averaged = bool(defined) and inputs.kind != "levels"
        return Scores.model_validate(
            {
                "r2_fold_mean": _finite(float(np.mean(defined))) if averaged else None,
                "folds_scored": len(defined),
                "folds_undefined": len(r2s) - len(defined),
                **of_kind,
                **_fit(inputs.fit, targets, inputs.parameters),
                "columns": _columns(inputs),
            }
        )


Pair = tuple[Sequence[float], Sequence[float]]


def _pooled(inputs: ScoreInputs) -> dict[str, object]:
    """Scores of all predictions together, each network predicted once."""
    predicted = {
        network: prediction
        for fold in inputs.folds
        for network, prediction in zip(fold.ids, fold.predictions, strict=True)
    }
    ids = sorted(predicted)
    pair = [inputs.targets[network] for network in ids], [predicted[network] for network in ids]
    plain = {
        "r2_pooled": metrics.r2(*pair),
        "mse": metrics.mse(*pair),
        "rmse_points": metrics.rmse_points(*pair),
        "pearson": metrics.pearson(*pair),
    }
    found: dict[str, object] = {name: _finite(value) for name, value in plain.items()}
    if 0 < len(ids) <= MOST_COMPARED:
        levels = {name: [of[network] for network in ids] for name, of in inputs.factors.items()}
        found |= _ordering(pair, levels)
    groups = [inputs.configurations[network] for network in ids]
    if len(set(groups)) >= FEWEST_CONFIGURATIONS:
        found["intervals"] = _intervals(pair, groups)
    return found


def _ordering(pair: Pair, levels: Mapping[str, Sequence[Level]]) -> dict[str, object]:
    """How well predictions order the networks."""
    granulated = granulated_kendall(*pair, levels)
    information = conditional_information(*pair, levels)
    errors = sign_errors(*pair, levels)
    worst = errors.worst
    return {
        "spearman": _finite(metrics.spearman(*pair)),
        "kendall": _finite(metrics.kendall(*pair)),
        "granulated_kendall": _finite(granulated.mean),
        "granulated": {name: _finite(value) for name, value in granulated.by_factor.items()},
        "information": _finite(information.minimum),
        "information_given": information.at,
        "sign_error_worst": _finite(errors.supremum),
        "sign_error_at": worst
        and Environment(factor=worst.factor, levels=worst.levels, pairs=worst.pairs),
        "sign_error_mean": _finite(errors.mean),
    }


_BOOTSTRAPPED = {
    "r2_pooled": "r2",
    **{name: name for name in ("mse", "rmse_points", "pearson", "spearman", "kendall")},
}
"""Score → its name among `leaderboard.scoring.bootstrap.STATISTICS`."""


def _intervals(pair: Pair, groups: Sequence[str]) -> dict[str, Interval]:
    quadratic = {"kendall"} if len(groups) > MOST_COMPARED else set()
    wanted = [name for name in _BOOTSTRAPPED.values() if name not in quadratic]
    found = bootstrap.intervals(*pair, groups, wanted)
    return {
        score: Interval(low=one.low, high=one.high, undefined=one.undefined)
        for score, name in _BOOTSTRAPPED.items()
        if (one := found.get(name)) and math.isfinite(one.low) and math.isfinite(one.high)
    }


def _divisions(pairs: Sequence[Pair]) -> dict[str, object]:
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


def _columns(inputs: ScoreInputs) -> dict[str, ColumnFit]:
    ids = sorted(inputs.signatures)
    targets = [inputs.targets[network] for network in ids]
    found = {}
    for place, name in enumerate(inputs.columns):
        feature = [inputs.signatures[network][place] for network in ids]
        test = metrics.univariate_f(targets, feature)
        line = metrics.simple_fit(targets, feature)
        found[name] = ColumnFit(
            f=_finite(test.statistic),
            p=_finite(test.p_value),
            slope=_finite(line.slope),
            intercept=_finite(line.intercept),
            r2=_finite(line.r2),
            rmse=_finite(line.rmse),
        )
    return found


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
