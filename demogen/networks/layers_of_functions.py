"""Functions of torch as the layers that compute the same, so that measures know what they do."""

import operator
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

_ELEMENTWISE: dict[Any, type[nn.Module]] = {
    **dict.fromkeys((F.relu, torch.relu, "relu"), nn.ReLU),
    **dict.fromkeys((F.relu6,), nn.ReLU6),
    **dict.fromkeys((F.tanh, torch.tanh, "tanh"), nn.Tanh),
    **dict.fromkeys((F.sigmoid, torch.sigmoid, "sigmoid"), nn.Sigmoid),
}
_FLATTEN = (torch.flatten, "flatten")
_RESHAPE = (torch.reshape, "reshape", "view")
_MAX_POOL = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
_AVG_POOL = (
    *("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"),
)
_WITH_ARGUMENTS: dict[Any, tuple[type[nn.Module], tuple[str, ...]]] = {
    F.max_pool2d: (nn.MaxPool2d, _MAX_POOL),
    torch.max_pool2d: (nn.MaxPool2d, _MAX_POOL[:-1]),
    F.avg_pool2d: (nn.AvgPool2d, _AVG_POOL),
    F.adaptive_avg_pool2d: (nn.AdaptiveAvgPool2d, ("output_size",)),
    F.adaptive_max_pool2d: (nn.AdaptiveMaxPool2d, ("output_size", "return_indices")),
    F.dropout: (nn.Dropout, ("p", "training", "inplace")),
    F.dropout1d: (nn.Dropout1d, ("p", "training", "inplace")),
    F.dropout2d: (nn.Dropout2d, ("p", "training", "inplace")),
    F.dropout3d: (nn.Dropout3d, ("p", "training", "inplace")),
    F.alpha_dropout: (nn.AlphaDropout, ("p", "training", "inplace")),
}
"""Function → layer, and the function's arguments after the first, which the layer has by name."""


def layer_of(
    nodes: Sequence[fx.Node], before: fx.Node, shapes: Mapping[fx.Node, tuple[int, ...]]
) -> nn.Module | None:
    """The layer that computes what some nodes of a graph do in evaluation mode, or None.

    Args:
        nodes: from one activation to the next.
        before: whose activation they are given.
        shapes: of one sample, of both activations among others.
    """
    *sizes, node = nodes
    if node.op not in ("call_function", "call_method") or node.args[:1] != (before,):
        return None
    if node.target in (*_FLATTEN, *_RESHAPE) and _flattens(node, before, shapes):
        return nn.Flatten()
    if sizes or len(node.all_input_nodes) > 1:
        return None
    if node.target in _ELEMENTWISE:
        return _ELEMENTWISE[node.target]()
    if node.target in _WITH_ARGUMENTS:
        return _made(*_WITH_ARGUMENTS[node.target], node)
    return None


def _made(layer: type[nn.Module], names: tuple[str, ...], node: fx.Node) -> nn.Module | None:
    given = {**dict(zip(names, node.args[1:], strict=False)), **node.kwargs}
    if given.pop("return_indices", False) or given.pop("training", False):
        return None
    return layer(**given).eval()


def _flattens(node: fx.Node, before: fx.Node, shapes: Mapping[fx.Node, tuple[int, ...]]) -> bool:
    """Whether it makes one row of each sample."""
    if node.target in _FLATTEN:
        start = node.args[1] if len(node.args) > 1 else node.kwargs.get("start_dim", 0)
        end = node.args[2] if len(node.args) > 2 else node.kwargs.get("end_dim", -1)
        return start == 1 and end in (-1, len(shapes[before]))
    to = node.args[1] if len(node.args) == 2 else node.args[1:]
    if not isinstance(to, Sequence) or len(to) != 2:
        return False
    rows, columns = to
    whole = (-1, prod(shapes[before]))
    return columns in whole and (
        (isinstance(rows, fx.Node) and _is_batch_size(rows, before))
        or (rows == -1 and columns == whole[1])
    )


def _is_batch_size(node: fx.Node, before: fx.Node) -> bool:
    """Whether it is x.size(0), x.shape[0] or x.size()[0]."""
    if node.op == "call_method" and node.target == "size":
        return bool(node.args == (before, 0))
    if node.target is not operator.getitem or node.args[1:] != (0,):
        return False
    shape = node.args[0]
    return isinstance(shape, fx.Node) and (
        (shape.target == "size" and shape.args == (before,))
        or (shape.target is getattr and shape.args == (before, "shape"))
    )
