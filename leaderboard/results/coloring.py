"""Factors that color the networks of a scatter plot."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from demogen.format.factors import code_levels, level_text

Factors = Mapping[str, Mapping[str, Any]]
"""Factor → id of a network → its level."""


@dataclass(frozen=True)
class Coloring:
    """A factor of some networks.

    Attributes:
        factor: its name.
        levels: its levels in words, in the order of `demogen.format.factors.code_levels`.
        numbers: the levels as numbers, where all are; else None.
        codes: place in `levels` for each network.
    """

    factor: str
    levels: tuple[str, ...]
    numbers: tuple[float, ...] | None
    codes: tuple[int, ...]


def colorings(ids: Sequence[str], targets: Sequence[float], factors: Factors) -> list[Coloring]:
    """The factors in which networks differ, those that the target depends on most first.

    Args:
        ids: of the networks.
        targets: of the networks, in their order.
        factors: networks that a factor does not hold have no level.
    """
    every = [_coloring(name, [factors[name].get(one) for one in ids]) for name in sorted(factors)]
    distinguishing = [coloring for coloring in every if 1 < len(coloring.levels) < len(ids)]
    return sorted(
        distinguishing, key=lambda coloring: (-_share(coloring, targets), coloring.factor)
    )


def _coloring(name: str, levels: Iterable[Any]) -> Coloring:
    codes, distinct = code_levels(levels)
    numbers = tuple(float(level) for level in distinct if _is_number(level))
    return Coloring(
        name,
        tuple(map(level_text, distinct)),
        numbers if len(numbers) == len(distinct) else None,
        tuple(codes.tolist()),
    )


def _share(coloring: Coloring, targets: Sequence[float]) -> float:
    """Share of the targets' variance that lies between levels, rounded so that ties are ties."""
    codes, values = np.asarray(coloring.codes), np.asarray(targets, float)
    counts = np.bincount(codes)
    means = np.bincount(codes, values) / np.maximum(counts, 1)
    total = float(np.sum((values - values.mean()) ** 2))
    between = float(np.sum(counts * (means - values.mean()) ** 2))
    return round(between / total, 9) if total > 0 else 0.0


def _is_number(level: Any) -> bool:
    return isinstance(level, int | float) and not isinstance(level, bool)
