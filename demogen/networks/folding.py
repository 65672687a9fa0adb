"""A copy of a network whose batch norm is folded into the layers before it."""

from copy import deepcopy

import torch
from torch import nn

from demogen.networks.homogeneity import folded_layers
from demogen.networks.tapped_module import TappedModule, is_linear


def folded_copy(module: TappedModule, *, keep_norms: bool = False) -> TappedModule:
    """The same function in evaluation mode, with convolutions and dense layers alone as weights.

    Args:
        module: a chain that `why_not_folded` lets pass; it is not changed.
        keep_norms: leave batch norms where they are, with mean 0, variance 1, weight 1 and bias 0.
            Each then divides by √(1 + eps), so that the function is the same but for some 1e-5.

    Returns:
        A copy in evaluation mode; its weights need no gradient.

    Raises:
        NotMeasurable: as `folded_layers`.
    """
    folded = {layer.name: layer for layer in folded_layers(module)}
    copy = deepcopy(module).eval().requires_grad_(False)
    for name, layer in copy.chain():
        if is_linear(layer):
            weight, bias = folded[name].weight, folded[name].bias
            layer.weight = nn.Parameter(weight.clone(), requires_grad=False)
            if bias is not None:
                layer.bias = nn.Parameter(bias.clone(), requires_grad=False)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            if keep_norms:
                _reset(layer)
            else:
                parent, _, key = name.rpartition(".")
                setattr(copy.get_submodule(parent), key, nn.Identity())
    return copy


def _reset(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
    norm.reset_running_stats()
    if norm.affine:
        with torch.no_grad():
            norm.weight.fill_(1)
            norm.bias.fill_(0)
