"""Holm's correction: many tests, and a bound on the chance that any of them errs."""

import numpy as np
import numpy.typing as npt


def holm(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The p values adjusted by Holm 1979: each may be held against α as if it were the only one.

    The i-th smallest of m is multiplied by m - i + 1, and none is smaller than one before it.

    Args:
        p_values: of m tests, shape (m,), in any order.

    Returns:
        Shape (m,), in the same order, at most 1.

    >>> holm([0.04, 0.01, 0.03]).tolist()
    [0.06, 0.03, 0.06]
    """
    given = np.asarray(p_values, np.float64)
    order = np.argsort(given, kind="stable")
    scaled = given[order] * np.arange(len(given), 0, -1)
    adjusted = np.empty(len(given))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted
