"""A network in the memory of a safetensors file: one after the other is filled in, none is built.

Whoever goes through many networks of one architecture would else build, load and save each anew.
"""

import json
from collections.abc import Mapping
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
        self.module = load_into(skeleton, self._tensors, "its weights").eval()

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
        if not all(map(_is_finite, self._tensors.values())):
            check_tensors(tensors, self._tensors, what)
        return self._file.data


def _is_finite(tensor: Tensor) -> bool:
    # numpy takes a tenth of torch's time.
    return not tensor.is_floating_point() or bool(np.isfinite(tensor.numpy()).all())
