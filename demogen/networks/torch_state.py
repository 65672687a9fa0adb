"""Torch's global state while a network is built, loaded, trained or measured: always the same.

A caller may have changed default dtype or device, switched gradients off, allowed TF32, or seeded
random numbers. What is computed here must not depend on any of that, nor change it for the caller.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch

_TINY = 1e-310
"""Not a normal double: 0 where such numbers are flushed."""


def _flushes_denormals() -> bool:
    tiny = torch.tensor([_TINY], dtype=torch.float64, device="cpu")
    return not bool(tiny + tiny)


def _setting(owner: Any, name: str) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    return partial(getattr, owner, name), partial(setattr, owner, name)


_SETTINGS: tuple[tuple[Callable[[], Any], Callable[[Any], Any], Any], ...] = (
    (torch.get_default_dtype, torch.set_default_dtype, torch.float32),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, 0),
    (torch.is_anomaly_enabled, torch.set_anomaly_enabled, False),
    (_flushes_denormals, torch.set_flush_denormal, False),
    (*_setting(torch.backends.mkldnn, "enabled"), True),
    (*_setting(torch.backends.cudnn, "enabled"), True),
    (*_setting(torch.backends.cudnn, "benchmark"), False),
    (*_setting(torch.backends.cudnn, "deterministic"), False),
)
"""How each setting is read and written, and what it is in a fresh process."""


@contextmanager
def ordinary_state(*, tf32: bool = False) -> Iterator[None]:
    """Within the block torch and numpy are set as in a fresh process; afterwards as before.

    Gradients are on, outside of inference mode and of automatic mixed precision, and float32
    products are exact to float32. Also a decorator, for functions that are no generators. Settings
    of a process are shared by its threads: one that changes them meanwhile changes them here.

    Args:
        tf32: allow TF32 in products and convolutions on a GPU.
    """
    with ExitStack() as stack:
        for read, write, ordinary in _SETTINGS:
            if (found := read()) != ordinary:
                stack.callback(write, found)
                write(ordinary)
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        stack.enter_context(np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"))
        stack.enter_context(float32_products(tf32))
        yield


@contextmanager
def float32_products(tf32: bool) -> Iterator[None]:
    """Allow or forbid TF32 on a GPU; torch allows it in convolutions by default.

    Torch has two interfaces to this, and refuses to read one where the other was used. In the block
    the older one can be used.
    """
    places = _precisions()
    own = [place.fp32_precision for place in places]
    for place in places:
        place.fp32_precision = "ieee"
    products, convolutions = torch.get_float32_matmul_precision(), _allows_tf32_convolutions()
    for place in places:
        place.fp32_precision = "none"
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(products)
        torch.backends.cudnn.allow_tf32 = convolutions
        for place, precision in zip(places, own, strict=True):
            place.fp32_precision = precision


def _precisions() -> list[Any]:
    """Places of the newer interface, each before those it decides; none in a torch without it."""
    backends: Any = torch.backends
    if not hasattr(backends, "fp32_precision"):
        return []
    cudnn, mkldnn = backends.cudnn, backends.mkldnn
    inner = [backends, cudnn, mkldnn]
    return [
        *inner,
        backends.cuda.matmul,
        cudnn.conv,
        cudnn.rnn,
        mkldnn.matmul,
        mkldnn.conv,
        mkldnn.rnn,
    ]


def _allows_tf32_convolutions() -> bool:
    try:
        return bool(torch.backends.cudnn.allow_tf32)
    except RuntimeError:
        # They disagree, and the newer interface says no.
        return True


@contextmanager
def own_random_numbers(seed: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Within the block all global generators start from a seed; afterwards they are as before.

    Args:
        seed: of torch, numpy and Python.
        device: whose generator of torch is meant beside that of the CPU.
    """
    of_numpy, of_python = np.random.get_state(), random.getstate()  # noqa: NPY002
    place = torch.device(device)
    devices = [place] if place.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices):
            if place.type == "cpu":
                # `torch.manual_seed` would also change a GPU's generator for the caller.
                torch.default_generator.manual_seed(seed)
            else:
                torch.manual_seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            random.seed(seed)
            yield
    finally:
        np.random.set_state(of_numpy)  # noqa: NPY002
        random.setstate(of_python)
