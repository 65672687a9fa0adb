"""A plain network as named stages with taps: traced, cut, and compared with the original."""

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import ceil
from typing import final

import torch
from torch import Tensor, fx, nn

from demogen._util.lookup import lookup
from demogen.errors import ZooError, first_line
from demogen.networks.copying import copied, quiet
from demogen.networks.cutting import Stage, cut
from demogen.networks.same_activations import what_differs
from demogen.networks.tracing import NETWORK, LogitsOf, Trace, traced

Places = Mapping[str, str] | Sequence[str]
"""Tap → submodule, or submodules alone, whose taps are h1, h2, …"""


@final
@dataclass(frozen=True)
class Staged:
    """The parts of a `TappedModule`.

    Attributes:
        stages: name → module, in order.
        taps: tap → stage.
        units: the stage that ends in units, or None.
        why_whole: why the network is one stage, or None where it is cut.
    """

    stages: dict[str, nn.Module]
    taps: dict[str, str] = field(default_factory=dict)
    units: str | None = None
    why_whole: str | None = None


def staged(
    module: nn.Module,
    example: Tensor,
    taps: Places | None,
    units: str | None,
    reserved: Collection[str],
) -> Staged:
    """A copy of a network as stages; see `TappedModule.from_module`.

    Args:
        module: the network.
        example: images (n, ...), at least one.
        taps: None: `_default_taps`.
        units: None: `_default_units`.
        reserved: names that no stage may have.

    Raises:
        ZooError: the network does not run on the example or gives no logits, or taps or units are
            asked for that it has no place for.
    """
    original = copied(module)
    like = next(original.parameters())
    with quiet(like.device):
        x = example.detach().to(like.device, like.dtype).contiguous().clone()
        if len(x) == 1:
            x = torch.cat([x, torch.zeros_like(x)])  # so that it has halves
        root = LogitsOf(original, named=_names_logits(original, x))
        try:
            trace = traced(copy.deepcopy(root), x)
            stages = cut(trace, x, reserved)
        except Exception as error:  # of any kind, as it is the network's own code
            return _whole(root, f"it does not trace: {first_line(error)}", taps, units)
        if "" in trace.opaque:
            return _whole(root, f"it does not trace: {trace.opaque['']}", taps, units)
        places = _Places(trace, stages)
        ends = _default_taps(stages) if taps is None else _asked(taps, places)
        of_units = _default_units(stages) if units is None else places.index(units, "units")
        result = Staged(
            {stage.name: stage.module for stage in stages},
            {tap: stages[end].name for tap, end in ends.items()},
            None if of_units is None else stages[of_units].name,
        )
        sources = {tap: places.source(end) for tap, end in ends.items()}
        if of_units is not None:
            sources["units"] = places.source(of_units)
            ends = {**ends, "units": of_units}
        difference = what_differs(root, lambda x: _run(stages, ends, x), sources, x)
    return _whole(root, difference, taps, units) if difference else result


def _run(
    stages: Sequence[Stage], ends: Mapping[str, int], x: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    activations: dict[str, Tensor] = {}
    for index, stage in enumerate(stages):
        x = stage.module(x)
        activations |= {tap: x for tap, end in ends.items() if end == index}
    return x, activations


def _names_logits(module: nn.Module, x: Tensor) -> bool:
    """Whether the network's output is an object that holds logits under that name."""
    try:
        output = module(x.clone())
    except Exception as error:
        shape = ", ".join(map(str, x.shape[1:]))
        raise ZooError(
            f"the network does not run on images of shape (n, {shape}): "
            f"{type(error).__name__}: {first_line(error)}"
        ) from error
    named = not isinstance(output, Tensor) and isinstance(getattr(output, "logits", None), Tensor)
    if not named and not isinstance(output, Tensor):
        raise ZooError(
            f"the network gives a {type(output).__name__}, not a tensor of logits (n, classes); "
            "wrap it in a module that returns them alone"
        )
    return named


def _whole(root: LogitsOf, why: str, taps: Places | None, units: str | None) -> Staged:
    if taps is not None or units is not None:
        asked = "taps" if taps is not None else "units"
        raise ZooError(
            f"{asked} need a network in stages, and this one ({type(root.network).__name__}) is "
            f"one stage: {why}; write it as stages of a demogen.TappedModule"
        )
    return Staged({NETWORK: root if root.named else root.network}, why_whole=why)


def _asked(taps: Places, places: "_Places") -> dict[str, int]:
    if isinstance(taps, str):
        raise ZooError(f"taps are a list of submodules, or tap → submodule, not {taps!r}")
    if not isinstance(taps, Mapping):
        taps = {f"h{number}": name for number, name in enumerate(taps, start=1)}
    return {tap: places.index(name, f"tap {tap!r}") for tap, name in taps.items()}


def _default_taps(stages: Sequence[Stage]) -> dict[str, int]:
    """Taps h1 to h3: hidden weight layer ⌈i·H/3⌉ of H, or the first place behind it for a tap.

    Of a layer that batch norm follows it is the norm's output, as in the networks here. Two taps
    may share a place. There is none behind the last place before the logits.
    """
    done = list(accumulate(stage.weight_layers for stage in stages))
    hidden = done[-1] - 1
    taps = {}
    for i in (1, 2, 3):
        end = next(index for index, count in enumerate(done) if count >= ceil(i * hidden / 3))
        following = stages[min(end + 1, len(stages) - 1)].module
        if isinstance(stages[end].module, nn.Conv2d | nn.Linear) and isinstance(
            following, nn.BatchNorm1d | nn.BatchNorm2d
        ):
            end += 1
        if hidden and end < len(stages) - 1:
            taps[f"h{i}"] = end
    return taps


def _default_units(stages: Sequence[Stage]) -> int | None:
    """The last activation function on feature maps before pooling and dense layers.

    Without feature maps, that on hidden units before the last dense layer. None where the network
    does not end in such a sequence of layers.
    """
    hidden_units = None
    dense_follow = False
    for index in range(len(stages) - 1, -1, -1):
        stage = stages[index]
        if isinstance(stage.module, fx.GraphModule):
            break
        if stage.weight_layers:
            if dense_follow and len(stage.shape) > 1:
                break
            dense_follow = True
        elif dense_follow and _is_activation(stage.module):
            if len(stage.shape) == 3:
                return index
            if len(stage.shape) == 1 and hidden_units is None:
                hidden_units = index
    return hidden_units


def _is_activation(layer: nn.Module) -> bool:
    return type(layer).__module__ == nn.ReLU.__module__ and not isinstance(
        layer, nn.MultiheadAttention | nn.Softmax | nn.LogSoftmax | nn.Softmax2d | nn.Softmin
    )


@final
class _Places:
    """Where a network in stages can be read, by the names of its submodules and stages."""

    def __init__(self, trace: Trace, stages: Sequence[Stage]) -> None:
        self._trace = trace
        self._stages = stages
        self._ends = {stage.output: index for index, stage in enumerate(stages)}
        self._by_name = {stage.name: index for index, stage in enumerate(stages)}

    def source(self, end: int) -> str | None:
        """A submodule that gives the output of a stage, as the original names it, or None."""
        output = self._stages[end].output
        names = [name for name, node in self._trace.outputs.items() if node is output and name]
        return f"{NETWORK}.{names[0]}" if names else None

    def index(self, name: str, what: str) -> int:
        """The stage that ends with what a submodule gives.

        Raises:
            ZooError: there is no such submodule, or the network cannot be read there.
        """
        node = self._trace.outputs.get(name)
        if node in self._ends:
            return self._ends[node]
        if node is None and name in self._by_name:
            return self._by_name[name]
        raise ZooError(f"{what} cannot be at {name!r}: {self._why_not(name, node)}")

    def _why_not(self, name: str, node: fx.Node | None) -> str:
        network = self._trace.root.get_submodule(NETWORK)
        submodule, _, number = name.partition("#")
        known = {inner for inner, _ in network.named_modules(remove_duplicate=False) if inner}
        if submodule not in known:
            try:
                lookup(
                    name, {**dict.fromkeys(sorted(known)), **self._by_name}, "submodule", ZooError
                )
            except ZooError as error:
                return str(error)
        for outer, why in self._trace.opaque.items():
            if name.startswith(f"{outer}."):
                return f"it lies within {outer!r}, which does not trace ({why})"
        if node is None:
            calls = sum(one.partition("#")[0] == submodule for one in self._trace.outputs)
            return f"it is called {calls} times" if number else "the network reads no tensor of it"
        around = [
            one
            for one, other in self._trace.outputs.items()
            if one and other in self._ends and submodule.startswith(f"{one}.")
        ]
        return (
            "the rest of the network needs more than its output (a shortcut leads around it, say)"
            + (f"; {max(around, key=len)!r} is a place" if around else "")
        )
