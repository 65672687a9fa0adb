import numpy as np
import pytest
import torch

from baselines.functional import lanczos
from baselines.functional.lanczos import largest_eigenvalue


def symmetric(size, seed=0):
    draw = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(draw.normal(size=(size, size)))
    values = np.concatenate([[5.0, 4.9, -6.0], draw.uniform(-1, 1, size - 3)])
    return torch.from_numpy(basis * values @ basis.T)


@pytest.mark.parametrize("most", [20, 64])
@pytest.mark.parametrize("size", [3, 30, 200])
def test_the_largest_of_a_dense_matrix_not_the_largest_absolute_one(size, most, monkeypatch):
    monkeypatch.setattr(lanczos, "_LARGEST_BASIS", most)
    matrix = symmetric(size)
    start = torch.from_numpy(np.random.default_rng(1).normal(size=size))
    found = largest_eigenvalue(matrix.mv, start, 1e-12, 500)
    assert found.converged
    assert found.value == pytest.approx(5.0, rel=1e-12)
    vector = found.vector()
    assert float((matrix.mv(vector) - found.value * vector).norm()) < 1e-10
    gram = found.basis @ found.basis.T
    assert torch.allclose(gram, torch.eye(len(gram), dtype=torch.float64), atol=1e-12)
    assert np.allclose(found.projected, found.basis @ matrix @ found.basis.T, atol=1e-10)


def test_of_long_vectors_few_are_kept(monkeypatch):
    monkeypatch.setattr(lanczos, "_MOST_ENTRIES", 100)
    monkeypatch.setattr(lanczos, "_BASIS_ENTRIES", 50)
    matrix = symmetric(30)
    start = torch.from_numpy(np.random.default_rng(1).normal(size=30))
    found = largest_eigenvalue(matrix.mv, start, 1e-9, 500)
    assert found.value == pytest.approx(5.0, rel=1e-9)
    assert len(found.basis) <= 4


def test_an_eigenvalue_lies_within_the_residual_wherever_it_stops():
    matrix = symmetric(100)
    start = torch.from_numpy(np.random.default_rng(1).normal(size=100))
    eigenvalues = np.linalg.eigvalsh(matrix.numpy())
    for steps in (1, 3, 9):
        found = largest_eigenvalue(matrix.mv, start, 1e-12, steps)
        assert not found.converged
        assert found.steps == steps
        assert np.abs(eigenvalues - found.value).min() <= found.residual + 1e-12


def test_one_step_is_the_quotient_of_the_start_alone():
    matrix = symmetric(50)
    start = torch.ones(50, dtype=torch.float64)
    found = largest_eigenvalue(matrix.mv, start, 1e-3, 1)
    assert found.value == pytest.approx(float(start @ matrix @ start) / 50)
    assert found.value < 0.5 * 5.0
