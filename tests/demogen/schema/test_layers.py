import itertools
import math

import pytest
from pydantic import ValidationError

from demogen.errors import ZooError
from demogen.schema.architectures import MOST_ACTIVATIONS, MOST_LAYERS, MOST_PARAMETERS, Layers
from demogen.schema.layers import Conv
from demogen.schema.records import NetworkSpec, first_fault, parse

RELU = {"kind": "activation", "function": "relu"}
FLATTEN = {"kind": "flatten"}


def network(*layers, shape=(3, 8, 8), **more):
    content = {"family": "layers", "input_shape": shape, "layers": layers, **more}
    return Layers.model_validate(content)


def conv(out, kernel, **more):
    return {"kind": "conv", "out": out, "kernel": kernel, **more}


def dense(out):
    return {"kind": "dense", "out": out}


def fault(*layers, **more):
    with pytest.raises(ValidationError) as caught:
        network(*layers, **more)
    return first_fault(caught.value)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation"),
    list(itertools.product((1, 5, 8, 9), (1, 2, 3, 5), (1, 2, 3), (1, 2))),
)
def test_same_gives_as_many_positions_as_tensorflow_an_odd_zero_behind(
    size, kernel, stride, dilation
):
    layer = Conv(
        kind="conv", out=1, kernel=kernel, stride=stride, dilation=dilation, padding="same"
    )
    left, right, top, bottom = layer.sides((1, size, size))
    assert (left, right) == (top, bottom)
    assert layer.output((1, size, size))[1] == math.ceil(size / stride)
    assert 0 <= right - left <= 1
    needed = (math.ceil(size / stride) - 1) * stride + (kernel - 1) * dilation + 1
    assert left + right == max(needed - size, 0)


def test_a_stride_of_two_on_even_sizes_pads_behind_alone():
    layer = Conv(kind="conv", out=4, kernel=3, stride=2, padding="same")
    assert layer.sides((3, 32, 32)) == (0, 1, 0, 1)
    assert layer.sides((3, 33, 32)) == (0, 1, 1, 1)


def test_padding_is_a_number_a_pair_or_four_sides_and_is_written_in_one_way():
    given = {1: 1, (1, 1): 1, (1, 2): (1, 2), (2, 2, 1, 1): (1, 2), (0, 1, 0, 1): (0, 1, 0, 1)}
    for padding, shortest in given.items():
        layer = Conv.model_validate(conv(4, 3, padding=padding))
        assert layer.padding == shortest
        assert layer == Conv.model_validate(layer.model_dump(mode="json"))
    assert Conv.model_validate(conv(4, 3, padding=(1, 2))).sides((1, 9, 9)) == (2, 2, 1, 1)
    assert Conv.model_validate(conv(4, (3, 3))).kernel == 3


def test_shapes_names_and_parameters():
    layers = network(
        conv(4, (3, 2), stride=(2, 1), padding=(0, 1, 0, 1)),
        {"kind": "batch_norm"},
        RELU,
        conv(8, 3, groups=2, bias=False, padding="same"),
        {"kind": "max_pool", "kernel": 2},
        {"kind": "group_norm", "groups": 2, "affine": False},
        RELU,
        FLATTEN,
        dense(10),
    )
    assert layers.shapes == [
        *((3, 8, 8), (4, 4, 8), (4, 4, 8), (4, 4, 8), (8, 4, 8)),
        *((8, 2, 4), (8, 2, 4), (8, 2, 4), (64,), (10,)),
    ]
    assert layers.names[:4] == ("conv1", "batch_norm1", "activation1", "conv2")
    assert layers.names[-1] == "dense1"
    assert layers.parameters == (4 * 3 * 6 + 4) + 8 + 8 * 2 * 9 + (64 * 10 + 10)
    assert layers.classes == 10


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([dense(10)], r"layer 0 \(dense\): it takes flat samples, not images of \(3, 8, 8\)"),
        ([FLATTEN, conv(2, 3), dense(2)], r"layer 1 \(conv\): it takes images, not flat samples"),
        ([conv(2, 9), FLATTEN], r"layer 0 \(conv\): a window of \(9, 9\) does not fit"),
        ([conv(4, 3, groups=2)], "2 groups do not divide 3 and 4"),
        ([{"kind": "group_norm", "groups": 2}], "2 groups do not divide 3 channels"),
        ([conv(2, 3)], "the last layer gives images"),
        ([FLATTEN], "no convolution or dense layer"),
        ([{"kind": "max_pool", "kernel": 2, "padding": 2}, FLATTEN], "lie in padding 2 alone"),
        ([{**RELU, "slope": 0.1}], "slope is of leaky_relu and elu"),
        ([{"kind": "activation", "function": "softmax"}], "Input should be 'relu'"),
        ([{"kind": "attention"}], "Input tag 'attention' found"),
        ([conv(2, 3, colour="red")], "Extra inputs are not permitted"),
        ([{"kind": "dropout", "rate": 1.0}], "less than 1"),
        ([conv(2, 0)], "greater than or equal to 1"),
        ([conv(2, 3, padding=-1)], "greater than or equal to 0|Input should be 'same'"),
        ([], "at least 1 item"),
    ],
)
def test_a_layer_that_does_not_fit_is_named(layers, message):
    with pytest.raises(ZooError, match=message) as caught:
        parse(Layers, {"family": "layers", "input_shape": (3, 8, 8), "layers": layers}, "here")
    assert "\n" not in str(caught.value)


def test_size_is_bounded_before_anything_is_built():
    wide = [FLATTEN, dense(65_536), dense(65_536), dense(10)]
    assert f"parameters are more than {MOST_PARAMETERS:,}" in fault(*wide)
    large = [conv(65_536, 1, padding=1000), {"kind": "global_avg_pool"}]
    assert f"for one sample are more than {MOST_ACTIVATIONS:,}" in fault(*large)
    assert f"at most {MOST_LAYERS}" in fault(*[RELU] * (MOST_LAYERS + 1))


def test_taps_and_units_must_be_at_layers():
    layers = [FLATTEN, dense(4), RELU, dense(2)]
    assert network(*layers, taps={"first": 1}, units=2).taps == {"first": 1}
    assert "first is at layer 4; they are 0 to 3" in fault(*layers, taps={"first": 4})
    assert "units is at layer 9" in fault(*layers, units=9)
    assert "'input' is a reserved name" in fault(*layers, taps={"input": 0})
    assert "taps" in fault(*layers, taps={"h.1": 0})


def test_the_same_layers_have_one_id_however_they_are_written():
    data = {"images": "digits"}
    ids = set()
    for kernel, padding in [(3, 1), ((3, 3), (1, 1)), ([3, 3], [1, 1, 1, 1])]:
        layers = [conv(4, kernel, padding=padding), RELU, FLATTEN, dense(10)]
        content = {"family": "layers", "input_shape": (1, 8, 8), "layers": layers}
        spec = {"architecture": content, "data": data, "training": {}}
        ids.add(NetworkSpec.model_validate(spec).id)
    assert len(ids) == 1
    assert ids.pop().startswith("layers-n2-w10-c1-")
