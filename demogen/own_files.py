"""Networks that a command names: by the code that makes them, and files of their weights."""

import textwrap
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from demogen._util.attributes import attribute
from demogen.errors import CorruptZooError, ZooError, first_line, naming
from demogen.measuring.fitted_predictor import FittedPredictor, Prediction
from demogen.networks.devices import find_device
from demogen.networks.network import Network
from demogen.zoo.weights import from_bytes

LONGEST = 300
"""Signs of what torch says about names that do not fit, which lists them all."""


def predictions(
    fitted: FittedPredictor,
    weights: Sequence[Path],
    maker: str,
    train: str,
    *,
    initial: Path | None = None,
    test_inputs: str | None = None,
    level: float = 0.9,
    device: str = "cpu",
    batch_size: int = 256,
) -> Iterator[tuple[Path, Prediction]]:
    """Each file of weights with the gap that is predicted of it.

    Args:
        fitted: the predictor.
        weights: safetensors files.
        maker: `module:attribute` or `file.py:attribute`: makes the network, without arguments.
        train: likewise: training images and labels.
        initial: safetensors file of the network before training.
        test_inputs: as `train`; labels are not read.
        level: of the intervals.
        device: that the network runs on.
        batch_size: images at a time.

    Raises:
        DemogenError: as each part raises it; the message names the file or the attribute.
    """
    place = find_device(device)
    images, labels = _data(train)
    unlabelled = None if test_inputs is None else _data(test_inputs)[0]
    before = None if initial is None else _loaded(maker, initial).to(place)
    for path in weights:
        network = Network.of(
            _loaded(maker, path).to(place),
            images,
            labels,
            initial=before,
            test_inputs=unlabelled,
            batch_size=batch_size,
            id=str(path),
        )
        with warnings.catch_warnings():
            # The prediction itself says what lies outside the zoo.
            warnings.filterwarnings("ignore", ".* lies outside what", RuntimeWarning)
            predicted = fitted.predict(network, level)
        yield path, predicted


def _loaded(maker: str, path: Path) -> nn.Module:
    """A new network of the user's code with the weights in a file."""
    module = _called(maker, "network")
    if not isinstance(module, nn.Module):
        raise ZooError(f"network {maker!r} makes a {type(module).__name__}, no torch.nn.Module")
    with naming(path):
        content = path.read_bytes()
    try:
        tensors = from_bytes(content, str(path))
    except CorruptZooError as error:
        raise ZooError(
            f"{error}; `safetensors.torch.save_file(network.state_dict(), path)` writes one"
        ) from error
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        fault = textwrap.shorten(str(error), LONGEST, placeholder=" …")
        for prefix in ("module.", "_orig_mod."):
            if all(name.startswith(prefix) for name in tensors):
                fault = (
                    f"all its names begin with {prefix!r}, as those of a wrapped network do; save "
                    f"`network.{prefix}state_dict()`"
                )
        raise ZooError(f"{path} does not fit the network of {maker!r}: {fault}") from error
    return module


def _data(text: str) -> tuple[Any, Any]:
    """Images and labels, or a dataset and None."""
    data = _called(text, "data")
    if isinstance(data, Dataset | DataLoader | torch.Tensor):
        return data, None
    if isinstance(data, Sequence) and len(data) == 2:
        return data[0], data[1]
    raise ZooError(
        f"data {text!r} is a {type(data).__name__}; give a Dataset, a DataLoader, or a pair of "
        "images and labels"
    )


def _called(text: str, what: str) -> Any:
    """The object that a text names, or what it makes where it is a function or class."""
    value = attribute(text, what, ZooError)
    if isinstance(value, nn.Module) or not callable(value):
        return value
    try:
        return value()
    except Exception as error:
        fault = f"{type(error).__name__}: {first_line(error)}"
        raise ZooError(f"{what} {text!r} is not made: {fault}") from error
