"""Moments and quantiles of many weight vectors at once (Unterthiner et al. 2020, section 4)."""

import mmap
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
STATISTICS = ("mean", "variance", "q0", "q25", "q50", "q75", "q100")
"""In the order of the columns below."""

BLOCK_BYTES = 64 << 20
"""Of weights that are looked at together: memory stays at a few times this."""


def statistics(weights: Any) -> NDArray[np.float64]:
    """Mean, variance (over all, not all but one) and quantiles of each row.

    Quantiles between two weights are interpolated linearly. Sums are float64.

    Args:
        weights: shape (networks, weights), at least one column; float32 or float64.

    Returns:
        Shape (networks, 7), columns as in `STATISTICS`.

    >>> statistics([[3.0, 1.0, 2.0]]).round(3).tolist()
    [[2.0, 0.667, 1.0, 1.5, 2.0, 2.5, 3.0]]
    """
    ordered = np.sort(np.asarray(weights), axis=1)
    count = ordered.shape[1]
    mean = ordered.mean(axis=1, dtype=np.float64)
    deviations = ordered - mean[:, None]
    variance = np.einsum("nk,nk->n", deviations, deviations) / count
    columns = [mean, variance]
    for quantile in QUANTILES:
        place = quantile * (count - 1)
        below = int(place)
        above = min(below + 1, count - 1)
        low, high = (ordered[:, index].astype(np.float64) for index in (below, above))
        columns.append(low + (high - low) * (place - below))
    return np.stack(columns, axis=1)


def table_of_rows(
    matrix: Any, places: Mapping[str, tuple[int, int]]
) -> tuple[list[str], NDArray[np.float64]]:
    """Statistics of networks that are rows of one matrix, block by block; no network is built.

    Args:
        matrix: shape (networks, weights); may be a memory map much larger than memory.
        places: variable → its first column and the column behind its last.

    Returns:
        Names `<variable>.<statistic>`, and an array (networks, names).
    """
    names = [f"{variable}.{statistic}" for variable in places for statistic in STATISTICS]
    found = np.empty((len(matrix), len(names)))
    row_bytes = matrix.shape[1] * np.dtype(np.float64).itemsize
    step = max(1, BLOCK_BYTES // row_bytes)
    for start in range(0, len(matrix), step):
        block = np.asarray(matrix[start : start + step])
        parts = [statistics(block[:, first:behind]) for first, behind in places.values()]
        found[start : start + step] = np.concatenate(parts, axis=1)
        _give_back(matrix)
    return names, found


def _give_back(matrix: Any) -> None:
    """Let the system take the pages of a file that were looked at; a private copy is left alone."""
    if isinstance(matrix, np.memmap) and matrix.mode != "c" and hasattr(mmap, "MADV_DONTNEED"):
        matrix._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]
