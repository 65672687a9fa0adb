"""Networks that share all settings but one, and means over the copies of a configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from demogen.format.factors import coded, factor_columns
from leaderboard.scoring.metrics import Vector

if TYPE_CHECKING:
    import pandas as pd

COPY = ("copy_number", "seed")
"""Columns in which the copies of a configuration differ."""

GOES_WITH: dict[str, tuple[str, ...]] = {
    "corruption": ("corruption_seed", "test_corruption"),
    "optimizer": ("learning_rate", "momentum", "nesterov", "batch_size", "steps", "epochs"),
}
"""Factor → settings that are chosen with it, in which a pair may differ too.

choice: an optimizer has a learning rate of its own (L-BFGS takes all images at a time and none at
all), so that two networks with different optimizers are a pair whatever these are.
"""


@final
@dataclass(frozen=True)
class CopyMeans:
    """Means over the copies of configurations.

    Attributes:
        mean: of each configuration, shape (configurations,).
        error: its standard error, 0 for a single copy, shape (configurations,).
    """

    mean: Vector
    error: Vector


def mean_over_copies(table: "pd.DataFrame", values: Mapping[str, float]) -> dict[str, CopyMeans]:
    """Configuration → mean over its copies, of length 1.

    Args:
        table: with a column "configuration".
        values: id → value; configurations with a copy that has none are left out.
    """
    copies_of: dict[str, list[float]] = {}
    for network, configuration in sorted(table["configuration"].items()):
        copies_of.setdefault(str(configuration), []).append(values.get(str(network), np.nan))
    means = {}
    for configuration, copies in copies_of.items():
        if np.isfinite(copies).all():
            spread = np.std(copies, ddof=1) / np.sqrt(len(copies)) if len(copies) > 1 else 0.0
            means[configuration] = CopyMeans(np.array([np.mean(copies)]), np.array([spread]))
    return means


def pairs(table: "pd.DataFrame", factor: str, first: Any, second: Any) -> list[tuple[str, str]]:
    """Configurations with level `first` and with level `second` of a factor, alike in all else.

    Args:
        table: with a column "configuration" and columns of settings.
        factor: one of these.
        first: level of the first configuration of each pair.
        second: level of the other.

    Returns:
        In the order of the first configurations.
    """
    one_each = table.sort_index().drop_duplicates("configuration").sort_values("configuration")
    ignored = {factor, *GOES_WITH.get(factor, ()), *COPY}
    others = [name for name in sorted(factor_columns(table)) if name not in ignored]
    keys = list(zip(*(coded(one_each, name)[0].tolist() for name in others), strict=True))
    codes, levels = coded(one_each, factor)
    configurations = [str(name) for name in one_each["configuration"]]
    at: dict[tuple[Any, Any], list[str]] = {}
    for key, code, configuration in zip(keys, codes, configurations, strict=True):
        at.setdefault((key, levels[code]), []).append(configuration)
    return [
        (configuration, other)
        for key, code, configuration in zip(keys, codes, configurations, strict=True)
        if levels[code] == first
        for other in at.get((key, second), ())
    ]
