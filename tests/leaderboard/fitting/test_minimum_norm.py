import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from leaderboard.fitting.minimum_norm import minimum_norm


def matrices(sizes, shape=(5, 4)):
    """Random matrices with the given singular values, one for each row of `sizes`."""
    draw = np.random.default_rng(0)
    for row in sizes:
        left, _ = np.linalg.qr(draw.normal(size=(shape[0], shape[0])))
        right, _ = np.linalg.qr(draw.normal(size=(shape[1], shape[1])))
        yield left[:, : len(row)] * row @ right[: len(row)]


@pytest.mark.parametrize("shape", [(5, 4), (4, 6), (4, 4)])
def test_solutions_are_those_of_the_pseudoinverse(shape):
    sizes = [[4, 3, 2, 1], [1e6, 1e3, 1e2, 50], [1, 1e-2, 0, 0], [1, 0.5, 0.2, 1e-12], [0, 0, 0, 0]]
    A = np.array(list(matrices(sizes, shape)))
    b = np.random.default_rng(1).normal(size=(5, shape[0]))
    zero = np.array([1e-6, 1e-6, 1e-6, 1e-6, 1e-6])
    found, certain = minimum_norm(A, b, zero)
    assert certain.all()
    for matrix, target, solution in zip(A, b, found, strict=True):
        assert solution == pytest.approx(np.linalg.pinv(matrix, 1e-6) @ target, rel=1e-9, abs=1e-12)


def test_repeated_columns_share_their_weight():
    [[first, second]], _ = minimum_norm(
        np.array([[[1.0, 1.0], [2.0, 2.0]]]), np.array([[3.0, 6.0]]), np.array([1e-6])
    )
    assert (first, second) == pytest.approx((1.5, 1.5))


@pytest.mark.parametrize(
    ("smallest", "sure"),
    [(1e-4, True), (5e-6, False), (1.1e-6, False), (5e-7, False), (1e-8, True), (0, True)],
)
def test_singular_values_near_zero_are_not_certain(smallest, sure):
    A = np.array(list(matrices([[1, 0.5, 0.2, smallest]])))
    _, certain = minimum_norm(A, np.ones((1, 5)), np.array([1e-6]))
    assert certain.tolist() == [sure]


def test_a_zero_as_small_as_rounding_is_not_certain():
    A = np.array(list(matrices([[1, 0.5, 0.2, 0]] * 2)))
    _, certain = minimum_norm(A, np.ones((2, 5)), np.array([1e-13, 4e-15]))
    assert certain.tolist() == [True, False]


def test_each_problem_has_its_own_zero():
    A = np.array(list(matrices([[1, 0.5, 0.2, 1e-8]] * 2)))
    found, certain = minimum_norm(A, np.ones((2, 5)), np.array([1e-6, 1e-13]))
    assert certain.tolist() == [True, False]
    least = LinearRegression(fit_intercept=False).fit(A[0], np.ones(5))
    assert least.rank_ == 3
    assert found[0] == pytest.approx(least.coef_)
