"""Weights that Keras saved as HDF5: layers and their arrays in the order that attributes give."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from demogen.errors import ArchiveError

MOST_NAMES = 10_000

Weights = list[tuple[str, dict[str, Any]]]
"""Layer by layer: its name, and its arrays by the last part of their names, without ":0"."""


def read_weights(content: bytes, limit: int) -> Weights:
    """The layers that have weights, in order.

    The order is that of the attributes `layer_names` and `weight_names`, never that of names:
    "dense_10" stands before "dense_9" in the file. Links that lead elsewhere are refused.

    Args:
        content: the file.
        limit: bytes that all arrays may have together.

    Raises:
        ArchiveError: h5py is not installed, or it is no such file.
    """
    with _opened(content) as root:
        if "layer_names" not in root.attrs and "model_weights" in root:
            root = _inside(root, "model_weights")
        left = limit
        weights: Weights = []
        for layer in _texts(root, "layer_names"):
            group = _inside(root, layer)
            arrays: dict[str, Any] = {}
            for name in _texts(group, "weight_names"):
                data = _inside(group, name)
                if not hasattr(data, "shape") or data.external or data.is_virtual:
                    raise ArchiveError(f"{name} is no plain array")
                if data.dtype.kind != "f" or data.dtype.itemsize not in (2, 4, 8):
                    raise ArchiveError(f"{name} holds {data.dtype}, not floats")
                left -= math.prod(data.shape) * data.dtype.itemsize
                if left < 0:
                    raise ArchiveError(f"its arrays take more than {limit:,} bytes")
                short = name.rsplit("/", 1)[-1].split(":")[0]
                if short in arrays:
                    raise ArchiveError(f"layer {layer} has two arrays {short!r}")
                arrays[short] = np.asarray(data[()], np.float32)
            if arrays:
                weights.append((layer, arrays))
        return weights


@contextmanager
def _opened(content: bytes) -> Iterator[Any]:
    try:
        import h5py
    except ImportError as error:
        raise ArchiveError(
            "h5py is not installed, which reads Keras's files: pip install 'demogen[import]'"
        ) from error
    try:
        with h5py.File.in_memory(content) as file:
            yield file
    except ArchiveError:
        raise
    except Exception as error:  # h5py raises what it likes for damaged files
        text = " ".join(str(error).split()) or type(error).__name__
        raise ArchiveError(f"no HDF5 file of Keras weights, or damaged ({text})") from error


def _inside(group: Any, path: str) -> Any:
    """What lies at a path in a group, reached by hard links alone."""
    import h5py

    found = group
    for part in path.split("/"):
        if not hasattr(found, "keys") or part not in found:
            raise ArchiveError(f"{path} is missing, though it is listed")
        if not isinstance(found.get(part, getlink=True), h5py.HardLink):
            raise ArchiveError(f"{path} is a link that leads elsewhere; refused")
        found = found[part]
    return found


def _texts(group: Any, attribute: str) -> list[str]:
    """A list of names; Keras cuts one that is too long into several attributes."""
    if attribute in group.attrs:
        parts = [group.attrs[attribute]]
    else:
        parts, number = [], 0
        while f"{attribute}{number}" in group.attrs and number < MOST_NAMES:
            parts.append(group.attrs[f"{attribute}{number}"])
            number += 1
        if not parts:
            raise ArchiveError(f"it has no attribute {attribute}: no weights that Keras saved")
    names = [name for part in parts for name in np.atleast_1d(part).tolist()]
    if len(names) > MOST_NAMES:
        raise ArchiveError(f"{len(names):,} names in {attribute}")
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]
