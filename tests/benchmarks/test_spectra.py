"""What spectral norms of convolutions cost against the Fourier transform of the circular problem.

The transform (Sedghi, Gupta and Long 2019) holds for circular stride-1 convolutions; the table that
is printed shows where it is wrong for the convolutions of a network in network.
"""

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch.nn import functional as F

from baselines.functional.spectra import spectral_norm
from demogen.networks.homogeneity import affine_layers

DENSE = 4096
"""The largest Gram matrix that is made and decomposed for comparison."""


@pytest.fixture
def one_thread():
    # Short parallel regions would wait for each other on a busy machine; numpy keeps its threads.
    torch.set_num_threads(1)


def fourier_norm(layer):
    kernel = layer.weight.double().numpy().transpose(2, 3, 1, 0)
    transforms = np.fft.fft2(kernel, layer.input_shape[1:], axes=[0, 1])
    return np.linalg.svd(transforms, compute_uv=False).max()


def exact_norm(layer):
    """The norm by the kernel's matrix, the Gram matrix of the whole map, or ARPACK, and which."""
    weight, how = layer.weight.double(), layer.convolution
    if weight.shape[2:].numel() == 1:
        return np.linalg.norm(weight.flatten(1).numpy(), 2), "kernel's matrix"

    def apply(x):
        return F.conv2d(x, weight, None, how.stride, how.padding, how.dilation, how.groups)

    zero = torch.zeros(1, *layer.input_shape, dtype=torch.float64)
    shapes = [tuple(zero.shape[1:]), tuple(apply(zero).shape[1:])]
    size, wide = min((np.prod(shape), index) for index, shape in enumerate(shapes))

    def gram(vectors):
        vectors = torch.from_numpy(np.ascontiguousarray(vectors)).reshape(-1, *shapes[wide])
        _, adjoint = torch.func.vjp(apply, zero.expand(len(vectors), *shapes[0]))
        found = apply(adjoint(vectors)[0]) if wide else adjoint(apply(vectors))[0]
        return found.flatten(1).numpy()

    if size > DENSE:
        operator = LinearOperator((size, size), matvec=lambda x: gram(x[None])[0], dtype=np.float64)
        start = np.random.default_rng(1).standard_normal(size)
        (largest,) = eigsh(operator, k=1, which="LA", v0=start, ncv=60, tol=1e-14)[0]
        return np.sqrt(largest), "ARPACK"
    rows = [gram(block) for block in np.array_split(np.eye(size), -(-size // 128))]
    return np.sqrt(np.linalg.eigvalsh(np.concatenate(rows))[-1]), "Gram matrix"


@pytest.mark.timeout(1800)
def test_spectral_norms_cost_less_than_a_fourier_transform(ratio, network, one_thread, capsys):
    layers = [a for a in affine_layers(network.module, (3, 32, 32)) if a.convolution is not None]
    norms = {}
    ratio(
        "spectral norm of every convolution of NiN-192 on 32x32 to relative 1e-4 / singular values "
        "by FFT of the circular problem (below 1)",
        lambda: norms.update(ours=[spectral_norm(layer) for layer in layers]),
        lambda: norms.update(circular=[fourier_norm(layer) for layer in layers]),
        rounds=1,
    )
    with capsys.disabled():
        print(f"{'layer':18}{'stride':>6}{'ours':>16}{'exact':>16}{'FFT':>16}  exact by")
        for layer, found, circular in zip(layers, norms["ours"], norms["circular"], strict=True):
            exact, method = exact_norm(layer)
            assert found == pytest.approx(exact, rel=1e-4)
            stride = layer.convolution.stride[0]
            print(
                f"{layer.name:18}{stride:6}{found:16.10f}{exact:16.10f}{circular:16.10f}  {method}"
            )
