"""Networks given as lists of layers: what is built, where it is tapped, what does not fit."""

import math
from typing import get_args

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from demogen.networks.architectures import build, parameter_count
from demogen.networks.architectures.layers import _FUNCTIONS
from demogen.networks.padded import FlattenByPosition, PaddedConv2d, PaddedMaxPool2d
from demogen.schema.layers import Function
from demogen.schema.records import Data, Layers, NetworkSpec, Training

RELU = {"kind": "activation", "function": "relu"}
FLATTEN = {"kind": "flatten"}


def conv(out, kernel=3, **more):
    return {"kind": "conv", "out": out, "kernel": kernel, **more}


def dense(out):
    return {"kind": "dense", "out": out}


def spec_of(*layers, shape=(1, 8, 8), seed=0, **more):
    content = {"family": "layers", "input_shape": shape, "layers": layers, **more}
    return NetworkSpec(
        architecture=Layers.model_validate(content),
        data=Data(images="digits"),
        training=Training(),
        seed=seed,
    )


EVERY_KIND = (
    conv(4, (3, 2), stride=2, padding="same"),
    {"kind": "batch_norm", "eps": 1e-3},
    RELU,
    {"kind": "dropout", "rate": 0.5, "channels": True},
    conv(6, 3, padding=2, dilation=2, groups=2, bias=False),
    {"kind": "group_norm", "groups": 3},
    {"kind": "activation", "function": "leaky_relu", "slope": 0.3},
    {"kind": "max_pool", "kernel": 3, "stride": 2, "padding": "same"},
    {"kind": "avg_pool", "kernel": 2, "stride": 1, "padding": "same"},
    {"kind": "flatten", "order": "hwc"},
    dense(7),
    {"kind": "batch_norm", "affine": False},
    {"kind": "activation", "function": "tanh"},
    {"kind": "dropout", "rate": 0.5},
    dense(10),
)


def test_every_layer_is_a_stage_with_the_shape_and_parameters_that_the_description_says():
    spec = spec_of(*EVERY_KIND)
    module, described = build(spec).eval(), spec.architecture
    assert parameter_count(module) == described.parameters
    assert [name for name, _ in module.named_children()] == list(described.names)
    x = torch.randn(2, 1, 8, 8)
    with torch.no_grad():
        for name, shape in zip(described.names, described.shapes[1:], strict=True):
            x = module.get_submodule(name)(x)
            assert tuple(x.shape) == (2, *shape), name
    assert isinstance(module.get_submodule("conv1"), PaddedConv2d)
    assert isinstance(module.get_submodule("max_pool1"), PaddedMaxPool2d)
    assert isinstance(module.get_submodule("flatten1"), FlattenByPosition)
    assert type(module.get_submodule("conv2")) is nn.Conv2d
    assert module.get_submodule("batch_norm1").eps == 1e-3
    assert type(module.get_submodule("dropout1")) is nn.Dropout2d


def test_taps_and_units_by_rule():
    module = build(spec_of(*EVERY_KIND)).eval()
    x = torch.randn(2, 1, 8, 8)
    with torch.no_grad():
        _, taps = module.forward_with_taps(x)
        places = {"h1": "batch_norm1", "h2": "group_norm1", "h3": "batch_norm2"}
        for tap, place in places.items():
            activation = x
            for name, stage in module.named_children():
                activation = stage(activation)
                if name == place:
                    break
            assert torch.equal(taps[tap], activation), tap
        assert module.forward_to("units", x).shape == (2, 7)
        assert module.forward_to("units", x).abs().max() <= 1  # after tanh


def test_taps_and_units_as_given():
    taps, layers = {"first": 2, "second": 6}, EVERY_KIND
    module = build(spec_of(*layers, taps=taps, units=2)).eval()
    assert module.taps == ("input", "first", "second")
    with torch.no_grad():
        x = torch.randn(2, 1, 8, 8)
        assert torch.equal(module.forward_to("first", x), module.forward_to("units", x))
        assert (module.forward_to("first", x) >= 0).all()


def test_a_convolution_may_be_the_classifier():
    module = build(spec_of(conv(5), RELU, conv(10, 1), {"kind": "global_avg_pool"})).eval()
    x = torch.randn(2, 1, 8, 8)
    assert module(x).shape == (2, 10)
    assert module.forward_to("h3", x).shape == (2, 5, 6, 6)
    assert [layer.name for layer in module.weight_layers((1, 8, 8))] == ["conv1", "conv2"]


def test_a_network_without_hidden_layers_has_no_hidden_taps():
    module = build(spec_of(FLATTEN, dense(10)))
    assert module.taps == ("input",)
    assert not module.has_units


def test_a_network_of_vectors_takes_images_flattened():
    module = build(spec_of(dense(6), RELU, dense(10), shape=64)).eval()
    x = torch.randn(3, 1, 8, 8)
    assert torch.equal(module(x), module(x.flatten(1)))


def test_global_pooling_is_one_number_a_channel():
    for kind, value in [("global_avg_pool", torch.mean), ("global_max_pool", torch.amax)]:
        module = build(spec_of(conv(10, 3), {"kind": kind})).eval()
        x = torch.randn(2, 1, 8, 8)
        with torch.no_grad():
            expected = value(module.get_submodule("conv1")(x), dim=(2, 3))
            assert torch.allclose(module(x), expected, atol=1e-6)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def gelu_by_tanh(x):
    return x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


# As TensorFlow documents them, and torch; of selu, the constants of Klambauer et al. 2017.
FUNCTIONS = {
    "relu": lambda x: max(x, 0.0),
    "relu6": lambda x: min(max(x, 0.0), 6.0),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "selu": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
    "gelu": lambda x: x / 2 * (1 + math.erf(x / math.sqrt(2))),
    "gelu_tanh": gelu_by_tanh,
    "silu": lambda x: x * sigmoid(x),
    "sigmoid": sigmoid,
    "tanh": math.tanh,
    "hardtanh": lambda x: min(max(x, -1.0), 1.0),
    "softplus": lambda x: math.log1p(math.exp(x)),
    "softsign": lambda x: x / (1 + abs(x)),
}


def test_functions_are_those_of_their_names():
    assert set(FUNCTIONS) == set(get_args(Function)) == set(_FUNCTIONS)
    x = [-3.0, -1.0, 0.0, 0.5, 7.0]
    for name, function in FUNCTIONS.items():
        found = _FUNCTIONS[name](None)(torch.tensor(x, dtype=torch.float64))
        assert found.tolist() == pytest.approx([function(each) for each in x], rel=1e-12), name
    assert _FUNCTIONS["leaky_relu"](0.3)(torch.tensor(-2.0)).item() == pytest.approx(-0.6)
    assert _FUNCTIONS["elu"](2.0)(torch.tensor(-1.0)).item() == pytest.approx(2 * math.expm1(-1))


@pytest.mark.parametrize(
    ("layers", "shape", "message"),
    [
        ((FLATTEN, dense(10)), (3, 8, 8), r"of \(3, 8, 8\) do not fit images of \(1, 8, 8\)"),
        ((dense(10),), 65, "inputs of 65 do not fit"),
        ((FLATTEN, dense(3)), (1, 8, 8), "3 logits do not fit 10 classes"),
    ],
)
def test_images_and_classes_must_be_those_of_the_layers(layers, shape, message):
    with pytest.raises(ValidationError, match=message):
        spec_of(*layers, shape=shape)


def test_it_starts_from_its_seed_with_a_variance_that_suits_its_activations():
    wide = (FLATTEN, dense(2000), {"kind": "activation", "function": "tanh"}, dense(10))
    narrow = (FLATTEN, dense(2000), RELU, dense(10))
    tanh, relu = (build(spec_of(*layers, seed=3)) for layers in (wide, narrow))
    for module, gain in ((tanh, 1), (relu, 2)):
        weight = module.get_submodule("dense1").weight.detach()
        assert float(weight.var()) == pytest.approx(gain / 64, rel=0.03)
    again = build(spec_of(*narrow, seed=3)).state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in relu.state_dict().items())
