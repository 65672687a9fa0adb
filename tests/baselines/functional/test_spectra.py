from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines.functional import lanczos, spectra
from baselines.functional.spectra import (
    log_spectral_complexity,
    one_norm,
    spectral_norm,
    two_one_norm,
)
from demogen.errors import NotMeasurable
from demogen.networks.architectures import layers
from demogen.networks.homogeneity import AffineLayer, Convolution, affine_layers
from demogen.networks.padded import PaddedConv2d, conv_sides
from demogen.networks.tapped_module import TappedModule
from demogen.schema.records import Layers

CONVOLUTIONS = {
    "plain": (3, 2, 3, 6, {}),
    "padded": (4, 6, 3, 8, {"padding": 1}),
    "stride 2": (3, 5, 3, 7, {"stride": 2}),
    "stride 2, padded": (2, 3, 3, 8, {"stride": 2, "padding": 1}),
    "stride 3, padded 2": (2, 3, 5, 8, {"stride": 3, "padding": 2}),
    "dilated": (2, 3, 3, 8, {"dilation": 2, "padding": 1}),
    "grouped": (4, 6, 3, 5, {"groups": 2, "padding": 1}),
    "1x1": (5, 4, 1, 4, {}),
    "1x1, stride 2": (5, 4, 1, 5, {"stride": 2}),
    "1x1, padded": (5, 4, 1, 3, {"padding": 1}),
    "1x1, grouped": (4, 4, 1, 3, {"groups": 2}),
    "all of the input": (3, 10, 4, 4, {}),
    "all of the input, oblong": (3, 5, (2, 4), (2, 4), {}),
    "all of the input, padded": (3, 5, 4, 4, {"padding": 1}),
    "oblong": (2, 3, (3, 2), (5, 8), {"padding": (0, 1)}),
    "oblong, stride 2 and 1": (2, 3, (3, 2), (6, 7), {"stride": (2, 1), "padding": (2, 0)}),
    "stride 2, a rest": (3, 2, 2, (6, 9), {"stride": 2}),
    "stride 3, wider than the kernel": (3, 4, 2, (7, 11), {"stride": 3}),
    "same": (2, 3, 3, (4, 7), {"padding": "same"}),
    "same, even kernel": (2, 3, (4, 2), (6, 5), {"padding": "same"}),
    "same, dilated": (2, 3, (2, 3), (7, 6), {"padding": "same", "dilation": (3, 2)}),
    "valid": (2, 3, 3, (4, 7), {"padding": "valid"}),
    "1x1, same": (3, 2, 1, (4, 3), {"padding": "same"}),
    "grouped, dilated, stride 2": (
        6,
        4,
        3,
        (8, 9),
        {"groups": 2, "dilation": 2, "stride": 2, "padding": 2},
    ),
    "a channel a group": (5, 5, 3, 6, {"groups": 5, "padding": 1}),
}


def pair(value):
    return value if isinstance(value, tuple | str) else (value, value)


def convolution(inputs, outputs, kernel, size, options, seed=0):
    generator = torch.Generator().manual_seed(seed)
    groups = options.get("groups", 1)
    weight = torch.randn(outputs, inputs // groups, *pair(kernel), generator=generator)
    conv = torch.nn.Conv2d(inputs, outputs, kernel, bias=False, **options)
    how = Convolution(conv.stride, conv_sides(conv), conv.dilation, groups)
    return AffineLayer("conv", weight.double(), None, (inputs, *pair(size)), how)


def dense(outputs, inputs, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(outputs, inputs, generator=generator, dtype=dtype)
    return AffineLayer(f"dense{seed}", weight, torch.ones(outputs), (inputs,), None)


def matrix_of(layer, options):
    """The map's matrix (outputs, inputs), a basis vector at a time."""
    columns = []
    for index in range(int(np.prod(layer.input_shape))):
        basis = torch.zeros(layer.input_shape, dtype=torch.float64)
        basis.view(-1)[index] = 1
        columns.append(F.conv2d(basis[None], layer.weight, **options).flatten().numpy())
    return np.stack(columns, axis=1)


# torch warns of "same" padding by an odd number, which it makes by a copy of the input.
@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("case", CONVOLUTIONS)
@pytest.mark.parametrize("exact_entries", [0, 10**9])
def test_norms_of_a_convolution_are_those_of_its_matrix(case, exact_entries, monkeypatch):
    monkeypatch.setattr(spectra, "EXACT_ENTRIES", exact_entries)
    layer, other = (convolution(*CONVOLUTIONS[case], seed=seed) for seed in (0, 1))
    matrix, distance = (matrix_of(a, CONVOLUTIONS[case][-1]) for a in (layer, other))
    distance = matrix - distance
    singular = np.linalg.svd(matrix, compute_uv=False)
    assert spectral_norm(layer) == pytest.approx(singular[0], rel=1e-9)
    for found, entries in (
        (two_one_norm(layer), matrix),
        (two_one_norm(layer, other), distance),
    ):
        assert found == pytest.approx(np.sqrt((entries**2).sum(axis=1)).sum(), rel=1e-12)
    assert one_norm(layer) == pytest.approx(np.abs(matrix).sum(), rel=1e-12)
    assert one_norm(layer, other) == pytest.approx(np.abs(distance).sum(), rel=1e-12)


# TensorFlow's "same": on even sizes a stride of 2 pads behind the image alone.
SAME = {
    "stride 2, even": ({"stride": 2}, 3, (8, 10)),
    "stride 2, even kernel": ({"stride": 2}, (4, 3), (8, 6)),
    "stride 3, odd and even": ({"stride": 3}, 5, (9, 8)),
    "even kernel, dilated": ({"dilation": (1, 3)}, 2, (7, 8)),
    "grouped": ({"stride": 2, "groups": 2}, 3, 6),
    "given sides": ({"stride": 2, "padding": (3, 0, 1, 2)}, 3, (7, 6)),
}


@pytest.mark.parametrize("case", SAME)
@pytest.mark.parametrize("exact_entries", [0, 10**9])
def test_norms_with_other_padding_on_opposite_sides_are_those_of_the_dense_matrix(
    case, exact_entries, monkeypatch
):
    monkeypatch.setattr(spectra, "EXACT_ENTRIES", exact_entries)
    options, kernel, size = SAME[case]
    conv = {"kind": "conv", "out": 6, "kernel": kernel, "padding": "same", "bias": False}
    content = {
        "family": "layers",
        "input_shape": (4, *pair(size)),
        "layers": [{**conv, **options}, {"kind": "global_avg_pool"}],
    }
    described = Layers.model_validate(content)
    module = layers.construct(described, described.input_shape, described.classes).double()
    (layer,) = affine_layers(module, (4, *pair(size)))
    assert isinstance(module.get_submodule("conv1"), PaddedConv2d)
    columns = []
    with torch.no_grad():
        for index in range(4 * int(np.prod(pair(size)))):
            basis = torch.zeros(1, 4, *pair(size), dtype=torch.float64)
            basis.view(-1)[index] = 1
            columns.append(module.get_submodule("conv1")(basis).flatten().numpy())
    matrix = np.stack(columns, axis=1)
    assert spectral_norm(layer) == pytest.approx(np.linalg.norm(matrix, 2), rel=1e-9)
    rows = np.sqrt((matrix**2).sum(axis=1)).sum()
    assert two_one_norm(layer) == pytest.approx(rows, rel=1e-12)
    assert one_norm(layer) == pytest.approx(np.abs(matrix).sum(), rel=1e-12)


@pytest.mark.parametrize("exact_entries", [0, 10**9])
@pytest.mark.parametrize("zeros", [(0, 1, 0, 1), (3, 0, 0, 2)])
def test_zeros_of_a_layer_before_a_convolution_count(zeros, exact_entries, monkeypatch):
    monkeypatch.setattr(spectra, "EXACT_ENTRIES", exact_entries)
    conv = torch.nn.Conv2d(2, 3, 3, stride=2, bias=False, padding=(0, 1)).double()
    stages = OrderedDict(pad=torch.nn.ZeroPad2d(zeros), conv=conv)
    (layer,) = affine_layers(TappedModule(stages, {}).requires_grad_(False), (2, 8, 7))
    basis = torch.eye(2 * 8 * 7, dtype=torch.float64).reshape(-1, 2, 8, 7)
    matrix = conv(stages["pad"](basis)).flatten(1)
    assert spectral_norm(layer) == pytest.approx(float(torch.linalg.norm(matrix, 2)), rel=1e-9)
    columns = torch.linalg.norm(matrix, dim=0).sum()
    assert two_one_norm(layer) == pytest.approx(float(columns), rel=1e-12)


@pytest.mark.parametrize("basis", [2, 8])
@pytest.mark.parametrize("case", ["padded", "stride 2, padded", "grouped"])
def test_iterations_with_many_restarts_find_the_same(case, basis, monkeypatch):
    layer = convolution(*CONVOLUTIONS[case])
    exact = np.linalg.norm(matrix_of(layer, CONVOLUTIONS[case][-1]), 2)
    monkeypatch.setattr(spectra, "EXACT_ENTRIES", 0)
    monkeypatch.setattr(lanczos, "_SMALLEST_BASIS", basis)
    monkeypatch.setattr(lanczos, "_LARGEST_BASIS", basis)
    assert spectral_norm(layer) == pytest.approx(exact, rel=1e-9)


def test_iterations_that_do_not_end_are_given_up(monkeypatch):
    monkeypatch.setattr(spectra, "EXACT_ENTRIES", 0)
    monkeypatch.setattr(spectra, "MOST_STEPS", 3)
    with pytest.raises(NotMeasurable, match="norm of layer 'dense0' does not converge"):
        spectral_norm(dense(40, 50))


@pytest.mark.parametrize("exact_entries", [0, 10**9])
@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_squares_may_leave_the_range_of_a_double(scale, exact_entries, monkeypatch):
    monkeypatch.setattr(spectra, "EXACT_ENTRIES", exact_entries)
    for layer in (convolution(*CONVOLUTIONS["padded"]), dense(9, 11)):
        large = replace(layer, weight=layer.weight * scale)
        for norm in (spectral_norm, two_one_norm, one_norm):
            assert norm(large) == pytest.approx(norm(layer) * scale, rel=1e-12)


@pytest.mark.parametrize("fault", [torch.nan, torch.inf])
def test_weights_that_are_no_numbers_are_refused(fault):
    weight = dense(3, 4).weight.clone()
    weight[1, 2] = fault
    for norm in (spectral_norm, two_one_norm, one_norm):
        with pytest.raises(NotMeasurable, match="'dense0' are not all finite"):
            norm(replace(dense(3, 4), weight=weight))


@pytest.mark.parametrize("exact_entries", [0, 10**9])
def test_a_map_of_low_rank(exact_entries, monkeypatch):
    monkeypatch.setattr(spectra, "EXACT_ENTRIES", exact_entries)
    left, right = dense(30, 1).weight, dense(1, 40).weight
    norm = float(left.norm() * right.norm())
    assert spectral_norm(replace(dense(30, 40), weight=left @ right)) == pytest.approx(norm)
    single = replace(dense(1, 40), weight=right)
    assert spectral_norm(single) == pytest.approx(float(right.norm()))


@pytest.mark.parametrize("exact_entries", [0, 10**9])
def test_a_dense_layer_at_several_places(exact_entries, monkeypatch):
    monkeypatch.setattr(spectra, "EXACT_ENTRIES", exact_entries)
    layer = replace(dense(3, 5), input_shape=(4, 5))
    once = dense(3, 5)
    assert spectral_norm(layer) == pytest.approx(spectral_norm(once))
    assert two_one_norm(layer) == pytest.approx(4 * two_one_norm(once))
    assert one_norm(layer) == pytest.approx(4 * one_norm(once))


def test_borders_count_only_what_meets_the_input():
    ones = replace(convolution(1, 1, 3, 3, {"padding": 1}), weight=torch.ones(1, 1, 3, 3))
    # Corners see 4 pixels, edges 6, the middle 9.
    assert two_one_norm(ones) == pytest.approx(4 * 2 + 4 * 6**0.5 + 3)
    assert one_norm(ones) == pytest.approx(4 * 4 + 4 * 6 + 9)


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (300, 290), (1, 5)])
@pytest.mark.parametrize("exact_entries", [0, 2**16])
def test_norms_of_a_dense_layer(shape, exact_entries, monkeypatch):
    monkeypatch.setattr(spectra, "EXACT_ENTRIES", exact_entries)
    layer = dense(*shape)
    weight = layer.weight.numpy()
    assert spectral_norm(layer) == pytest.approx(np.linalg.norm(weight, 2), rel=1e-9)
    assert two_one_norm(layer) == pytest.approx(np.linalg.norm(weight, axis=1).sum())
    other = dense(*shape, seed=1)
    distance = np.linalg.norm(weight - other.weight.numpy(), axis=1).sum()
    assert two_one_norm(layer, other) == pytest.approx(distance)


def test_close_singular_values_are_told_apart():
    basis, _ = torch.linalg.qr(dense(300, 300).weight)
    values = torch.linspace(1, 1.001, 300, dtype=torch.float64)
    layer = replace(dense(300, 300), weight=basis @ values.diag() @ basis.T)
    assert spectral_norm(layer) == pytest.approx(1.001, rel=1e-8)


def test_single_precision_weights_are_taken_in_double():
    layer = dense(6, 5, dtype=torch.float32)
    exact = np.linalg.norm(layer.weight.numpy().astype(np.float64), 2)
    assert spectral_norm(layer) == pytest.approx(exact, rel=1e-14)


def complexity(norms, distances):
    return np.prod(norms) * np.sum((np.array(distances) / norms) ** (2 / 3)) ** 1.5


def test_spectral_complexity_is_bartletts():
    layers, references = ([dense(5, 5, seed=s + k) for s in range(4)] for k in (0, 10))
    weights = [layer.weight.numpy() for layer in layers]
    norms = [np.linalg.norm(weight, 2) for weight in weights]
    plain = [np.linalg.norm(weight, axis=1).sum() for weight in weights]
    assert log_spectral_complexity(layers) == pytest.approx(np.log(complexity(norms, plain)))
    moved = [
        np.linalg.norm(weight - reference.weight.numpy(), axis=1).sum()
        for weight, reference in zip(weights, references, strict=True)
    ]
    found = log_spectral_complexity(layers, references)
    assert found == pytest.approx(np.log(complexity(norms, moved)))
    sums = [np.abs(weight).sum() for weight in weights]
    found = log_spectral_complexity(layers, distance=one_norm)
    assert found == pytest.approx(np.log(complexity(norms, sums)))


def test_a_layer_that_has_not_moved_adds_nothing():
    first, second, third = (dense(5, 5, seed=seed) for seed in range(3))
    other = dense(5, 5, seed=7)
    norms = [spectral_norm(first), spectral_norm(second), spectral_norm(third)]
    moved = [0.0, two_one_norm(second, other), 0.0]
    found = log_spectral_complexity([first, second, third], [first, other, third])
    assert found == pytest.approx(np.log(complexity(norms, moved)))


def test_spectral_complexity_of_a_deep_network_does_not_overflow():
    layer = replace(dense(3, 3), weight=1e6 * torch.eye(3, dtype=torch.float64))
    expected = 200 * np.log(1e6) + 1.5 * np.log(200 * 3 ** (2 / 3))
    assert log_spectral_complexity([layer] * 200) == pytest.approx(expected)


def test_layers_without_effect_are_refused():
    zero = replace(dense(3, 3), weight=torch.zeros(3, 3))
    assert spectral_norm(zero) == 0
    with pytest.raises(NotMeasurable, match="layer 'dense0' maps everything to zero"):
        log_spectral_complexity([dense(3, 3, seed=1), zero])
    same = [dense(3, 3)]
    with pytest.raises(NotMeasurable, match="equals its reference"):
        log_spectral_complexity(same, same)
