"""What fitting a regressor again will cost, counted before it is done.

Who writes a result chooses how many fits of how many columns it takes to check it. The counts below
bound the time of every regressor that `regressor_from_text` makes; they are no measurements.
"""

import math
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

from demogen.errors import PredictorError
from demogen.measuring.fitting import regressor_to_text

OPERATIONS = 1e9
"""Simple operations that count as a second."""

OVERHEAD = 2e6
"""Operations that a step of a pipeline takes beside its arithmetic: scikit-learn's checks."""

_OF_AN_INNER_FIT = 3e6
"""Operations of one fit and its score within a search for a parameter, beside its arithmetic."""

_OF_AN_ALPHA = 1e5
"""Operations of a penalty tried without fitting again, beside its arithmetic."""

_OF_A_PLACE = 40.0
"""Operations to predict a network and put it in its place among the others."""

_BLAS = 3
"""How many times faster than a simple operation one of a matrix product is, at least."""

_ENCODERS = {"LevelIndicators": 5e4, "OneHotEncoder": 1.2e6}
"""Steps that make a column of each level, and operations to find and look up those of a column."""

_BINS = 256
_COPIES = 4
"""Arrays of the largest size that a fit holds at once."""


@final
@dataclass(frozen=True)
class FitCost:
    """What fitting takes at most, by count.

    Attributes:
        seconds: of one processor.
        megabytes: beside the signatures themselves.
    """

    seconds: float
    megabytes: float

    @classmethod
    def of(cls, regressor: Any, X: npt.NDArray[np.float64], fits: int) -> Self:
        """The cost of so many fits, each of nearly all networks, and predictions for all.

        Args:
            regressor: unfitted. A class that is not known here counts as least squares.
            X: signatures, shape (networks, columns).
            fits: how many.

        Raises:
            PredictorError: a parameter is of a kind or size with which nothing can be counted.
        """
        try:
            return cls._counted(regressor, X, fits)
        except (TypeError, ValueError, ArithmeticError) as error:
            text = regressor_to_text(regressor)
            raise PredictorError(
                f"the regressor {text if len(text) <= 80 else text[:77] + '…'} has a parameter "
                "that it cannot take; give it one of the kind and size that its class describes"
            ) from error

    @classmethod
    def _counted(cls, regressor: Any, X: npt.NDArray[np.float64], fits: int) -> Self:
        cells, (rows, columns) = float(X.size), X.shape
        operations = _OF_A_PLACE * rows
        steps = [each for _, each in _flat(regressor)]
        for step in steps:
            if type(step).__name__ in _ENCODERS:
                operations += _ENCODERS[type(step).__name__] * columns
                columns = _levels(X, columns)
            operations += OVERHEAD + 40.0 * rows * columns
            cells = max(cells, float(rows) * columns)
            of_fit, of_cells = _of_class(step, rows, columns)
            operations, cells = operations + of_fit, max(cells, of_cells)
        return cls(fits * operations / OPERATIONS, _COPIES * 8 * cells / 1e6)


@final
@dataclass(frozen=True)
class FitLimit:
    """What fitting again may take where a stranger chose how much it is.

    Attributes:
        seconds: of one processor, by count.
        megabytes: of memory, by count.
    """

    seconds: float = 10.0
    megabytes: float = 512.0

    def fault(self, regressor: Any, X: npt.NDArray[np.float64], fits: int) -> str | None:
        """Why so many fits are too much, in one line; None: they are not."""
        cost = FitCost.of(regressor, X, fits)
        if cost.seconds <= self.seconds and cost.megabytes <= self.megabytes:
            return None
        networks, columns = X.shape
        return (
            f"{fits:,} fits of {networks:,} networks and {columns:,} columns may take "
            f"{cost.seconds:,.0f} s and {cost.megabytes:,.0f} MB, more than {self.seconds:.0f} s "
            f"or {self.megabytes:.0f} MB; --long-fits makes them all the same"
        )


def _flat(regressor: Any) -> list[tuple[str, Any]]:
    """The steps of pipelines, one in the other, in order."""
    if not isinstance(regressor, Pipeline):
        return [("", regressor)]
    return [each for name, step in regressor.steps for each in _flat(step)]


def _levels(X: npt.NDArray[np.float64], columns: int) -> int:
    """Columns that one-hot encoding makes; after another encoding each has two levels at most."""
    if columns != X.shape[1]:
        return 2 * columns
    return sum(len(np.unique(column)) for column in X.T)


def _of_class(step: Any, rows: int, columns: int) -> tuple[float, float]:
    """Operations and cells (of 8 bytes) of one fit, beyond looking at every cell."""
    cells = float(rows) * columns
    product = cells * min(rows, columns) / _BLAS
    match type(step).__name__:
        case "HistGradientBoostingRegressor":
            return _of_boosting(step, rows, columns)
        case "ForwardSelection":
            chosen = max(1, min(int(step.count), columns))
            return 4.0 * cells * chosen + float(rows) * chosen * min(rows, chosen), 2 * cells
        case "BestGroup":
            sizes = [len(group) for group in step.groups]
            groups = sum(2e5 + 10.0 * min(rows, columns) * size * size for size in sizes)
            return 2 * product + groups, 2 * cells
        case "RidgeCV":
            return _of_search(step, rows, columns)
        case "StandardScaler" | "FunctionTransformer" | "BoundedInverse":
            return 0.0, 0.0
        case name if name in _ENCODERS:
            return 0.0, 0.0
        case "DummyRegressor":
            return 0.0, 0.0
        case _:
            return 2 * product, 2 * cells


def _of_search(step: Any, rows: int, columns: int) -> tuple[float, float]:
    """Of a penalty chosen in closed form, or by fits on folds of the networks."""
    alphas = np.size(step.alphas)
    cells = float(rows) * columns
    product = cells * min(rows, columns) / _BLAS
    searching = alphas * (4.0 * rows * rows + _OF_AN_ALPHA)
    if step.cv is not None:
        folds = len(step.cv) if hasattr(step.cv, "__len__") else min(int(step.cv), rows)
        searching += alphas * max(folds, 1) * (2 * product + 40.0 * cells + _OF_AN_INNER_FIT)
    return 3 * product + searching, cells + float(rows) * rows


def _of_boosting(step: Any, rows: int, columns: int) -> tuple[float, float]:
    """Of trees on histograms: each level looks at every cell, each node at every bin."""
    leaves = min(
        math.inf if step.max_leaf_nodes is None else step.max_leaf_nodes,
        max(1.0, rows / max(1, step.min_samples_leaf)),
        2.0 ** min(60, 60 if step.max_depth is None else step.max_depth),
    )
    nodes = 2 * leaves
    levels = 1 + math.log2(nodes)
    # Other losses than the squared one take a median or the like of the residuals in each leaf.
    of_leaves = 0.0 if step.loss == "squared_error" else 5e4 * leaves + 100.0 * rows
    a_tree = of_leaves + 1e6 + 3.0 * rows * columns * levels + nodes * (columns * _BINS * 6 + 2e4)
    # A histogram holds three numbers a bin, of each node that may still be split.
    return step.max_iter * a_tree, nodes * columns * _BINS * 3 / _COPIES
