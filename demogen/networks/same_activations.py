"""Whether a network in stages computes what the original does: its logits, and every tap."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from demogen.errors import first_line

SAME = 1e-5
"""Relative to the largest; the same functions in the same order hardly differ at all, and a value
before and after a ReLU by as much as itself."""

_Run = Callable[[Tensor], tuple[Tensor, dict[str, Tensor]]]


def what_differs(
    original: nn.Module, staged: _Run, sources: Mapping[str, str | None], x: Tensor
) -> str | None:
    """What of a network in stages is not the original's on x and on both its halves, or None.

    Args:
        original: gives logits; in evaluation mode.
        staged: x → logits and the activation at each tap.
        sources: tap → the submodule that gives its activation ("relu#2" is the second call of
            "relu"); None: a function gives it, and some function of the original has to.
        x: images (n, ...).
    """
    half = len(x) // 2
    for part in (x, x[:half], x[half:]):
        if not len(part):
            continue
        try:
            logits, activations = staged(part.clone())
        except Exception as error:
            return f"the stages do not run on {len(part)} images: {first_line(error)}"
        wanted = {tap: activations[tap] for tap in sources if sources[tap] is None}
        named = {source for source in sources.values() if source}
        with _outputs(original, named) as outputs, _Finding(wanted) as finding:
            expected = original(part.clone())
        if not _same(logits, expected):
            return f"its stages give other logits than the network on {len(part)} images"
        for tap, source in sources.items():
            found = (
                tap in finding.found
                if source is None
                else _same(activations[tap], outputs.get(source))
            )
            if not found:
                return f"the activation at tap {tap!r} is not what {source or 'any function'} gives"
    return None


def _same(one: Tensor, other: object) -> bool:
    if not isinstance(other, Tensor) or one.shape != other.shape or one.dtype != other.dtype:
        return False
    # Numbers that are not finite are the same where both are, and say nothing of what is near.
    sizes = other[other.isfinite()].abs()
    near = SAME * float(sizes.max()) if sizes.numel() else 0.0
    return torch.allclose(one, other, rtol=0.0, atol=near, equal_nan=True)


@contextmanager
def _outputs(module: nn.Module, sources: set[str]) -> Iterator[dict[str, Tensor]]:
    """What submodules give while the network runs, copied before anything can overwrite it."""
    outputs: dict[str, Tensor] = {}
    calls: Counter[str] = Counter()

    def keeping(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            calls[name] += 1
            source = name if calls[name] == 1 else f"{name}#{calls[name]}"
            if source in sources and isinstance(output, Tensor):
                outputs[source] = output.clone()

        return hook

    names = {source.partition("#")[0] for source in sources}
    # `named_modules` would leave out the second name of a module that has two.
    handles = [module.get_submodule(name).register_forward_hook(keeping(name)) for name in names]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


@final
class _Finding(TorchFunctionMode):
    """Finds activations among what functions of torch give."""

    def __init__(self, wanted: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.found: set[str] = set()
        self._wanted = wanted

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self.found |= {
                name
                for name, value in self._wanted.items()
                if name not in self.found and _same(value, result)
            }
        return result
