"""Scores of a measure itself: how it orders networks as it came out, nothing fitted."""

from typing import Annotated

from demogen.schema.records import Frozen
from leaderboard.scoring.inputs import Count, Finite
from leaderboard.scoring.metric import MEASURED, ROBUST, Metric, decimals, digits

QUANTILES = (0.25, 0.5, 0.75, 0.9, 0.95)
"""Of sign errors, in results."""

_NO_ROBUST = (
    "several columns, targets that are no accuracies, an unknown number of test images, or no "
    "environment with an effective number of 12 pairs"
)


class MeasureScores(Frozen):
    """What the papers print of a measure: for predictors of one column, the same on every split."""

    measure_kendall: Annotated[
        Finite | None,
        Metric(
            MEASURED,
            lambda measured: measured.kendall,
            "Kendall's τ_b of the measure itself and the targets, nothing fitted: for predictors "
            "of one column, its sign as measured.",
            undefined="several columns, or either side constant",
            heading="Measure: τ_b",
            direction=None,
            text=decimals,
        ),
    ] = None
    measure_spearman: Annotated[
        Finite | None,
        Metric(
            MEASURED,
            lambda measured: measured.spearman,
            "Spearman's rank correlation of the measure itself and the targets.",
            undefined="several columns, or either side constant",
            heading="Measure: Spearman",
            direction=None,
            text=decimals,
            brief=False,
        ),
    ] = None
    measure_granulated: Annotated[
        Finite | None,
        Metric(
            MEASURED,
            lambda measured: measured.granulated.mean_of_cells,
            "Granulated Kendall coefficient Ψ of the measure itself as Jiang et al. 2020 define "
            "it: the mean over factors of the mean over settings of all other factors.",
            undefined="several columns, or no pair that differs in one factor, or too many",
            heading="Measure: Ψ",
            direction=None,
            text=decimals,
            brief=False,
        ),
    ] = None
    measure_information: Annotated[
        Finite | None,
        Metric(
            MEASURED,
            lambda measured: measured.information and measured.information.minimum,
            "Conditional mutual information (as CMI) of the measure itself.",
            undefined="several columns, no uncertainty left, or too many networks or levels",
            heading="Measure: CMI",
            direction="up",
            text=decimals,
            brief=False,
        ),
    ] = None
    measure_pgdl: Annotated[
        Finite | None,
        Metric(
            MEASURED,
            lambda measured: measured.pgdl and 100 * measured.pgdl.minimum,
            "Score of the measure itself by the program of the PGDL competition (100 times an "
            "information, one task): comparable with published scores.",
            undefined="several columns, fewer than two factors, or too many networks or levels",
            heading="Measure: PGDL",
            direction="up",
            text=digits,
            brief=False,
        ),
    ] = None
    measure_sign_error_max: Annotated[
        Finite | None,
        Metric(
            ROBUST,
            lambda errors: errors.maximum,
            "Robust sign error of the measure itself (Dziugaite et al. 2020): the largest over "
            "pairs of configurations that differ in one factor, copies crossed, each pair weighted "
            "by how surely its targets differ, given the number of test images.",
            undefined=_NO_ROBUST,
            heading="Measure: robust sign error",
            direction=None,
            text=decimals,
            brief=False,
        ),
    ] = None
    measure_sign_error_mean: Annotated[
        Finite | None,
        Metric(
            ROBUST,
            lambda errors: errors.mean,
            "Mean of these sign errors over the same environments.",
            undefined=_NO_ROBUST,
            heading="Measure: mean sign error",
            direction=None,
            text=decimals,
            brief=False,
        ),
    ] = None
    measure_sign_error_quantiles: Annotated[
        tuple[Finite, ...] | None,
        Metric(
            ROBUST,
            lambda errors: tuple(map(errors.quantile, QUANTILES)) if len(errors.errors) else None,
            "Their quantiles 0.25, 0.5, 0.75, 0.9 and 0.95.",
            undefined=_NO_ROBUST,
        ),
    ] = None
    measure_sign_error_environments: Annotated[
        Count | None,
        Metric(
            ROBUST,
            lambda errors: len(errors.errors),
            "How many environments have an effective number of at least 12 pairs.",
            undefined=_NO_ROBUST,
        ),
    ] = None
