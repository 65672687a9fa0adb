"""Split, design matrix, target, regressor → out-of-fold predictions, and the fit on all."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from demogen.errors import ZooError
from leaderboard.metrics import Vector
from leaderboard.scores import FoldPredictions, LinearModel

if TYPE_CHECKING:
    from sklearn.base import RegressorMixin

    from demogen.splits import Fold


@dataclass(frozen=True)
class Outcome:
    """What a regressor made of a split.

    Attributes:
        folds: out-of-fold predictions, in the order of the split.
        skipped: numbers of the folds left without a network to test or to fit.
        fit: id → prediction of the regressor fitted on all networks.
        model: its coefficients where it is linear, else None.
    """

    folds: tuple[FoldPredictions, ...]
    skipped: tuple[int, ...]
    fit: dict[str, float]
    model: LinearModel | None


def run(
    signatures: Mapping[str, Sequence[float]],
    targets: Mapping[str, float],
    folds: "Sequence[Fold]",
    regressor: "RegressorMixin",
) -> Outcome:
    """Fit a clone on the train networks of each fold and predict its test networks.

    Args:
        signatures: id → row of the design matrix, for the networks measured. Networks of the folds
            that are not among them are dropped from every fold.
        targets: id → target, for at least these networks.
        folds: of a split.
        regressor: unfitted; it is never fitted itself.

    Raises:
        ZooError: the regressor fails, or predicts something that is not finite.
    """
    task = _Task(signatures, targets, regressor)
    done, skipped = [], []
    for number, fold in enumerate(folds):
        train, test = task.measured(fold.train), task.measured(fold.test)
        if train and test:
            _, predicted = task.predict(train, test, f"fold {number}")
            done.append(FoldPredictions(fold=number, ids=tuple(test), predictions=predicted))
        else:
            skipped.append(number)
    everything = sorted(signatures)
    if not everything:
        return Outcome((), tuple(skipped), {}, None)
    fitted, predicted = task.predict(everything, everything, "all networks")
    fit = dict(zip(everything, predicted, strict=True))
    return Outcome(tuple(done), tuple(skipped), fit, linear_model(fitted))


def linear_model(fitted: Any) -> LinearModel | None:
    """Coefficients of a fitted linear regressor, or of a pipeline that ends in one."""
    last = fitted[-1] if isinstance(fitted, Pipeline) else fitted
    coefficients, intercept = getattr(last, "coef_", None), getattr(last, "intercept_", None)
    if coefficients is None or intercept is None:
        return None
    values = tuple(np.ravel(coefficients).tolist())
    return LinearModel(
        intercept=float(np.ravel(intercept)[0]),
        coefficients=values,
        rank=int(getattr(last, "rank_", len(values))),
    )


@dataclass(frozen=True)
class _Task:
    signatures: Mapping[str, Sequence[float]]
    targets: Mapping[str, float]
    regressor: "RegressorMixin"

    def measured(self, ids: Sequence[str]) -> list[str]:
        return sorted(network for network in ids if network in self.signatures)

    def predict(
        self, train: list[str], test: list[str], what: str
    ) -> tuple[Any, tuple[float, ...]]:
        regressor = clone(self.regressor)
        y = np.array([self.targets[network] for network in train], np.float64)
        try:
            regressor.fit(self._design(train), y)
            predicted = np.asarray(regressor.predict(self._design(test)), np.float64).ravel()
        except Exception as error:
            fault = " ".join(str(error).split())
            raise ZooError(
                f"the regressor {regressor_text(regressor)} fails on {what} "
                f"({len(train)} networks to fit): {fault}"
            ) from error
        if len(predicted) != len(test) or not np.isfinite(predicted).all():
            raise ZooError(
                f"the regressor {regressor_text(regressor)} gives no finite prediction for every "
                f"network of {what}; check the transforms in it against the signatures"
            )
        return regressor, tuple(predicted.tolist())

    def _design(self, ids: list[str]) -> Vector:
        rows = [self.signatures[network] for network in ids]
        return np.array(rows, np.float64).reshape(len(ids), -1)


def regressor_text(regressor: Any) -> str:
    """The regressor's repr on one line, without memory addresses, which differ each time."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", " ".join(repr(regressor).split()))
