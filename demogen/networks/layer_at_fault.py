"""Which layer of a network it was: what a trial names where a run of it goes wrong.

Modules are listened to by hooks for one run at a time; none stays behind.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from demogen.networks.tapped_module import TappedModule


@dataclass(frozen=True)
class _Record:
    """A module's name, what it was given, and what it gave: None where it failed."""

    name: str
    given: Tensor
    gave: Tensor | None


def first_that_differs(module: TappedModule, x: Tensor, parts: list[slice]) -> str:
    """The innermost module that makes other outputs of the same inputs when a part is run alone.

    In the order of computing; "the network" where no single module does.
    """
    whole = _recorded(module, x)
    for part in parts:
        for one, other in zip(whole, _recorded(module, x[part]), strict=False):
            if (
                one.name
                and _like(one.given, other.given, part)
                and not _like(one.gave, other.gave, part)
            ):
                return described(one.name, module.get_submodule(one.name))
    return "the network"


def inner_layer_in_place(stage: nn.Module, x: Tensor) -> str:
    """Name of the innermost module within a stage that changes the stage's input."""
    memory = x.untyped_storage().data_ptr()
    versions: dict[str, int] = {}
    found: list[str] = []

    def before(name: str, given: Tensor) -> None:
        versions[name] = given._version

    def after(name: str, given: Tensor, result: object) -> None:
        shares = given.untyped_storage().data_ptr() == memory
        if shares and given._version != versions[name]:
            found.append(name)

    with _listening(stage, before, after):
        stage(x)
    return found[0] if found else ""


def described(name: str, layer: nn.Module, inner: str = "") -> str:
    """A layer, or a module within it, as messages name it: by its name and type."""
    if inner:
        return described(f"{name}.{inner}", layer.get_submodule(inner))
    return f"layer {name!r} ({type(layer).__name__})"


def _recorded(module: TappedModule, x: Tensor) -> list[_Record]:
    """What each module was given and gave, in the order in which they were done or failed."""
    records: list[_Record] = []
    entered: list[tuple[str, Tensor]] = []

    def before(name: str, given: Tensor) -> None:
        entered.append((name, given.clone()))

    def after(name: str, given: Tensor, result: object) -> None:
        _, kept = entered.pop()
        records.append(_Record(name, kept, result.clone() if isinstance(result, Tensor) else None))

    try:
        with _listening(module, before, after):
            module(x.clone())
    except Exception:  # of the network, on a batch it does not take: the innermost comes first
        records += [_Record(name, given, None) for name, given in reversed(entered)]
    return records


def _like(one: Tensor | None, other: Tensor | None, part: slice = slice(None)) -> bool:
    """Whether the part of one is the other, up to rounding."""
    if one is None or other is None:
        return one is other
    one = one[part]
    if one.shape != other.shape:
        return False
    scale = float(one.abs().max()) if one.numel() else 0.0
    near = 256 * torch.finfo(one.dtype).eps if one.is_floating_point() else 0.0
    return bool(((one - other).abs() <= near * scale).all())


@contextmanager
def _listening(
    module: nn.Module,
    before: Callable[[str, Tensor], None],
    after: Callable[[str, Tensor, object], None],
) -> Iterator[None]:
    """Call with its name before and after each module that is given a tensor first."""

    def listener_before(name: str) -> Callable[[nn.Module, tuple[object, ...]], None]:
        def hook(_: nn.Module, given: tuple[object, ...]) -> None:
            if given and isinstance(given[0], Tensor):
                before(name, given[0])

        return hook

    def listener_after(name: str) -> Callable[[nn.Module, tuple[object, ...], object], None]:
        def hook(_: nn.Module, given: tuple[object, ...], result: object) -> None:
            if given and isinstance(given[0], Tensor):
                after(name, given[0], result)

        return hook

    handles = []
    try:
        for name, layer in module.named_modules():
            handles.append(layer.register_forward_pre_hook(listener_before(name)))
            handles.append(layer.register_forward_hook(listener_after(name)))
        yield
    finally:
        for handle in handles:
            handle.remove()
