"""Factors (hyperparameters) of networks, their levels as codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from demogen.format.factors import Level, code_levels
from leaderboard.scoring.ranks import Ranks, dense_ranks

Factors = Mapping[str, Sequence[Level]]
"""Name of a factor → its level for each network, (networks,). Copies of a configuration have equal
levels of all factors; the number of a copy is no factor."""


@dataclass(frozen=True)
class Factor:
    """One factor of some networks.

    Attributes:
        name: of the factor.
        levels: its distinct levels: numbers in order, then None, then words.
        codes: place in `levels` for each network, shape (networks,).
    """

    name: str
    levels: tuple[Level, ...]
    codes: Ranks


def encode(factors: Factors, networks: int) -> list[Factor]:
    """Factors with their levels as codes, in order of their names.

    Levels are those of `demogen.format.factors.code_levels`: having none, None or NaN, is one, too.

    Raises:
        ValueError: a factor does not have one level for each network.
    """
    return [_factor(name, factors[name], networks) for name in sorted(factors)]


def ranked(
    targets: npt.ArrayLike, predictions: npt.ArrayLike, factors: Factors
) -> tuple[Ranks, Ranks, list[Factor]]:
    """Dense ranks of both sides and the encoded factors: what measures of agreement begin with.

    Raises:
        ValueError: a value is not finite, or lengths differ.
    """
    ranks, others = dense_ranks(targets), dense_ranks(predictions)
    if len(ranks) != len(others):
        raise ValueError(f"{len(ranks)} targets and {len(others)} predictions")
    return ranks, others, encode(factors, len(ranks))


def joint_codes(codes: Sequence[Ranks], networks: int) -> Ranks:
    """Codes 0, 1, 2 … of the combinations that occur; networks with equal codes share one."""
    joint = np.zeros(networks, np.int64)
    for more in codes:
        combined = joint * (more.max(initial=0) + 1) + more
        joint = np.unique(combined, return_inverse=True)[1].astype(np.int64)
    return joint


def _factor(name: str, labels: Sequence[Level], networks: int) -> Factor:
    if len(labels) != networks:
        raise ValueError(f"factor {name!r} has {len(labels)} levels for {networks} networks")
    # Result files name the two levels of an environment in this order.
    codes, levels = code_levels(labels, none_first=False)
    return Factor(name, tuple(levels), codes.astype(np.int64))
