"""The table of scores: a field of `Scores` is one entry, from which all else follows."""

from typing import Annotated

import numpy as np

from leaderboard.scoring import metrics, resampled
from leaderboard.scoring.bootstrap import Statistic
from leaderboard.scoring.inputs import Count, Finite, ScoreInputs, finite
from leaderboard.scoring.measure_scores import MeasureScores
from leaderboard.scoring.metric import (
    AVERAGED,
    COMPARED,
    DIVISIONS,
    EVERYTHING,
    FIT,
    PLACED,
    POOLED,
    RESAMPLED,
    STANDARDIZED,
    Metric,
    count,
    decimals,
    digits,
)
from leaderboard.scoring.parts import (
    ColumnFit,
    Environment,
    Interval,
    adjusted_r2,
    column_fits,
    information,
    intervals,
    mean_size,
    sums_of_squares,
    worst_environment,
)

_NO_INFORMATION = (
    "τ_b below 0; no uncertainty left in any set; too many networks or levels to compare all pairs"
)


class Scores(MeasureScores):
    """Scores of a predictor; None where one is not defined, or not of this kind of split.

    This class and the one that it inherits are the table of scores. What is written in result
    files, columns of tables, the bootstrap, the checks of results and the documents follow from
    their fields and the `Metric` of each: a new score is one more field, with None as its default.
    """

    r2_pooled: Annotated[
        Finite | None,
        Metric(
            POOLED,
            metrics.r2,
            "R² of all out-of-fold predictions together, on the ranking split: grouped-kfold-10, "
            "where copies of one configuration stay together (leave-one-out in small zoos). A "
            "constant predictor scores a little below 0.",
            undefined="constant target",
            heading="R² pooled",
            direction="up",
            text=decimals,
            resampled=resampled.r2,
        ),
    ] = None
    r2_fold_mean: Annotated[
        Finite | None,
        Metric(
            AVERAGED,
            lambda defined: float(np.mean(defined)),
            "Mean over folds of the held-out R² within each fold of kfold-10, as the papers report "
            "it; of folds with at least 6 test networks, as fewer make it wild.",
            undefined="no fold of 6 networks that differ; leave-factor-out",
            heading="R² k-fold",
            direction="up",
            text=decimals,
        ),
    ] = None
    fit_adjusted_r2: Annotated[
        Finite | None,
        Metric(
            EVERYTHING,
            adjusted_r2,
            "Adjusted R² of the fit on all measured networks, where nothing is held out; its "
            "number of parameters is the rank of what was fitted.",
            undefined="fewer networks than rank + 2",
            heading="Adj. R²",
            direction="up",
            text=decimals,
        ),
    ] = None
    mse: Annotated[
        Finite | None,
        Metric(
            POOLED,
            metrics.mse,
            "Mean squared error out of fold, ranking split.",
            heading="MSE",
            direction="down",
            text=digits,
            brief=False,
            resampled=resampled.mse,
            sums_squares=True,
        ),
    ] = None
    rmse_points: Annotated[
        Finite | None,
        Metric(
            POOLED,
            metrics.rmse_points,
            "100 times the root mean squared error out of fold, ranking split: percentage points "
            "where the target is a gap or an accuracy.",
            heading="RMSE, pp",
            direction="down",
            text=digits,
            resampled=resampled.rmse_points,
            sums_squares=True,
        ),
    ] = None
    pearson: Annotated[
        Finite | None,
        Metric(
            STANDARDIZED,
            metrics.pearson,
            "Correlation of targets and standardized out-of-fold predictions, ranking split: each "
            "less the median, over the standard deviation, of what its fold's regressor predicts "
            "for all networks, as these follow the targets of the other folds.",
            undefined="either side constant",
            heading="Pearson",
            direction="up",
            text=decimals,
            resampled=resampled.pearson,
        ),
    ] = None
    spearman: Annotated[
        Finite | None,
        Metric(
            PLACED,
            metrics.spearman,
            "Rank correlation of targets and places, ranking split: ranks of out-of-fold "
            "predictions among what the same fold's regressor predicts for all networks; ties at "
            "the rank nearest to the middle.",
            undefined="either side constant",
            heading="Spearman",
            direction="up",
            text=decimals,
            brief=False,
            resampled=resampled.spearman,
        ),
    ] = None
    kendall: Annotated[
        Finite | None,
        Metric(
            PLACED,
            metrics.kendall,
            "Kendall's τ_b of targets and places (see Spearman), ranking split: the share of pairs "
            "of networks ordered rightly less that ordered wrongly, among pairs without a tie.",
            undefined="either side constant",
            heading="Kendall τ_b",
            direction="up",
            text=decimals,
            resampled=resampled.kendall,
            compares_pairs=True,
        ),
    ] = None
    granulated_kendall: Annotated[
        Finite | None,
        Metric(
            COMPARED,
            lambda agreement: agreement.granulated.mean,
            "Mean over factors of the agreement in sign over all pairs of networks that differ in "
            "this factor alone; of places of predictions, ranking split.",
            undefined="no such pair, or too many",
            heading="Granulated by pairs",
            direction="up",
            text=decimals,
            brief=False,
        ),
    ] = None
    information: Annotated[
        Finite | None,
        Metric(
            COMPARED,
            lambda agreement: (of := information(agreement)) and of.minimum,
            "Conditional mutual information of the signs of differences, normalized, the least "
            "over sets of at most two factors (Jiang et al. 2020); of places of predictions, "
            "ranking split. It does not see direction: where predictions order networks the wrong "
            "way around (τ_b below 0) it is no skill, and not shown.",
            undefined=_NO_INFORMATION,
            heading="CMI",
            direction="up",
            text=decimals,
        ),
    ] = None
    sign_error_worst: Annotated[
        Finite | None,
        Metric(
            COMPARED,
            lambda agreement: agreement.sign_errors.supremum,
            "Largest share of pairs ordered wrongly (ties count half) over pairs of levels of one "
            "factor: the weaker family of environments of Dziugaite et al. 2020, without weights; "
            "of places of predictions, ranking split.",
            undefined="no environment of 12 pairs, or too many pairs",
            heading="Weak sign error",
            direction="down",
            text=decimals,
        ),
    ] = None
    granulated_kendall_cells: Annotated[
        Finite | None,
        Metric(
            COMPARED,
            lambda agreement: agreement.granulated.mean_of_cells,
            "Granulated Kendall coefficient Ψ of the places of predictions as Jiang et al. 2020 "
            "define it: the mean over factors of the mean over settings of all other factors.",
            undefined="no pair that differs in one factor, or too many",
            heading="Granulated Ψ",
            direction="up",
            text=decimals,
            brief=False,
        ),
    ] = None
    ssr_mean: Annotated[
        Finite | None,
        Metric(
            DIVISIONS,
            lambda divisions: float(np.mean(sums_of_squares(divisions))) if divisions else None,
            "Sum of squared residuals over the test networks, mean over the 100 divisions of "
            "holdout-100.",
            heading="SSR mean",
            direction="down",
            text=digits,
            sums_squares=True,
        ),
    ] = None
    ssr_max: Annotated[
        Finite | None,
        Metric(
            DIVISIONS,
            lambda divisions: max(sums_of_squares(divisions), default=None),
            "The largest of the 100 sums.",
            heading="SSR max",
            direction="down",
            text=digits,
            brief=False,
            sums_squares=True,
        ),
    ] = None
    test_networks: Annotated[
        Finite | None,
        Metric(
            DIVISIONS,
            mean_size,
            "Test networks in a division of holdout-100, which SSR sums over.",
            heading="SSR over",
            text=count,
        ),
    ] = None
    ssr: Annotated[
        tuple[Finite | None, ...] | None,
        Metric(
            DIVISIONS,
            lambda divisions: tuple(map(finite, sums_of_squares(divisions))),
            "Sum of squared residuals of each division of a holdout.",
            sums_squares=True,
        ),
    ] = None
    folds_scored: Annotated[
        Count,
        Metric(
            EVERYTHING,
            lambda inputs: len(inputs.defined_r2s),
            "Number of folds whose held-out R² is defined.",
        ),
    ]
    folds_undefined: Annotated[
        Count,
        Metric(
            EVERYTHING,
            lambda inputs: len(inputs.fold_r2s) - len(inputs.defined_r2s),
            "Number of folds left out of the mean: one test network, or equal targets.",
        ),
    ]
    granulated: Annotated[
        dict[str, Finite | None] | None,
        Metric(
            COMPARED,
            lambda agreement: {f: finite(p) for f, p in agreement.granulated.by_factor.items()},
            "Factor → agreement of signs over the pairs that differ in it alone.",
        ),
    ] = None
    information_given: Annotated[
        tuple[str, ...] | None,
        Metric(
            COMPARED,
            lambda agreement: (of := information(agreement)) and of.at,
            "The set of factors with the least conditional mutual information.",
            undefined=_NO_INFORMATION,
        ),
    ] = None
    sign_error_at: Annotated[
        Environment | None,
        Metric(
            COMPARED,
            worst_environment,
            "The environment of the largest weak sign error: its factor, two levels and pairs.",
            undefined="no environment of 12 pairs, or too many pairs",
        ),
    ] = None
    sign_error_mean: Annotated[
        Finite | None,
        Metric(
            COMPARED,
            lambda agreement: agreement.sign_errors.mean,
            "Mean weak sign error over environments.",
            undefined="no environment of 12 pairs, or too many pairs",
        ),
    ] = None
    intervals: Annotated[
        dict[str, Interval] | None,
        Metric(
            RESAMPLED,
            lambda pooled: intervals(pooled, METRICS),
            "Name of a pooled score → its 95 % bootstrap interval.",
            undefined="fewer than two configurations",
        ),
    ] = None
    fit_r2: Annotated[
        Finite | None,
        Metric(
            FIT, metrics.r2, "R² of the fit on all measured networks.", undefined="constant target"
        ),
    ] = None
    fit_mse: Annotated[
        Finite | None,
        Metric(FIT, metrics.mse, "Mean squared error of that fit.", sums_squares=True),
    ] = None
    fit_pearson: Annotated[
        Finite | None,
        Metric(
            FIT,
            metrics.pearson,
            "Correlation of that fit and the targets.",
            undefined="either side constant",
        ),
    ] = None
    columns: Annotated[
        dict[str, ColumnFit],
        Metric(
            EVERYTHING,
            column_fits,
            "Feature → what it says of the target by itself, as measured: F, p, slope, intercept, "
            "R², RMSE.",
            undefined="constant feature",
        ),
    ]


METRICS: dict[str, Metric] = {
    name: metric
    for name in sorted(Scores.model_fields, key=MeasureScores.model_fields.__contains__)
    for metric in Scores.model_fields[name].metadata
    if isinstance(metric, Metric)
}
"""Name of a score → its entry; those of predictions first."""

NUMBERS: tuple[str, ...] = tuple(
    name for name, field in Scores.model_fields.items() if field.annotation in (Finite | None, int)
)
"""Names of the scores that are one number."""

STATISTICS: dict[str, Statistic] = {
    metric.function.__name__: statistic
    for metric in METRICS.values()
    if (statistic := metric.statistic)
}
"""Name of a function of `leaderboard.scoring.metrics` → the statistic that the bootstrap takes."""


def score(inputs: ScoreInputs) -> Scores:
    """All scores of a predictor on a split."""
    # A wild regressor overflows: its scores are not finite, hence undefined, and no warning helps.
    with np.errstate(over="ignore", invalid="ignore"):
        return Scores.model_validate(
            {name: metric.value(inputs) for name, metric in METRICS.items()}
        )
