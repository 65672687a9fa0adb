"""Layers as PGDL's config.json lists them (Keras's arguments), as the family `layers` has them.

Whole floats stand for integers there. An activation that is an argument of a layer becomes a layer
of its own; zeros around an image are added to the padding of the window that follows; a softmax at
the end is left out, for networks here end with logits.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import ValidationError
from torch import Tensor

from demogen.errors import ArchiveError
from demogen.schema.architectures import Layers
from demogen.schema.layers import WEIGHTED
from demogen.schema.records import first_fault
from zoo_recipes.importing.arrays import conv_kernel, dense_kernel, tensor
from zoo_recipes.importing.formats.keras_hdf5 import Weights

Config = Mapping[str, Any]
Plain = dict[str, Any]

KERAS_MOMENTUM, KERAS_EPS = 0.99, 1e-3
"""Defaults of Keras's batch norm; its momentum is the share of the old value."""

_FUNCTIONS = {
    **{name: name for name in ("relu", "relu6", "elu", "selu", "gelu", "silu", "sigmoid", "tanh")},
    **{"softplus": "softplus", "softsign": "softsign", "swish": "silu"},
    "leaky_relu": "leaky_relu",
}
_LEAKY_SLOPE = 0.3
"""Keras's default; as an activation by name it is 0.2."""

_MOST_LAYERS = 1_000
_IGNORED = frozenset({"InputLayer", "Identity", "GaussianNoise", "ActivityRegularization"})
"""Layers that do nothing, or nothing in evaluation mode."""


@dataclass
class _Reading:
    """Layers so far, as the schema takes them."""

    layers: list[Plain] = field(default_factory=list)
    zeros: tuple[int, int, int, int] | None = None
    """Left, right, top, bottom: of a ZeroPadding2D that waits for the window after it."""


@dataclass(frozen=True)
class KerasNetwork:
    """A network of config.json.

    Attributes:
        architecture: its layers.
        image_shape: (channels, height, width); of vectors (features, 1, 1).
    """

    architecture: Layers
    image_shape: tuple[int, int, int]


def network(config: Any) -> KerasNetwork:
    """The network that a config.json describes.

    Raises:
        ArchiveError: it is none, or has a layer that the family `layers` does not have.
    """
    try:
        listed, shape = config["model_config"], [_whole(side) for side in config["input_shape"]]
    except (TypeError, KeyError) as error:
        raise ArchiveError("config.json has no model_config or input_shape") from error
    if not isinstance(listed, list) or len(listed) > _MOST_LAYERS or len(shape) not in (1, 3):
        raise ArchiveError(f"config.json gives inputs of {shape} and no list of layers for them")
    reading = _Reading()
    for number, layer in enumerate(listed):
        try:
            _read(layer, reading)
        except ArchiveError as error:
            kind = layer.get("layer_name") if isinstance(layer, dict) else layer
            raise ArchiveError(f"layer {number} ({kind}) of config.json: {error}") from error
    if reading.zeros is not None:
        raise ArchiveError("config.json ends with zeros around an image")
    image = (shape[2], shape[0], shape[1]) if len(shape) == 3 else (shape[0], 1, 1)
    layers = [layer for layer in reading.layers if layer["kind"] != "softmax"]
    if any(layer["kind"] == "softmax" for layer in reading.layers[:-1]):
        raise ArchiveError("config.json has a softmax before its end")
    content = {
        "family": "layers",
        "input_shape": image if len(shape) == 3 else shape[0],
        "layers": layers,
    }
    try:
        return KerasNetwork(Layers.model_validate(content), image)
    except ValidationError as error:
        raise ArchiveError(f"config.json: {first_fault(error)}") from error


def weights(architecture: Layers, stored: Weights) -> dict[str, Tensor]:
    """Tensors of the architecture from the layers of an HDF5 file, in order.

    The kernel of a dense layer behind Flatten counts positions first; the layer that flattens here
    does likewise ("hwc"), so that nothing is permuted.

    Raises:
        ArchiveError: there are more or fewer layers with weights, or of other kinds or shapes.
    """
    named = [
        (name, layer)
        for name, layer in zip(architecture.names, architecture.layers, strict=True)
        if layer.kind in (*WEIGHTED, "batch_norm")
    ]
    if len(named) != len(stored):
        raise ArchiveError(
            f"{len(stored)} layers in the HDF5 file have weights, {len(named)} of config.json"
        )
    tensors: dict[str, Tensor] = {}
    for (name, layer), (group, arrays) in zip(named, stored, strict=True):
        try:
            tensors |= {f"{name}.{key}": value for key, value in _tensors(layer, arrays).items()}
        except (KeyError, ValueError) as error:
            raise ArchiveError(f"{group} of the HDF5 file is no {layer.kind} layer") from error
    return tensors


def _tensors(layer: Any, arrays: Mapping[str, Any]) -> dict[str, Tensor]:
    if layer.kind == "batch_norm":
        channels = len(arrays["moving_mean"])
        # Keras leaves out what is not learned; it is 1 and 0 then.
        gamma = arrays.get("gamma", np.ones(channels, np.float32))
        beta = arrays.get("beta", np.zeros(channels, np.float32))
        return {
            "weight": tensor(gamma),
            "bias": tensor(beta),
            "running_mean": tensor(arrays["moving_mean"]),
            "running_var": tensor(arrays["moving_variance"]),
        }
    if unknown := arrays.keys() - {"kernel", "bias"}:
        raise ArchiveError(f"a {layer.kind} layer has an array {min(unknown)!r}")
    kernel = (conv_kernel if layer.kind == "conv" else dense_kernel)(arrays["kernel"])
    bias = {"bias": tensor(arrays["bias"])} if "bias" in arrays else {}
    return {"weight": kernel, **bias}


def _read(layer: Any, reading: _Reading) -> None:
    if not isinstance(layer, dict) or not isinstance(layer.get("layer_name"), str):
        raise ArchiveError("it has no layer_name")
    kind = layer["layer_name"]
    if kind in _IGNORED:
        return
    if kind == "ZeroPadding2D":
        if reading.zeros is not None:
            raise ArchiveError("it follows another one")
        reading.zeros = _zeros(layer.get("padding", 1))
        return
    if kind not in _READERS:
        raise ArchiveError("the family of layers has no such layer")
    if layer.get("data_format", "channels_last") not in (None, "channels_last"):
        raise ArchiveError("channels come first; only channels_last is read")
    made = list(_READERS[kind](layer))
    if reading.zeros is not None and made:
        made[0] = _with_zeros(made[0], reading.zeros)
        reading.zeros = None
    reading.layers += made
    reading.layers += _activation(layer.get("activation")) if kind not in _NAMED else []


def _conv(layer: Config) -> Iterator[Plain]:
    yield {
        "kind": "conv",
        "out": _whole(layer.get("filters")),
        "groups": _whole(layer.get("groups", 1)),
        **_window(layer, "kernel_size", None),
        "stride": _pair(layer.get("strides", 1)),
        "dilation": _pair(layer.get("dilation_rate", 1)),
        "bias": _flag(layer, "use_bias", True),
    }


def _dense(layer: Config) -> Iterator[Plain]:
    yield {
        "kind": "dense",
        "out": _whole(layer.get("units")),
        "bias": _flag(layer, "use_bias", True),
    }


def _batch_norm(layer: Config) -> Iterator[Plain]:
    axis = layer.get("axis", -1)
    if (axis[0] if isinstance(axis, list) and len(axis) == 1 else axis) not in (-1, 3):
        raise ArchiveError(f"batch norm over axis {axis}; the last one is meant here")
    yield {
        "kind": "batch_norm",
        "eps": _number(layer.get("epsilon", KERAS_EPS)),
        "momentum": 1 - _number(layer.get("momentum", KERAS_MOMENTUM)),
    }


def _pool(kind: str) -> "Callable[[Config], Iterator[Plain]]":
    def read(layer: Config) -> Iterator[Plain]:
        strides = layer.get("strides")
        yield {
            "kind": kind,
            **_window(layer, "pool_size", 2),
            "stride": None if strides is None else _pair(strides),
        }

    return read


def _named(content: Plain) -> "Callable[[Config], Iterator[Plain]]":
    def read(layer: Config) -> Iterator[Plain]:
        del layer
        yield dict(content)

    return read


def _dropout(channels: bool) -> "Callable[[Config], Iterator[Plain]]":
    def read(layer: Config) -> Iterator[Plain]:
        rate = _number(layer.get("rate", 0.5))
        yield {"kind": "dropout", "rate": rate, "channels": channels}

    return read


def _activation_layer(layer: Config) -> Iterator[Plain]:
    yield from _activation(layer.get("activation"))


def _relu_layer(layer: Config) -> Iterator[Plain]:
    most, slope = layer.get("max_value"), _number(layer.get("negative_slope") or 0.0)
    if _number(layer.get("threshold") or 0.0) or (most is not None and (most != 6 or slope)):
        raise ArchiveError("a ReLU with a threshold or such a limit")
    if slope:
        yield {"kind": "activation", "function": "leaky_relu", "slope": slope}
    else:
        yield {"kind": "activation", "function": "relu" if most is None else "relu6"}


def _leaky_relu_layer(layer: Config) -> Iterator[Plain]:
    slope = layer.get("alpha", layer.get("negative_slope", _LEAKY_SLOPE))
    yield {"kind": "activation", "function": "leaky_relu", "slope": _number(slope)}


def _elu_layer(layer: Config) -> Iterator[Plain]:
    yield {"kind": "activation", "function": "elu", "slope": _number(layer.get("alpha", 1.0))}


_READERS: dict[str, Callable[[Config], Iterator[Plain]]] = {
    "Conv2D": _conv,
    "Convolution2D": _conv,
    "Dense": _dense,
    "BatchNormalization": _batch_norm,
    "Activation": _activation_layer,
    "ReLU": _relu_layer,
    "LeakyReLU": _leaky_relu_layer,
    "ELU": _elu_layer,
    "Softmax": _named({"kind": "softmax"}),
    "MaxPooling2D": _pool("max_pool"),
    "MaxPool2D": _pool("max_pool"),
    "AveragePooling2D": _pool("avg_pool"),
    "AvgPool2D": _pool("avg_pool"),
    "GlobalAveragePooling2D": _named({"kind": "global_avg_pool"}),
    "GlobalAvgPool2D": _named({"kind": "global_avg_pool"}),
    "GlobalMaxPooling2D": _named({"kind": "global_max_pool"}),
    "GlobalMaxPool2D": _named({"kind": "global_max_pool"}),
    "Flatten": _named({"kind": "flatten", "order": "hwc"}),
    "Dropout": _dropout(channels=False),
    "SpatialDropout2D": _dropout(channels=True),
}
_NAMED = frozenset({"Activation", "ReLU", "LeakyReLU", "ELU", "Softmax"})
"""Layers that are activations themselves."""


def _activation(name: Any) -> list[Plain]:
    if name in (None, "linear"):
        return []
    if name == "softmax":
        return [{"kind": "softmax"}]
    if not isinstance(name, str) or name not in _FUNCTIONS:
        raise ArchiveError(f"activation {name!r} is not known here")
    plain: Plain = {"kind": "activation", "function": _FUNCTIONS[name]}
    return [{**plain, "slope": 0.2} if name == "leaky_relu" else plain]


def _window(layer: Config, name: str, default: Any) -> Plain:
    padding = layer.get("padding", "valid")
    if padding not in ("valid", "same", "VALID", "SAME"):
        raise ArchiveError(f"padding {padding!r}")
    return {
        "kernel": _pair(layer.get(name, default)),
        "padding": "same" if padding.lower() == "same" else 0,
    }


def _with_zeros(layer: Plain, zeros: tuple[int, int, int, int]) -> Plain:
    """The zeros belong to the convolution that follows; of others they would change the values."""
    if layer["kind"] != "conv" or layer["padding"] != 0:
        raise ArchiveError("zeros around an image are read before a valid convolution alone")
    return {**layer, "padding": zeros}


def _zeros(value: Any) -> tuple[int, int, int, int]:
    """Left, right, top, bottom; Keras says (top, bottom), (left, right)."""
    if not isinstance(value, list | tuple):
        value = (value, value)
    if len(value) != 2:
        raise ArchiveError(f"zeros {value!r}")
    sides = [_both(side) for side in value]
    return (*sides[1], *sides[0])


def _both(value: Any) -> tuple[int, int]:
    pair = _pair(value)
    return pair if isinstance(pair, tuple) else (pair, pair)


def _pair(value: Any) -> int | tuple[int, int]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != 2:
            raise ArchiveError(f"{value!r} has not two sides")
        return (_whole(value[0]), _whole(value[1]))
    return _whole(value)


def _whole(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ArchiveError(f"{value!r} is no whole number")
    return int(number)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        raise ArchiveError(f"{value!r} is no number")
    return value


def _flag(layer: Config, name: str, default: bool) -> bool:
    value = layer.get(name, default)
    if value not in (0, 1):
        raise ArchiveError(f"{name} is {value!r}")
    return bool(value)
