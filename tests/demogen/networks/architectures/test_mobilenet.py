import pytest
import torch

from demogen.networks.architectures import build, parameter_count, skeleton
from demogen.schema.records import MobileNet
from tests.demogen.networks.architectures.specs import as_if_trained, images_like, spec_of

# Howard et al. 2017, Table 1, with a stem of stride 1: channels in and out, side of the input.
TABLE_1 = [
    *[(32, 64, 32), (64, 128, 32), (128, 128, 16), (128, 256, 16), (256, 256, 8), (256, 512, 8)],
    *[(512, 512, 4)] * 5,
    *[(512, 1024, 4), (1024, 1024, 2)],
]


def mobilenet(**settings):
    return MobileNet(family="mobilenet", **settings)


@pytest.mark.parametrize(
    ("images", "classes", "count"), [("cifar10", 10, 3_217_226), ("cifar100", 100, 3_309_476)]
)
def test_parameters_are_those_of_table_1(images, classes, count):
    total = 27 * 32 + 2 * 32
    for inputs, outputs, _ in TABLE_1:
        total += 9 * inputs + 2 * inputs + inputs * outputs + 2 * outputs
    total += 1024 * classes + classes
    assert total == count
    assert parameter_count(skeleton(spec_of(mobilenet(), images))) == count


def test_without_classes_it_has_the_published_million_weights():
    # Howard et al. 2017, Table 4: 4.2 million parameters with a thousand classes.
    found = parameter_count(skeleton(spec_of(mobilenet(), "cifar10")))
    assert round((found + 1025 * 990) / 1e6, 1) == 4.2


def test_convolutions_are_those_of_table_1():
    module = build(spec_of(mobilenet()))
    stem, *rest, dense = module.weight_layers((3, 32, 32))
    assert (stem.name, stem.module.stride, stem.input_shape) == ("stem.conv", (1, 1), (3, 32, 32))
    assert dense.input_shape == (1024,)
    expected = []
    sides = [side for _, _, side in TABLE_1] + [2]
    for block, (inputs, outputs, side) in enumerate(TABLE_1, start=1):
        after = sides[block]
        depthwise = (inputs, 1, 3, 3), inputs, (side // after,) * 2, (inputs, side, side)
        pointwise = (outputs, inputs, 1, 1), 1, (1, 1), (inputs, after, after)
        expected += [(f"depthwise{block}.conv", *depthwise), (f"pointwise{block}.conv", *pointwise)]
    assert [
        (
            layer.name,
            tuple(layer.module.weight.shape),
            layer.module.groups,
            layer.module.stride,
            layer.input_shape,
        )
        for layer in rest
    ] == expected
    assert all(layer.module.bias is None for layer in (stem, *rest))


def test_each_convolution_is_followed_by_batch_norm_and_relu():
    chain = build(spec_of(mobilenet(width=1))).chain()
    kinds = [type(layer).__name__ for _, layer in chain]
    block = ["Conv2d", "BatchNorm2d", "ReLU"]
    assert kinds == block * 27 + ["AdaptiveAvgPool2d", "Flatten", "Linear"]
    assert {(n.eps, n.momentum) for _, n in chain if "Norm" in type(n).__name__} == {(1e-5, 0.1)}


def test_a_depthwise_convolution_keeps_channels_apart():
    layer = build(spec_of(mobilenet(width=4))).get_submodule("depthwise2.conv")
    x = torch.zeros(1, 8, 6, 6)
    x[0, 3] = 1
    with torch.no_grad():
        touched = layer(x).flatten(2).abs().sum(dim=2)[0] > 0
    assert touched.tolist() == [channel == 3 for channel in range(8)]


def test_taps_are_hidden_layers_9_18_and_27_before_relu():
    spec = spec_of(mobilenet(width=2))
    module = as_if_trained(build(spec))
    x = images_like(spec.data)
    norms = [name for name, layer in module.chain() if name.endswith(".norm")]
    found = {}
    with torch.no_grad():
        y = x
        for name, layer in module.chain():
            y = layer(y)
            found[name] = y
        for tap, number in {"h1": 9, "h2": 18, "h3": 27}.items():
            assert torch.equal(module.forward_to(tap, x), found[norms[number - 1]])
        assert torch.equal(module.forward_to("units", x), found["pointwise13.norm"].relu())
    assert [name.split(".")[0] for name in (norms[8], norms[17], norms[26])] == [
        *("pointwise4", "depthwise9", "pointwise13"),
    ]


def test_state_keys_are_stable():
    keys = list(skeleton(spec_of(mobilenet())).state_dict())
    assert keys[:2] == ["stem.conv.weight", "stem.norm.weight"]
    assert {"depthwise1.conv.weight", "pointwise13.norm.running_var"} < set(keys)
    assert keys[-2:] == ["classifier.dense.weight", "classifier.dense.bias"]
