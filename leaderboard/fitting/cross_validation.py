"""Folds, design matrix, target, regressor → out-of-fold predictions, and the fit on all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline

from demogen.errors import PredictorError
from demogen.measuring.fitting import fit_and_predict, predicted
from demogen.measuring.least_squares import CONSTANT, LeastSquares
from leaderboard.scoring.inputs import FoldPredictions, LinearModel
from leaderboard.scoring.metrics import Vector
from leaderboard.scoring.places import Bounds, place_bounds, places, spread

if TYPE_CHECKING:
    from sklearn.base import RegressorMixin


@dataclass(frozen=True)
class CrossValidation:
    """What a regressor predicts on a split.

    Attributes:
        folds: out-of-fold predictions, in the order of the split.
        skipped: numbers of the folds left without a network to test or to fit.
        fit: id → prediction of the regressor fitted on all networks.
        model: its coefficients where it is linear, else None.
        bounds: of the places of each fold's predictions, where a slack was given.
        exact: whether the fit on all is of least squares and goes through every network, as it
            has as many directions as networks can be told apart by.
    """

    folds: tuple[FoldPredictions, ...]
    skipped: tuple[int, ...]
    fit: dict[str, float]
    model: LinearModel | None
    bounds: tuple[Bounds, ...] = ()
    exact: bool = False


def cross_validate(
    signatures: Mapping[str, Sequence[float]],
    targets: Mapping[str, float],
    tests: Sequence[Sequence[str]],
    regressor: "RegressorMixin",
    slack: Callable[[Vector], Vector] | None = None,
) -> CrossValidation:
    """Fit a clone on all networks but those that a fold tests, and predict these.

    One fold of some hundred networks takes 1 to 3 ms, most of it scikit-learn's checks; one-hot
    encoding takes 8 ms.

    Args:
        signatures: id → row of the design matrix, for the networks measured. Networks that folds
            test and that are not among them are dropped.
        targets: id → target, for at least these networks.
        tests: ids of the networks that each fold tests.
        regressor: unfitted; it is never fitted itself.
        slack: predictions → by how much each may differ on another machine.

    Raises:
        PredictorError: the regressor fails, or predicts something that is not finite, or its
            coefficients are not.
    """
    ids = tuple(sorted(signatures))
    rows = [signatures[network] for network in ids]
    X = np.array(rows, np.float64).reshape(len(ids), len(rows[0]) if rows else 0)
    y = np.array([targets[network] for network in ids], np.float64)
    predicted_folds, skipped, bounds = [], [], []
    for number, (test, tested) in enumerate(_tested(tuple(map(tuple, tests)), ids)):
        fitted_to = np.ones(len(ids), bool)
        fitted_to[test] = False
        train = np.flatnonzero(fitted_to)
        if not len(train) or not tested:
            skipped.append(number)
            continue
        what = f"fold {number}"
        fitted, predictions = fit_and_predict(regressor, X[train], y[train], X[test], what)
        everywhere = predicted(fitted, X.copy(), len(train), what).copy()
        # Sums of other lengths round otherwise: with ill-conditioned columns, by a rank or more.
        everywhere[test] = predictions
        predicted_folds.append(
            FoldPredictions(
                fold=number,
                ids=tested,
                predictions=tuple(predictions.tolist()),
                places=tuple(places(predictions, everywhere).tolist()),
                center=_center(everywhere),
                spread=spread(everywhere),
            )
        )
        if slack is not None:
            bounds.append(place_bounds(predictions, everywhere, slack(predictions)))
    if not ids:
        return CrossValidation((), tuple(skipped), {}, None)
    # A regressor may overwrite what it is given.
    fitted, predictions = fit_and_predict(regressor, X.copy(), y.copy(), X, "all networks")
    fit = dict(zip(ids, predictions.tolist(), strict=True))
    model = linear_model(fitted, X)
    exact = _exact(fitted, len(ids))
    return CrossValidation(tuple(predicted_folds), tuple(skipped), fit, model, tuple(bounds), exact)


# Many predictors are scored on one split, and looking ids up costs as much as fitting does.
@lru_cache(maxsize=4)
def _tested(
    tests: tuple[tuple[str, ...], ...], ids: tuple[str, ...]
) -> list[tuple[npt.NDArray[np.intp], tuple[str, ...]]]:
    """Positions in `ids`, ascending, of what each fold tests, and these ids."""
    position = {network: number for number, network in enumerate(ids)}
    found = []
    for tested in tests:
        rows = sorted(position[network] for network in tested if network in position)
        found.append((np.array(rows, np.intp), tuple(ids[row] for row in rows)))
    return found


def linear_model(fitted: Any, X: Vector) -> LinearModel | None:
    """Coefficients of a fitted linear regressor, or of a pipeline that ends in one.

    Args:
        fitted: the regressor.
        X: the signatures it was fitted on, shape (networks, columns).

    Raises:
        PredictorError: a coefficient is no finite number.
    """
    last = _last(fitted)
    coefficients, intercept = getattr(last, "coef_", None), getattr(last, "intercept_", None)
    if coefficients is None or intercept is None:
        return None
    values = tuple(np.ravel(coefficients).tolist())
    if not np.isfinite([*values, *np.ravel(intercept)]).all():
        raise PredictorError(
            "a coefficient of its linear model is too large for a double: a column varies by less "
            "than 1e-307 or so, beside its target; give it in a smaller unit, or its logarithm"
        )
    rank = int(getattr(last, "rank_", len(values)))
    return LinearModel(
        intercept=float(np.ravel(intercept)[0]),
        coefficients=values,
        rank=rank,
        lost=_lost(fitted, X, rank) if isinstance(last, LeastSquares | LinearRegression) else 0,
    )


def _lost(fitted: Any, X: Vector, rank: int) -> int:
    """Columns beyond the rank, of the signature and of what a pipeline makes of it: the less.

    A step that chooses columns loses none, nor does one that makes dependent ones of each (the
    levels of a factor).
    """
    lost = _beyond(X, rank)
    while lost and isinstance(fitted, Pipeline):
        if len(fitted) > 1:
            made = fitted[:-1].transform(X.copy())
            # One-hot columns come as sparse ones.
            X = np.asarray(made.toarray() if hasattr(made, "toarray") else made, np.float64)
            lost = min(lost, _beyond(X, rank))
        fitted = fitted[-1]
    return lost


def _last(fitted: Any) -> Any:
    """The regressor at the end of pipelines, one in the other."""
    return _last(fitted[-1]) if isinstance(fitted, Pipeline) else fitted


def _exact(fitted: Any, networks: int) -> bool:
    last = _last(fitted)
    # On sparse columns, or with positive coefficients alone, scikit-learn finds no rank.
    rank = getattr(last, "rank_", 0)
    return isinstance(last, LeastSquares | LinearRegression) and rank >= max(1, networks - 1)


def _beyond(X: Vector, rank: int) -> int:
    """Columns that vary by more than rounding, beyond the rank; n networks tell n − 1 apart."""
    if not X.size:
        return 0
    varying = np.count_nonzero(np.ptp(X, axis=0) > CONSTANT * np.abs(X).max(axis=0))
    return max(0, min(int(varying), len(X) - 1) - rank)


def _center(predictions: Vector) -> float:
    """Their median; exactly the value that most of them have."""
    # Halved first: the sum of a wild regressor's predictions may be no float.
    return float(2 * np.median(predictions / 2))
