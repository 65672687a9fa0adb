"""TensorFlow's arrays as torch's tensors, and digests of what was read."""

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from demogen._util.parsing import UnreadableError, json_data
from demogen.errors import ArchiveError


def tensor(array: Any) -> Tensor:
    """A float32 tensor: of the array's own memory, in whatever order, where that can be."""
    plain = np.asarray(array, np.float32)
    return torch.from_numpy(plain if plain.flags.writeable else plain.copy())


def conv_kernel(array: Any) -> Tensor:
    """A kernel (h, w, in, out) as torch has it: (out, in, h, w).

    Raises:
        ArchiveError: it has other axes.
    """
    return tensor(_with_axes(array, 4).transpose(3, 2, 0, 1))


def dense_kernel(array: Any) -> Tensor:
    """A kernel (in, out) as torch has it: (out, in).

    Raises:
        ArchiveError: it has other axes.
    """
    return tensor(_with_axes(array, 2).T)


def _with_axes(array: Any, count: int) -> Any:
    if array.ndim != count:
        raise ArchiveError(f"a kernel has shape {array.shape}; {count} axes are expected")
    return array


def digest(parts: Iterable[tuple[str, Any]]) -> str:
    """Sha256 over names and the sha256 of what they hold, a line each, in the order given."""
    lines = (f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in parts)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def json_of(content: bytes, name: str) -> Any:
    """What a JSON file holds.

    Raises:
        ArchiveError: it is none.
    """
    try:
        # Python's own writer, which these sources use, writes NaN.
        return json_data(content, finite=False)
    except UnreadableError as error:
        raise ArchiveError(f"{name} is no JSON that is read here: {error}") from error


def fraction(value: Any, what: str) -> float | None:
    """A number from 0 to 1 as a source states it; None where it states none.

    Raises:
        ArchiveError: it is something else.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ArchiveError(f"its {what} is {value!r}, no fraction from 0 to 1")
    return float(value)


def loss(value: Any, what: str) -> float | None:
    """A cross-entropy as a source states it; None where it states none, or no finite one.

    Raises:
        ArchiveError: it is no number, or negative.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ArchiveError(f"its {what} is {value!r}, no cross-entropy")
    return float(value) if np.isfinite(value) else None
