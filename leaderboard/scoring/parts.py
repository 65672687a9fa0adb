"""What scores of more than one number hold, and how they come from the inputs."""

from collections.abc import Mapping, Sequence

import numpy as np

from demogen.schema.records import Frozen
from leaderboard.scoring import bootstrap, metrics
from leaderboard.scoring.inputs import (
    Agreement,
    Count,
    Finite,
    JsonLevel,
    Pooled,
    ScoreInputs,
    TargetsAndPredictions,
    finite,
)
from leaderboard.scoring.metric import Metric
from leaderboard.scoring.mutual_information import ConditionalInformation

FEWEST_CONFIGURATIONS = 2
"""With fewer there is nothing to resample, and no interval."""


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


class Interval(Frozen):
    """95 % bootstrap interval of a score; whole configurations are drawn."""

    low: Finite
    high: Finite
    undefined: Count
    """Draws left out because the score is not defined in them."""


def intervals(pooled: Pooled, table: Mapping[str, Metric]) -> dict[str, Interval] | None:
    """Name of a score of the table → its interval, where it has one and is defined."""
    if len(set(pooled.configurations)) < FEWEST_CONFIGURATIONS:
        return None
    drawn: dict[str, bootstrap.Interval] = {}
    for values in ("predictions", "standardized", "places"):
        statistics = {
            name: statistic
            for name, metric in table.items()
            if (statistic := metric.statistic)
            and statistic.values == values
            and (pooled.agreement.few or not metric.compares_pairs)
        }
        drawn |= bootstrap.intervals(
            pooled.targets, getattr(pooled, values), pooled.configurations, statistics
        )
    return {
        name: Interval(low=interval.low, high=interval.high, undefined=interval.undefined)
        for name, interval in sorted(drawn.items())
        if np.isfinite([interval.low, interval.high]).all()
    }


def information(agreement: Agreement) -> ConditionalInformation | None:
    """Conditional information; None also of predictions that turn networks around."""
    return None if agreement.kendall < 0 else agreement.information


def worst_environment(agreement: Agreement) -> Environment | None:
    """The environment of the largest sign error; None where there is none."""
    worst = agreement.sign_errors.worst
    if worst is None:
        return None
    return Environment(factor=worst.factor, levels=worst.levels, pairs=worst.pairs)


def sums_of_squares(divisions: Sequence[TargetsAndPredictions]) -> list[float]:
    """Sum of squared residuals of each division."""
    return [metrics.ssr(*division) for division in divisions]


def mean_size(divisions: Sequence[TargetsAndPredictions]) -> float | None:
    """Mean number of networks in a division; None without a division."""
    return float(np.mean([len(targets) for targets, _ in divisions])) if divisions else None


def adjusted_r2(inputs: ScoreInputs) -> float:
    """Adjusted R² of the fit on all measured networks."""
    return metrics.adjusted_r2(metrics.r2(*inputs.of_fit), len(inputs.fit), inputs.parameters)


def column_fits(inputs: ScoreInputs) -> dict[str, ColumnFit]:
    """Each feature by itself, by name."""
    ids = sorted(inputs.signatures)
    targets = [inputs.targets[id] for id in ids]
    fits = {}
    for place, name in enumerate(inputs.columns):
        feature = [inputs.signatures[id][place] for id in ids]
        test = metrics.univariate_f(targets, feature)
        line = metrics.simple_fit(targets, feature)
        fits[name] = ColumnFit(
            f=finite(test.statistic),
            p=finite(test.p_value),
            slope=finite(line.slope),
            intercept=finite(line.intercept),
            r2=finite(line.r2),
            rmse=finite(line.rmse),
        )
    return fits
