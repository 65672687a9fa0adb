"""What scores follow from: predictions, targets, signatures and factors of one split's networks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from pydantic import Field

from demogen.format.factors import Level
from demogen.format.splits import Kind
from demogen.schema.records import Frozen
from leaderboard.scoring import metrics
from leaderboard.scoring.granulated import Granulated, granulated_kendall
from leaderboard.scoring.mutual_information import ConditionalInformation, conditional_information
from leaderboard.scoring.sign_error import SignErrors, sign_errors

Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]

MOST_COMPARED = 5000
"""With more networks, statistics of pairs are left undefined: time and memory are quadratic."""

JsonLevel = bool | int | Finite | str | None

TargetsAndPredictions = tuple[Sequence[float], Sequence[float]]


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


@dataclass(frozen=True)
class Pooled:
    """All out-of-fold predictions of a split that tests each network once.

    Attributes:
        targets: of the networks, in the order of their ids.
        predictions: one for each target.
        levels: factor → level of each network.
        configurations: name of the configuration of each network.
    """

    targets: Sequence[float]
    predictions: Sequence[float]
    levels: Mapping[str, Sequence[Level]]
    configurations: Sequence[str]

    @property
    def comparable(self) -> bool:
        """Whether there are few enough networks to compare every pair of them."""
        return len(self.targets) <= MOST_COMPARED

    @cached_property
    def granulated(self) -> Granulated:
        """Agreement of signs, one factor at a time."""
        return granulated_kendall(self.targets, self.predictions, self.levels)

    @cached_property
    def information(self) -> ConditionalInformation:
        """Conditional mutual information of signs, for each set of factors."""
        return conditional_information(self.targets, self.predictions, self.levels)

    @cached_property
    def sign_errors(self) -> SignErrors:
        """Sign errors of the environments."""
        return sign_errors(self.targets, self.predictions, self.levels)


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

    @cached_property
    def by_fold(self) -> list[TargetsAndPredictions]:
        """Targets and predictions of the test networks of each fold."""
        return [([self.targets[id] for id in fold.ids], fold.predictions) for fold in self.folds]

    @cached_property
    def fold_r2s(self) -> list[float]:
        """Held-out R² of each fold; NaN where not defined."""
        return [metrics.r2(*fold) for fold in self.by_fold]

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
    def pooled(self) -> Pooled | None:
        """All out-of-fold predictions together; None for holdouts, which predict networks often."""
        if self.kind == "holdout":
            return None
        predicted = {
            id: prediction
            for fold in self.folds
            for id, prediction in zip(fold.ids, fold.predictions, strict=True)
        }
        ids = sorted(predicted)
        return Pooled(
            targets=[self.targets[id] for id in ids],
            predictions=[predicted[id] for id in ids],
            levels={name: [of[id] for id in ids] for name, of in self.factors.items()},
            configurations=[self.configurations[id] for id in ids],
        )


def finite(value: float) -> float | None:
    """The value, or None in place of NaN and infinity."""
    return value if math.isfinite(value) else None
