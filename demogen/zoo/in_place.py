"""A network in the memory of a safetensors file: one after the other is filled in, none is built.

Whoever goes through many networks of one architecture would else build, load and save each anew.
"""

import json
from collections.abc import Iterable, Mapping
from typing import final

import numpy as np
import torch
from torch import Tensor

from demogen.networks.tapped_module import TappedModule
from demogen.zoo.weights import check_tensors, load_into, to_bytes

_LENGTH_BYTES = 8
"""Of the number at the beginning of a safetensors file: the length of the header behind it."""

_ALIGNMENT = 64
"""Of the first tensor in memory, as torch itself aligns them."""


@final
class InPlace:
    """A module whose tensors are parts of a safetensors file in memory.

    Args:
        skeleton: the network without memory for its weights; it gets that of the file.

    Attributes:
        module: the network, in evaluation mode, with the tensors that were filled in last.
    """

    def __init__(self, skeleton: TappedModule) -> None:
        empty = {
            name: torch.zeros(tensor.shape, dtype=tensor.dtype, device="cpu")
            for name, tensor in skeleton.state_dict().items()
        }
        file = to_bytes(empty)
        start = _LENGTH_BYTES + int.from_bytes(file[:_LENGTH_BYTES], "little")
        memory = np.empty(len(file) + 2 * _ALIGNMENT, np.uint8)
        before = -(memory.ctypes.data + start) % _ALIGNMENT
        self._file = memory[before : before + len(file)]
        self._file[:] = np.frombuffer(file, np.uint8)
        places = json.loads(file[_LENGTH_BYTES:start])
        whole = torch.from_numpy(self._file)[start:]
        self._tensors = {
            name: whole[slice(*places[name]["data_offsets"])].view(tensor.dtype).view(tensor.shape)
            for name, tensor in empty.items()
        }
        self._floats = [
            whole[start:stop].view(dtype).numpy()
            for dtype, start, stop in _runs(self._tensors, whole)
            if dtype.is_floating_point
        ]
        self.module = load_into(skeleton, self._tensors, "its weights").eval()

    @property
    def names(self) -> Iterable[str]:
        """Of the tensors."""
        return self._tensors.keys()

    def fill(self, tensors: Mapping[str, Tensor], what: str) -> memoryview:
        """Give the module its tensors, after the checks of `load_into`.

        Args:
            tensors: by the names of the architecture, in memory in any order.
            what: the network, in messages.

        Returns:
            The safetensors file with them, the same as `to_bytes` gives, until the next is filled
            in.

        Raises:
            CorruptZooError: the tensors are not those of this architecture; what the module holds
                then is no network.
        """
        check_tensors(tensors, self._tensors, what, finite=False)
        for name, place in self._tensors.items():
            place.copy_(tensors[name])
        # By numpy, and for all at once, this takes a tenth of torch's time.
        if not all(np.isfinite(floats).all() for floats in self._floats):
            check_tensors(tensors, self._tensors, what)
        return self._file.data


def _runs(tensors: Mapping[str, Tensor], whole: Tensor) -> list[tuple[torch.dtype, int, int]]:
    """(dtype, first byte, behind the last byte) of tensors of one type that lie side by side."""
    runs: list[tuple[torch.dtype, int, int]] = []
    for tensor in sorted(tensors.values(), key=Tensor.data_ptr):
        start = tensor.data_ptr() - whole.data_ptr()
        stop = start + tensor.numel() * tensor.element_size()
        if runs and runs[-1][0] == tensor.dtype and runs[-1][2] == start:
            start = runs.pop()[1]
        runs.append((tensor.dtype, start, stop))
    return runs
