"""Statistics of the weights, layer by layer (Unterthiner et al. 2020)."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingRegressor
from torch import Tensor
from torch.nn.utils.parametrize import is_parametrized

from baselines.functional.weight_statistics import BLOCK_BYTES, STATISTICS, statistics
from demogen.errors import NotMeasurable
from demogen.measuring.passes import Passes
from demogen.measuring.predictor import Measure, Predictor
from demogen.networks.network import Network
from demogen.networks.tapped_module import TappedModule
from demogen.zoo.base import NetworkSet

if TYPE_CHECKING:
    import pandas as pd

    Tensors = Mapping[str, Tensor]

_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
"""What a state holds beside weights and biases: norms' running statistics."""


@final
class WeightStatistics(Measure):
    """Mean, variance and quantiles of every layer's weights and biases.

    Unterthiner et al. 2020, section 4 ("weight statistics"): per layer, of kernel and bias apart,
    the mean, the variance and the quantiles 0, .25, .5, .75 and 1. What norms learn is a layer's
    weight and bias as well; their running statistics are none. No image is looked at.

    A network that lacks a layer which others of its zoo have counts as 0 in its features.
    """

    name = "weight-statistics"
    cost = Passes()
    absent = 0.0

    def applicable(self, module: TappedModule) -> str | None:
        """Why its parameters are not the weights that it applies, or None."""
        for name, layer in module.named_modules():
            # Hooks leave what they compute as an attribute that is no parameter.
            computed = [key for key, value in vars(layer).items() if isinstance(value, Tensor)]
            if is_parametrized(layer) or computed:
                return (
                    f"{name!r} ({type(layer).__name__}) computes weights from other parameters "
                    "(pruning, weight norm or spectral norm, say); make them plain before measuring"
                )
        return None

    def compute(self, network: Network) -> Mapping[str, float]:
        """Features `<layer>.<weight or bias>.<statistic>`, statistics as in `STATISTICS`.

        Raises:
            NotMeasurable: a layer's weights are not all finite.
        """
        signature: dict[str, float] = {}
        for name, parameter in network.module.named_parameters():
            if not bool(parameter.isfinite().all()):
                raise NotMeasurable(f"the weights of {name!r} are not all finite")
            row = parameter.detach().cpu().reshape(1, -1)
            # numpy has no bfloat16, and float32 holds all of its numbers.
            row = row.float() if row.dtype == torch.bfloat16 else row
            values = zip(STATISTICS, statistics(row.numpy())[0].tolist(), strict=True)
            signature |= {f"{name}.{statistic}": value for statistic, value in values}
        return signature


def weight_statistics(zoo: NetworkSet) -> "pd.DataFrame":
    """The signatures of all networks of a zoo at once: index "id", a column a feature.

    The numbers are those of `demogen.measure(WEIGHT_STATISTICS, zoo)`. Weights are read as they are
    stored, many networks together, and no network is built of them, which is much faster; memory
    holds one block of networks and the table.
    """
    import pandas as pd

    tables = []
    for _, alike in groupby(zoo.weights(), key=lambda pair: _shapes(pair[1])):
        tables += [_table(block) for block in _blocks(alike)]
    table = pd.concat(tables).fillna(WeightStatistics.absent)
    return table.reindex(sorted(table.columns), axis=1).loc[zoo.ids].rename_axis("id")


def _shapes(tensors: "Tensors") -> tuple[tuple[str, tuple[int, ...]], ...]:
    return tuple(
        (name, tuple(tensor.shape))
        for name, tensor in sorted(tensors.items())
        if not name.endswith(_BUFFERS)
    )


def _blocks(pairs: Iterable[tuple[str, Any]]) -> Iterator[list[tuple[str, Any]]]:
    """Networks of one kind, as many together as fit into a block."""
    pairs = iter(pairs)
    while first := next(pairs, None):
        size = sum(tensor.numel() * 8 for tensor in first[1].values())
        yield [first, *islice(pairs, max(0, BLOCK_BYTES // size - 1))]


def _table(block: list[tuple[str, Any]]) -> "pd.DataFrame":
    import pandas as pd

    columns: dict[str, Any] = {}
    for name, _ in _shapes(block[0][1]):
        rows = np.stack([tensors[name].reshape(-1).numpy() for _, tensors in block])
        values = zip(STATISTICS, statistics(rows).T, strict=True)
        columns |= {f"{name}.{statistic}": column for statistic, column in values}
    return pd.DataFrame(columns, index=pd.Index([id for id, _ in block]))


WEIGHT_STATISTICS = Predictor(
    "weight-statistics",
    WeightStatistics(),
    paper="unterthiner2020",
    summary="least squares on mean, variance and quantiles of each layer's weights and biases",
)
# Its defaults leave at least 20 networks in a leaf: below 40 it predicts the mean for all.
WEIGHT_STATISTICS_BOOSTED = Predictor(
    "weight-statistics-boosted",
    WeightStatistics(),
    regressor=HistGradientBoostingRegressor(random_state=0),
    paper="unterthiner2020",
    summary="gradient-boosted trees on mean, variance and quantiles of each layer's weights and "
    "biases; the mean where fewer than 40 networks are fitted",
)
