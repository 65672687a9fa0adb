"""A network as a pipeline of named stages, so that activations are read without hooks."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.parametrize import is_parametrized

from demogen.errors import NotMeasurable, ZooError
from demogen.networks.padded import PaddedConv2d
from demogen.networks.staging import staged
from demogen.networks.torch_state import ordinary_state

if TYPE_CHECKING:
    from typing_extensions import TypeIs

INPUT = "input"
UNITS = "units"

DROPOUTS = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
)
"""Layers that leave in evaluation mode everything as it is."""


@dataclass(frozen=True)
class ChainLayer:
    """One layer of a chain and the shape of what it gets."""

    name: str
    module: nn.Module
    input_shape: tuple[int, ...]
    """Shape of one sample, (c, h, w) or (d,)."""


@dataclass(frozen=True)
class WeightLayer:
    """One linear map of a chain: a convolution or dense layer and the shape of what it gets."""

    name: str
    module: nn.Conv2d | nn.Linear
    input_shape: tuple[int, ...]
    """Shape of one sample, (c, h, w) or (d,)."""


@final
class TappedModule(nn.Module):
    """A network as a sequence of stages with named places (taps) where activations are read.

    Args:
        stages: name → module, applied one after the other; state keys carry these names.
        taps: tap → stage; the tap is that stage's output. The tap "input" is always there.
        units: the stage whose output unit ablation acts on: feature maps (n, M, h, w) or hidden
            units (n, M), after their ReLU. None where there is no such place.

    Raises:
        ValueError: a tap or `units` names no stage, a tap uses a reserved name, or an activation
            works in place (it would overwrite a tapped one).

    >>> stages = OrderedDict(hidden=nn.Linear(4, 3), relu=nn.ReLU(), out=nn.Linear(3, 2))
    >>> module = TappedModule(stages, taps={"h1": "hidden"}, units="relu")
    >>> logits, activations = module.forward_with_taps(torch.zeros(5, 4))
    >>> {tap: tuple(value.shape) for tap, value in activations.items()}
    {'input': (5, 4), 'h1': (5, 3)}
    >>> torch.equal(module.forward_from("h1", activations["h1"]), logits)
    True
    """

    def __init__(
        self,
        stages: OrderedDict[str, nn.Module],
        taps: Mapping[str, str],
        units: str | None = None,
    ) -> None:
        super().__init__()
        names = list(stages)
        for tap, stage in {**taps, **({UNITS: units} if units else {})}.items():
            if stage not in stages:
                raise ValueError(f"tap {tap!r} names stage {stage!r}; the stages are {names}")
        for reserved in {INPUT, UNITS} & set(taps):
            raise ValueError(f"{reserved!r} is a reserved name for a tap")
        for name, stage_module in stages.items():
            for inner, layer in stage_module.named_modules():
                if getattr(layer, "inplace", False):
                    place = f"{name}.{inner}" if inner else name
                    raise ValueError(
                        f"{place} ({type(layer).__name__}) works in place and would overwrite a "
                        "tapped activation; build it with inplace=False"
                    )
        self._why_no_chain: str | None = None
        self._why_whole: str | None = None
        self._put(stages, taps, units)

    def _put(
        self, stages: OrderedDict[str, nn.Module], taps: Mapping[str, str], units: str | None
    ) -> None:
        for name, stage in stages.items():
            self.add_module(name, stage)
        names = list(stages)
        self._names = names
        self._ends = {INPUT: 0, **{tap: names.index(stage) + 1 for tap, stage in taps.items()}}
        self._units_end = names.index(units) + 1 if units else None

    @classmethod
    @ordinary_state()
    def from_module(
        cls,
        module: nn.Module,
        example: Tensor,
        taps: Mapping[str, str] | Sequence[str] | None = None,
        units: str | None = None,
    ) -> "TappedModule":
        """A copy of any network as stages, in evaluation mode, without gradients of its weights.

        The network is traced (`torch.fx`), and cut wherever one activation is all that the rest of
        it needs. A submodule that does not trace is one stage or a part of one; a network that does
        not trace at all is one stage, "network", whose only tap is "input" (`why_whole` says why).
        In-place activations no longer work in place. Of an output that is an object with `logits`,
        as transformers' have, these are taken. On `example` and on both its halves logits and taps
        are compared with those of the original.

        Args:
            module: the network; it is not changed.
            example: a few images as it expects them, (n, ...), best two or more.
            taps: tap → submodule whose output it is, as `named_modules` names it ("layer1.0"; the
                second call of one is "layer1.0.relu#2"); or submodules alone, for taps h1, h2, …
                Names of stages are taken too. None: of H convolutions and dense layers before the
                last, h1 to h3 are at number ⌈i·H/3⌉, behind the batch norm that may follow, or at
                the next place where one activation is all that the rest needs.
            units: the submodule whose output unit ablation acts on. None: the last activation
                function on feature maps, or, of a network of vectors, on hidden units, where only
                single layers follow.

        Raises:
            ZooError: the network does not run on the example or gives no logits, or there is no
                place for a tap or for the units that are asked for; the message says why.

        >>> network = nn.Sequential(nn.Linear(4, 3), nn.ReLU(inplace=True), nn.Linear(3, 2))
        >>> module = TappedModule.from_module(network, torch.ones(2, 4), taps={"hidden": "0"})
        >>> [name for name, _ in module.stages()], module.taps
        (['0', '1', '2'], ('input', 'hidden'))
        """
        if reserved := {INPUT, UNITS}.intersection(taps if isinstance(taps, Mapping) else ()):
            raise ZooError(f"{min(reserved)!r} is a reserved name for a tap")
        parts = staged(module, example, taps, units, _reserved_names())
        tapped = cls(OrderedDict(), {})
        tapped._why_whole = parts.why_whole
        tapped._put(OrderedDict(parts.stages), parts.taps, parts.units)
        return tapped.eval().requires_grad_(False)

    @property
    def why_whole(self) -> str | None:
        """Why a network that was no sequence of stages has become a single one, or None."""
        return self._why_whole

    @property
    def taps(self) -> tuple[str, ...]:
        """Names of the taps in the order given, "input" first."""
        return tuple(self._ends)

    @property
    def has_units(self) -> bool:
        """Whether there is a place for unit ablation, called "units" below."""
        return self._units_end is not None

    def forward(self, x: Tensor) -> Tensor:
        """Logits, shape (n, classes)."""
        return self._run(x, 0, len(self._names))

    def forward_with_taps(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Logits (n, classes) and every tap's activation (n, ...), in one forward pass."""
        activations: dict[str, Tensor] = {}
        done = 0
        for tap, end in sorted(self._ends.items(), key=lambda item: item[1]):
            x = self._run(x, done, end)
            done = end
            activations[tap] = x
        logits = self._run(x, done, len(self._names))
        return logits, {tap: activations[tap] for tap in self._ends}

    def forward_to(self, place: str, x: Tensor) -> Tensor:
        """Activation at a tap, or at "units"."""
        return self._run(x, 0, self._end(place))

    def forward_from(self, place: str, activation: Tensor) -> Tensor:
        """Logits from the activation at a tap, or at "units": the rest of the network."""
        return self._run(activation, self._end(place), len(self._names))

    def stages(self) -> list[tuple[str, nn.Module]]:
        """The stages in order, by name."""
        return [(name, self.get_submodule(name)) for name in self._names]

    def chain(self) -> list[tuple[str, nn.Module]]:
        """All layers in the order they are applied, with their state-key prefixes.

        A layer that is applied twice stands there twice. That the layers one after the other are
        all that `forward` does is known for the types of modules themselves, not for subclasses,
        and not where hooks or parametrizations have a say.

        Raises:
            NotMeasurable: a stage is no plain sequence of layers (a residual block, say), a module
                has forward hooks, a parametrization or a `forward` of its own, or a trial has
                shown that the layers compute something else (`refuse_chain`).
        """
        if self._why_no_chain is not None:
            raise NotMeasurable(self._why_no_chain)
        if type(self) is not TappedModule:
            raise NotMeasurable(f"the network is a {type(self).__name__}, no plain TappedModule")
        if reason := _why_altered(self):
            raise NotMeasurable(f"the network {reason}")
        if self._why_whole is not None:
            raise NotMeasurable(f"the network is taken as one stage: {self._why_whole}")
        return list(_leaves(self.stages(), ""))

    def refuse_chain(self, reason: str | None) -> None:
        """Let `chain` say from now on why the layers are not what the network computes."""
        self._why_no_chain = reason

    def chain_layers(self, input_shape: tuple[int, ...]) -> list[ChainLayer]:
        """All layers in order, each with its input shape: one forward pass of one sample.

        Raises:
            NotMeasurable: the network is no chain of layers.
        """
        like = next(self.parameters())
        x = torch.zeros(1, *input_shape, dtype=like.dtype, device=like.device)
        layers = []
        was_training = self.training
        self.eval()
        try:
            with torch.no_grad():
                for name, layer in self.chain():
                    layers.append(ChainLayer(name, layer, tuple(x.shape[1:])))
                    x = layer(x)
        finally:
            self.train(was_training)
        return layers

    def weight_layers(self, input_shape: tuple[int, ...]) -> list[WeightLayer]:
        """The linear maps in order, each with its input shape: one forward pass of one sample.

        Raises:
            NotMeasurable: the network is no chain of layers.
        """
        return [
            WeightLayer(layer.name, layer.module, layer.input_shape)
            for layer in self.chain_layers(input_shape)
            if is_linear(layer.module)
        ]

    def last_layer_before(self, place: str) -> nn.Module:
        """The module that gives the activation at a tap, or at "units": the last of its stage."""
        end = self._end(place)
        layer = self.stages()[end - 1][1] if end else nn.Identity()
        while type(layer) is nn.Sequential and len(layer):
            layer = layer[-1]
        return layer

    def _run(self, x: Tensor, start: int, end: int) -> Tensor:
        for name in self._names[start:end]:
            x = self._modules[name](x)  # type: ignore[misc]
        return x

    def _end(self, place: str) -> int:
        if place == UNITS:
            if self._units_end is None:
                raise NotMeasurable("this network names no place for unit ablation (`units`)")
            return self._units_end
        if place not in self._ends:
            raise ValueError(f"no tap {place!r}; the taps are {list(self._ends)}")
        return self._ends[place]


def _reserved_names() -> set[str]:
    """Names that no stage can have, as a module has them itself."""
    return {*dir(TappedModule), *vars(nn.Module()), INPUT, UNITS}


def is_linear(layer: nn.Module) -> "TypeIs[nn.Conv2d | nn.Linear]":
    """Whether it is a convolution or dense layer itself: a subclass may compute something else."""
    return type(layer) in (nn.Conv2d, PaddedConv2d, nn.Linear)


def _leaves(
    modules: Iterable[tuple[str, nn.Module]], prefix: str
) -> Iterator[tuple[str, nn.Module]]:
    for name, module in modules:
        path = f"{prefix}{name}"
        if reason := _why_altered(module):
            raise NotMeasurable(f"{path!r} ({type(module).__name__}) {reason}")
        # `named_children` would leave out a module that stands there twice.
        children = [(key, child) for key, child in module._modules.items() if child is not None]
        if type(module) is nn.Sequential:
            yield from _leaves(children, f"{path}.")
        elif children:
            kind = (
                "joins activations or calls functions, and is no plain sequence of layers"
                if isinstance(module, fx.GraphModule)
                else f"is a {type(module).__name__}, not a plain sequence of layers"
            )
            raise NotMeasurable(f"stage {path!r} {kind}")
        else:
            yield path, module


def _why_altered(module: nn.Module) -> str | None:
    """Why a module does not compute what its type and weights say, as far as can be seen."""
    if is_parametrized(module):
        return "is parametrized; torch.nn.utils.parametrize.remove_parametrizations makes it plain"
    if module._forward_hooks or module._forward_pre_hooks:
        return (
            "has forward hooks, of which the chain of layers does not tell; remove them "
            "(torch.nn.utils.remove_weight_norm, remove_spectral_norm)"
        )
    if "forward" in vars(module):
        return "has a `forward` of its own, not that of its type"
    return None
