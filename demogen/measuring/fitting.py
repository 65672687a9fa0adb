"""A regressor fitted to signatures, and what it predicts; errors name the regressor."""

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from demogen.errors import PredictorError

if TYPE_CHECKING:
    from sklearn.base import RegressorMixin

Vector = NDArray[np.float64]

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def regressor_to_text(regressor: Any) -> str:
    """The regressor's repr on one line, without memory addresses, which differ each time."""
    return _ADDRESS.sub("", " ".join(repr(regressor).split()))


def fit_and_predict(
    regressor: "RegressorMixin", X: Vector, y: Vector, test: Vector, what: str
) -> tuple[Any, Vector]:
    """A clone fitted on X (n, features) and y (n,), and its predictions for the rows of `test`.

    Args:
        regressor: unfitted; it is never fitted itself.
        X: rows to fit.
        y: their targets.
        test: rows to predict, (m, features).
        what: the rows, in messages.

    Raises:
        PredictorError: the regressor fails, or predicts something that is not finite.
    """
    fitted = clone(regressor)
    try:
        fitted.fit(X, y)
    except Exception as error:
        raise _failure(fitted, len(X), what, error) from error
    return fitted, predicted(fitted, test, len(X), what)


def predicted(fitted: Any, test: Vector, networks: int, what: str) -> Vector:
    """Predictions (m,) of a fitted regressor for the rows of `test`.

    Raises:
        PredictorError: it fails, or a prediction is not finite.
    """
    try:
        predictions = np.asarray(fitted.predict(test), np.float64).ravel()
    except Exception as error:
        raise _failure(fitted, networks, what, error) from error
    if len(predictions) != len(test) or not np.isfinite(predictions).all():
        raise PredictorError(
            f"the regressor {regressor_to_text(fitted)} gives no finite prediction for every "
            f"network of {what}; check the transforms in it against the signatures"
        )
    return predictions


def _failure(fitted: Any, networks: int, what: str, error: Exception) -> PredictorError:
    fault = " ".join(str(error).split())
    return PredictorError(
        f"the regressor {regressor_to_text(fitted)} fails on {what} "
        f"({networks} networks to fit): {fault}"
    )
