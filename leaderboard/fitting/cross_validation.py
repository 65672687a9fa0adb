"""Split, design matrix, target, regressor → out-of-fold predictions, and the fit on all."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from demogen.errors import ZooError
from leaderboard.fitting.fold_indices import divisions
from leaderboard.fitting.least_squares import fold_predictions
from leaderboard.scoring.metrics import Vector
from leaderboard.scoring.scores import FoldPredictions, LinearModel

if TYPE_CHECKING:
    from sklearn.base import RegressorMixin

    from demogen.format.splits import Fold


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
    together: bool = True,
) -> Outcome:
    """Fit a clone on the train networks of each fold and predict its test networks.

    Args:
        signatures: id → row of the design matrix, for the networks measured. Networks of the folds
            that are not among them are dropped from every fold.
        targets: id → target, for at least these networks.
        folds: of a split.
        regressor: unfitted; it is never fitted itself.
        together: solve the folds of a regressor known to be least squares in one go, which changes
            predictions by rounding alone. False: one after the other, as with any other regressor.

    Raises:
        ZooError: the regressor fails, or predicts something that is not finite.
    """
    ids = tuple(sorted(signatures))
    rows = [signatures[network] for network in ids]
    X = np.array(rows, np.float64).reshape(len(ids), len(rows[0]) if rows else 0)
    y = np.array([targets[network] for network in ids], np.float64)
    placed = divisions(tuple(folds), ids)
    solved = fold_predictions(regressor, X, y, placed) if together else {}
    done, skipped = [], []
    for number, part in enumerate(placed.parts):
        if not len(part.train) or not len(part.test):
            skipped.append(number)
            continue
        predicted = solved.get(number)
        if predicted is None:
            train, test = (X[part.train], y[part.train]), X[part.test]
            _, predicted = _fit_and_predict(regressor, *train, test, f"fold {number}")
        values = tuple(predicted.tolist())
        done.append(FoldPredictions(fold=number, ids=part.tested, predictions=values))
    if not ids:
        return Outcome((), tuple(skipped), {}, None)
    # A regressor may overwrite what it is given.
    fitted, predicted = _fit_and_predict(regressor, X.copy(), y.copy(), X, "all networks")
    fit = dict(zip(ids, predicted.tolist(), strict=True))
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


def _fit_and_predict(
    regressor: "RegressorMixin", X: Vector, y: Vector, test: Vector, what: str
) -> tuple[Any, Vector]:
    """A clone fitted on X and y, and its predictions for the rows of `test`."""
    fitted = clone(regressor)
    try:
        fitted.fit(X, y)
        predicted = np.asarray(fitted.predict(test), np.float64).ravel()
    except Exception as error:
        fault = " ".join(str(error).split())
        raise ZooError(
            f"the regressor {regressor_text(fitted)} fails on {what} "
            f"({len(X)} networks to fit): {fault}"
        ) from error
    if len(predicted) != len(test) or not np.isfinite(predicted).all():
        raise ZooError(
            f"the regressor {regressor_text(fitted)} gives no finite prediction for every "
            f"network of {what}; check the transforms in it against the signatures"
        )
    return fitted, predicted


def regressor_text(regressor: Any) -> str:
    """The regressor's repr on one line, without memory addresses, which differ each time."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", " ".join(repr(regressor).split()))
