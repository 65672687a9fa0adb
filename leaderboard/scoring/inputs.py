"""What scores follow from: predictions, targets, signatures and factors of one split's networks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Annotated

from pydantic import Field

from demogen.format.factors import Level
from demogen.format.splits import Kind
from demogen.schema.records import Frozen
from leaderboard.scoring import metrics
from leaderboard.scoring.granulated import Granulated, granulated_kendall
from leaderboard.scoring.mutual_information import ConditionalInformation, conditional_information
from leaderboard.scoring.pgdl import PgdlScore, pgdl_score
from leaderboard.scoring.robust_sign_error import RobustSignErrors, robust_sign_errors
from leaderboard.scoring.sign_error import SignErrors, sign_errors

Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]

MOST_COMPARED = 5000
"""With more networks, what compares all pairs is left undefined: time and memory are quadratic."""

MOST_COMPARISONS = 700_000_000
"""Likewise, of pairs of networks times sets of at most two factors: 5,000 networks may have 9
factors, and 1,000 may have 51."""

FEWEST_IN_FOLD = 6
"""Test networks that the folds need for a mean of their R². With fewer, the sum of squares about a
fold's own mean may be so small that the mean of R² has no finite variance (normal targets)."""

JsonLevel = bool | int | Finite | str | None

TargetsAndPredictions = tuple[Sequence[float], Sequence[float]]


class FoldPredictions(Frozen):
    """Predictions for the test networks of one fold by a regressor that has not seen them."""

    fold: Count
    """Number of the fold in its split, from 0."""
    ids: tuple[str, ...]
    predictions: tuple[Finite, ...]
    places: tuple[Annotated[Finite, Field(ge=1)], ...]
    """Rank of each prediction among that regressor's predictions for all measured networks of the
    zoo, from 1, ties at the rank nearest to the middle: see `leaderboard.scoring.places`."""
    center: Finite
    """Median of that regressor's predictions for all measured networks."""
    spread: Annotated[Finite, Field(ge=0)]
    """Standard deviation of these; 0 where the regressor says the same of all."""


class LinearModel(Frozen):
    """Coefficients of the linear model fitted on all measured networks.

    There is one coefficient a column unless the regressor's transforms change their number.
    """

    intercept: Finite
    coefficients: tuple[Finite, ...]
    rank: Count
    """Rank of what was fitted: less than the number of coefficients where columns depend on each
    other (the levels of a factor, say) or were not selected."""
    lost: Count = 0
    """Varying columns of a signature, as many as the networks could tell apart, that plain least
    squares cannot tell from the others: they depend on these, or differ by rounding only."""


@dataclass(frozen=True)
class Pooled:
    """All out-of-fold predictions of a split that tests each network once.

    Attributes:
        ids: of the networks, sorted.
        targets: of the networks, in that order.
        predictions: one for each target.
        standardized: the same in units of their fold's regressor: less the median of what it
            predicts for all networks, over the standard deviation of that; 0 where it says the same
            of all.
        places: rank of each among what its fold's regressor predicts for all networks, for what
            looks at the order of networks across folds.
        levels: factor → level of each network.
        configurations: name of the configuration of each network.
    """

    ids: Sequence[str]
    targets: Sequence[float]
    predictions: Sequence[float]
    standardized: Sequence[float]
    places: Sequence[float]
    levels: Mapping[str, Sequence[Level]]
    configurations: Sequence[str]

    @cached_property
    def agreement(self) -> "Agreement":
        """How the places of predictions order the networks."""
        return Agreement(self.targets, self.places, self.levels)


@dataclass(frozen=True)
class Agreement:
    """How some values order networks, beside their targets.

    Attributes:
        targets: of the networks.
        values: one for each target: places of predictions, or a measure as it came out.
        levels: factor → level of each network.
        test_images: how many images each test accuracy is of; None where that is not known.
    """

    targets: Sequence[float]
    values: Sequence[float]
    levels: Mapping[str, Sequence[Level]]
    test_images: int | None = None

    @property
    def few(self) -> bool:
        """Whether there are few enough networks, and factors, to compare every pair of them."""
        networks, factors = len(self.targets), len(self.levels)
        sets = 1 + factors * (factors + 1) // 2
        compared = networks * (networks - 1) // 2 * sets
        return networks <= MOST_COMPARED and compared <= MOST_COMPARISONS

    @cached_property
    def kendall(self) -> float:
        """τ_b; NaN where either side is constant."""
        return metrics.kendall(self.targets, self.values)

    @cached_property
    def spearman(self) -> float:
        """Rank correlation; NaN where either side is constant."""
        return metrics.spearman(self.targets, self.values)

    @cached_property
    def granulated(self) -> Granulated:
        """Agreement of signs, one factor at a time."""
        return granulated_kendall(self.targets, self.values, self.levels)

    @cached_property
    def information(self) -> ConditionalInformation | None:
        """Conditional mutual information of signs, for each set of factors; None of too many."""
        if not self.few:
            return None
        return conditional_information(self.targets, self.values, self.levels)

    @cached_property
    def sign_errors(self) -> SignErrors:
        """Sign errors of the environments of two levels."""
        return sign_errors(self.targets, self.values, self.levels)

    @cached_property
    def pgdl(self) -> PgdlScore | None:
        """The competition's score; None of too many networks."""
        return pgdl_score(self.targets, self.values, self.levels) if self.few else None

    @cached_property
    def robust_sign_errors(self) -> RobustSignErrors:
        """Sign errors of the environments of two configurations."""
        return robust_sign_errors(self.targets, self.values, self.levels, self.test_images)


@dataclass(frozen=True)
class ScoreInputs:
    """What the scores of a predictor on a split follow from.

    Attributes:
        kind: of the split.
        folds: out-of-fold predictions; folds that could not be fitted are not among them.
        fit: predictions of the regressor fitted on all measured networks, for those networks.
        targets: id → target.
        parameters: p of the adjusted R²: rank of what the regressor fitted, without the intercept.
        columns: features given to the regressor.
        signatures: id → values of them.
        configurations: id → name shared by the copies of one configuration.
        factors: factor → id → level.
        test_images: how many images each test accuracy is of; None where it is not known, and where
            the targets are no accuracies.
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
    test_images: int | None = None

    @cached_property
    def by_fold(self) -> list[TargetsAndPredictions]:
        """Targets and predictions of the test networks of each fold."""
        return [([self.targets[id] for id in fold.ids], fold.predictions) for fold in self.folds]

    @cached_property
    def fold_r2s(self) -> list[float]:
        """Held-out R² of each fold; NaN where not defined, or of too few networks."""
        return [
            metrics.r2(*fold) if len(fold[0]) >= FEWEST_IN_FOLD else math.nan
            for fold in self.by_fold
        ]

    @cached_property
    def defined_r2s(self) -> list[float]:
        """Held-out R² of the folds where it is defined."""
        return [value for value in self.fold_r2s if math.isfinite(value)]

    @cached_property
    def of_fit(self) -> TargetsAndPredictions:
        """Targets and predictions of the fit on all measured networks."""
        ids = sorted(self.fit)
        return [self.targets[id] for id in ids], [self.fit[id] for id in ids]

    @cached_property
    def measured(self) -> Agreement | None:
        """How the measure itself, its sign as measured, orders networks; None of many columns."""
        if len(self.columns) != 1:
            return None
        ids = sorted(self.signatures)
        return _agreement(
            tuple(self.targets[id] for id in ids),
            tuple(self.signatures[id][0] for id in ids),
            tuple((name, tuple(of[id] for id in ids)) for name, of in self.factors.items()),
            self.test_images,
        )

    @cached_property
    def robust_sign_errors(self) -> RobustSignErrors | None:
        """Of the measure itself; None of many columns, and where test images are not known."""
        if self.measured is None or self.test_images is None:
            return None
        return self.measured.robust_sign_errors

    @cached_property
    def pooled(self) -> Pooled | None:
        """All out-of-fold predictions together; None for holdouts, which predict networks often."""
        if self.kind == "holdout":
            return None
        predicted = {
            id: (prediction, _standardized(prediction, fold), place)
            for fold in self.folds
            for id, prediction, place in zip(fold.ids, fold.predictions, fold.places, strict=True)
        }
        ids = sorted(predicted)
        return Pooled(
            ids=ids,
            targets=[self.targets[id] for id in ids],
            predictions=[predicted[id][0] for id in ids],
            standardized=[predicted[id][1] for id in ids],
            places=[predicted[id][2] for id in ids],
            levels={name: [of[id] for id in ids] for name, of in self.factors.items()},
            configurations=[self.configurations[id] for id in ids],
        )


@lru_cache(maxsize=2)
def _agreement(
    targets: tuple[float, ...],
    values: tuple[float, ...],
    levels: tuple[tuple[str, tuple[Level, ...]], ...],
    test_images: int | None,
) -> Agreement:
    """A measure's own order is the same on every split, and its statistics are taken once."""
    return Agreement(targets, values, dict(levels), test_images)


def _standardized(prediction: float, fold: FoldPredictions) -> float:
    # Halved first: a wild prediction and the center may lie further apart than any float.
    half = prediction / 2 - fold.center / 2
    rounding = metrics.CONSTANT * max(abs(prediction), abs(fold.center))
    return 2 * (half / fold.spread) if fold.spread and abs(half) > rounding else 0.0


def finite(value: float) -> float | None:
    """The value, or None in place of NaN and infinity."""
    return value if math.isfinite(value) else None
