"""Linear regions of a network and transitions between them (Novak et al. 2018, section 3)."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from demogen.errors import NotMeasurable
from demogen.measuring.batches import finite, pass_size, sizes
from demogen.measuring.rows import Rows
from demogen.measuring.sample_norms import by_sample
from demogen.networks.architectures.mlp import HardSigmoid
from demogen.networks.padded import (
    FlattenByPosition,
    PaddedAvgPool2d,
    PaddedConv2d,
    PaddedMaxPool2d,
)
from demogen.networks.tapped_module import DROPOUTS, TappedModule

# Pre-activations at which a unit passes from one piece to the next, ascending. Here as below the
# types themselves are meant: a subclass may compute something else.
_BOUNDARIES: dict[type[nn.Module], Callable[[Any], tuple[float, ...]]] = {
    nn.ReLU: lambda layer: (0.0,),
    nn.LeakyReLU: lambda layer: (0.0,),
    nn.ReLU6: lambda layer: (0.0, 6.0),
    nn.Hardtanh: lambda layer: (layer.min_val, layer.max_val),
    HardSigmoid: lambda layer: (-0.5, 0.5),
    nn.Hardsigmoid: lambda layer: (-3.0, 3.0),
    nn.Tanh: lambda layer: (0.0,),
    nn.Sigmoid: lambda layer: (0.0,),
}

# No units of their own: maps between units, affine or (as pooling and group norm) not.
_WITHOUT_UNITS = (
    nn.Linear,
    nn.Conv2d,
    PaddedConv2d,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.GroupNorm,
    nn.LayerNorm,
    nn.ZeroPad2d,
    nn.Flatten,
    FlattenByPosition,
    nn.Identity,
    *DROPOUTS,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.MaxPool2d,
    nn.AdaptiveMaxPool2d,
    PaddedMaxPool2d,
    PaddedAvgPool2d,
)

_CodedLayer = tuple[nn.Module, tuple[float, ...]]

CODED_CHAINS = "chains with activations of known pieces"
"""The networks for which `why_no_codes` has no reason, in words."""


class ClosedPaths(Protocol):
    """A bundle of closed paths in input space, made piece by piece.

    A long path then never lies in memory as a whole. The last point of a path is followed by its
    first.
    """

    @property
    def count(self) -> int:
        """How many paths."""

    @property
    def length(self) -> int:
        """k, the points on each of them."""

    def points(self, paths: slice, steps: Tensor) -> Tensor:
        """The points numbered `steps` (m,) of the chosen paths, shape (chosen, m, ...)."""


def why_no_codes(module: TappedModule) -> str | None:
    """Why the network's units have no codes that are known here, or None if they have."""
    try:
        chain = module.chain()
    except NotMeasurable as reason:
        return str(reason)
    units = False
    for name, layer in chain:
        if type(layer) in _BOUNDARIES:
            units = True
        elif type(layer) not in _WITHOUT_UNITS:
            return f"the linear pieces of {name!r} ({type(layer).__name__}) are not known"
    return None if units else "it has no activation, so no unit that could change its piece"


def region_codes(module: TappedModule, x: Tensor) -> Iterator[Tensor]:
    """c(x) in unary: for each boundary of each activation, whether a unit lies above it.

    A unit's code is the number of boundaries that its pre-activation exceeds: 0 or 1 for ReLU; 0, 1
    or 2 for ReLU6, HardTanh and HardSigmoid; the sign for Tanh and Sigmoid (section 3 with its
    footnote 2). choice: on a boundary the lower code holds, so that a unit that is exactly zero has
    the code of a dead one. ‖c − c'‖₁ is the number of places where these tensors differ, because a
    unit that lies above one boundary lies above all lower ones. choice: only units with an
    activation have codes, as in the paper's fully connected networks. Which input of a max pooling
    is the largest is no code, and norms whose statistics are the sample's own (group norm) count as
    maps between units: the regions are then no longer linear, as with Tanh.

    Args:
        module: in evaluation mode, with codes (`why_no_codes`).
        x: inputs (n, ...) on the module's device and in its dtype.

    Yields:
        Bool, shape (n, units of the activation), in the order of the layers.

    Raises:
        NotMeasurable: the units have no codes, or the logits are not finite.
    """
    yield from _codes(_coded_chain(module), x)


def last_region_codes(module: TappedModule, x: Tensor) -> Tensor:
    """c(x) of the units of the last activation alone, the pre-logit layer of a plain network.

    Args:
        module: in evaluation mode, with codes (`why_no_codes`).
        x: inputs (n, ...) on the module's device and in its dtype.

    Returns:
        Bool, shape (n, boundaries of a unit × units of the activation).

    Raises:
        NotMeasurable: the units have no codes, or the logits are not finite.
    """
    chain = _coded_chain(module)
    boundaries = next(pieces for _, pieces in reversed(chain) if pieces)
    return torch.cat(list(_codes(chain, x))[-len(boundaries) :], dim=1)


def transition_counts(module: TappedModule, paths: ClosedPaths, batch_size: int = 256) -> Tensor:
    """‖c(z_i) − c(z_{(i+1) mod k})‖₁ for every point of every path, int64, shape (count, k).

    The sum over i is t(x) (Eq. 1). Each point is coded once; beyond a batch only the codes of its
    last point, and of a path's first, are kept. Rounding may move a transition to a neighboring
    step; the sum then stays as it is.

    Args:
        module: in evaluation mode, with codes (`why_no_codes`).
        paths: a bundle of closed paths.
        batch_size: points a pass, at most.

    Raises:
        NotMeasurable: no paths, units without codes, or logits that are not finite.
    """
    if paths.count == 0:
        raise NotMeasurable("there are no images to measure it on")
    chain = _coded_chain(module)
    like = next(module.parameters())
    first_point = paths.points(slice(0, 1), torch.arange(1)).flatten(0, 1)
    size = pass_size(module, sizes(module, first_point).largest_activation, batch_size)
    together = max(1, size // paths.length)
    changes = Rows()
    for first in range(0, paths.count, together):
        changes.append(_counts(chain, paths, slice(first, first + together), size, like))
    return changes.all()


def _coded_chain(module: TappedModule) -> list[_CodedLayer]:
    """The layers in order, each with the boundaries of its units; worked out once a network."""
    if reason := why_no_codes(module):
        raise NotMeasurable(reason)
    return [
        (layer, _BOUNDARIES[type(layer)](layer) if type(layer) in _BOUNDARIES else ())
        for _, layer in module.chain()
    ]


def _codes(chain: list[_CodedLayer], x: Tensor) -> Iterator[Tensor]:
    if x.ndim == 4 and x.device.type == "cpu":
        x = x.contiguous(memory_format=torch.channels_last)
    for layer, boundaries in chain:
        if boundaries:
            units = by_sample(x)
            yield from [_above(units, boundary) for boundary in boundaries]
        with torch.no_grad():
            x = layer(x)
    finite(x)


def _counts(
    chain: list[_CodedLayer], paths: ClosedPaths, group: slice, batch_size: int, like: Tensor
) -> Tensor:
    start: list[Tensor] = []
    end: list[Tensor] = []
    columns: list[Tensor] = []
    for steps in torch.arange(paths.length).split(batch_size):
        points = paths.points(group, steps).to(like.device, like.dtype)
        codes = [
            _packed(flat).unflatten(0, points.shape[:2])
            for flat in _codes(chain, points.flatten(0, 1))
        ]
        if end:
            codes = _joined(end, codes)
        else:
            start = [code[:, :1].clone() for code in codes]
        columns.append(_changes(codes))
        end = [code[:, -1:].clone() for code in codes]
    columns.append(_changes(_joined(end, start)))
    return torch.cat(columns, dim=1)


def _joined(before: list[Tensor], after: list[Tensor]) -> list[Tensor]:
    return [torch.cat(pair, dim=1) for pair in zip(before, after, strict=True)]


def _changes(codes: list[Tensor]) -> Tensor:
    """Places that differ between neighboring points, from (paths, m, …) to (paths, m − 1)."""
    return torch.stack([_differences(code[:, 1:], code[:, :-1]) for code in codes]).sum(dim=0)


# On a CPU numpy compares, packs and counts bits ten times as fast as torch, which has no packing.
# The units of a layer may lie in any order, as long as it is the same for all points.


def _above(units: Tensor, boundary: float) -> Tensor:
    if units.device.type == "cpu" and units.dtype != torch.bfloat16:  # numpy has none
        values = units.numpy()
        return torch.from_numpy(values > values.dtype.type(boundary))
    return units > boundary


def _packed(code: Tensor) -> Tensor:
    """Eight places a byte on a CPU, one elsewhere: (points, units) to (points, bytes)."""
    if code.device.type == "cpu":
        return torch.from_numpy(np.packbits(code.numpy(), axis=1))
    return code


def _differences(left: Tensor, right: Tensor) -> Tensor:
    """How many places differ, int64, over the last dimension of packed codes."""
    if left.device.type == "cpu":
        bits = np.bitwise_count(left.numpy() ^ right.numpy())
        return torch.from_numpy(bits.sum(axis=-1, dtype=np.int64))
    # Summing bytes in 32 bits is several times as fast as in 64.
    return (left != right).sum(dim=-1, dtype=torch.int32).long()
