from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines.functional import spectra
from baselines.functional.spectra import log_spectral_complexity, spectral_norm, two_one_norm
from demogen.errors import NotMeasurable
from demogen.homogeneity import AffineLayer, Convolution

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
}


def convolution(inputs, outputs, kernel, size, options, seed=0):
    generator = torch.Generator().manual_seed(seed)
    groups = options.get("groups", 1)
    weight = torch.randn(outputs, inputs // groups, kernel, kernel, generator=generator)
    how = Convolution(
        (options.get("stride", 1),) * 2,
        (options.get("padding", 0),) * 2,
        (options.get("dilation", 1),) * 2,
        groups,
    )
    return AffineLayer("conv", weight.double(), None, (inputs, size, size), how)


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


@pytest.mark.parametrize("case", CONVOLUTIONS)
@pytest.mark.parametrize("exact_entries", [0, 10**9])
def test_norms_of_a_convolution_are_those_of_its_matrix(case, exact_entries, monkeypatch):
    monkeypatch.setattr(spectra, "EXACT_ENTRIES", exact_entries)
    layer = convolution(*CONVOLUTIONS[case])
    matrix = matrix_of(layer, CONVOLUTIONS[case][-1])
    singular = np.linalg.svd(matrix, compute_uv=False)
    assert spectral_norm(layer) == pytest.approx(singular[0], rel=1e-9)
    rows = np.sqrt((matrix**2).sum(axis=1)).sum()
    assert two_one_norm(layer) == pytest.approx(rows, rel=1e-12)


def test_borders_count_only_what_meets_the_input():
    ones = replace(convolution(1, 1, 3, 3, {"padding": 1}), weight=torch.ones(1, 1, 3, 3))
    # Corners see 4 pixels, edges 6, the middle 9.
    assert two_one_norm(ones) == pytest.approx(4 * 2 + 4 * 6**0.5 + 3)


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
