"""State dicts that torch.save wrote: tensors by name, and nothing else is made of them."""

import io
from collections.abc import Mapping

import torch
from torch import Tensor

from demogen.errors import ArchiveError


def read_state_dict(content: bytes) -> Mapping[str, Tensor]:
    """The tensors, float32, on the CPU.

    `weights_only` lets torch make tensors and plain containers alone, and call nothing.

    Raises:
        ArchiveError: it holds anything else, or is damaged.
    """
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files fail in many ways
        text = " ".join(str(error).split())[:200] or type(error).__name__
        raise ArchiveError(f"no file of tensors alone, or a damaged one ({text})") from error
    if not isinstance(state, dict) or not state:
        raise ArchiveError("its checkpoint is no state dict")
    for key, value in state.items():
        if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_quantized:
            raise ArchiveError(f"its state dict holds no plain tensor as {key!r}")
    return {str(key): value.detach().float().contiguous() for key, value in state.items()}
