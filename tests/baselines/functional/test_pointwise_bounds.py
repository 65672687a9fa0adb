"""The curves of section A.3 against softmax Jacobians made under its assumptions."""

import numpy as np
import pytest

from baselines.functional.pointwise_bounds import (
    jacobian_norm_of_loss,
    mean_logit_square,
    target_row_bounds,
)


def softmax(logits):
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def jacobian(logits, logit_jacobian):
    p = softmax(logits)
    return (np.diag(p) - np.outer(p, p)) @ logit_jacobian


def orthogonal_rows(classes, M, seed=0):
    """Logit Jacobian (classes, 20) whose rows are orthogonal and of squared norm M."""
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.standard_normal((20, classes)))
    return np.sqrt(M) * basis.T


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("advantage", [-30.0, -4.0, 0.0, 1.0, 8.0, 40.0])
def test_equal_wrong_classes_reach_the_lower_bound_and_the_norm(classes, advantage):
    logits = np.zeros(classes)
    logits[1] = advantage
    J = jacobian(logits, orthogonal_rows(classes, M=2.5))
    loss = np.log1p((classes - 1) * np.exp(-advantage))
    lower, upper = target_row_bounds(loss, 2.5, classes)
    # The matrix cancels where the softmax is saturated; the curves do not.
    close = {"rel": 1e-9} if advantage < 20 else {"rel": 1e-9, "abs": 1e-15}
    assert np.linalg.norm(J[1]) == pytest.approx(lower, **close)
    assert np.linalg.norm(J) == pytest.approx(jacobian_norm_of_loss(loss, 2.5, classes), **close)
    assert lower <= upper * (1 + 1e-12)


def test_a_single_wrong_class_reaches_the_upper_bound():
    logits = np.array([1.0, 2.0, *[-50.0] * 8])
    J = jacobian(logits, orthogonal_rows(10, M=0.3))
    loss = -np.log(softmax(logits)[0])
    assert np.linalg.norm(J[0]) == pytest.approx(target_row_bounds(loss, 0.3, 10)[1], rel=1e-9)


def test_rows_lie_between_the_bounds():
    rng = np.random.default_rng(1)
    for seed in range(200):
        logits = rng.standard_normal(10) * rng.uniform(0.1, 5)
        J = jacobian(logits, orthogonal_rows(10, M=1.7, seed=seed))
        lower, upper = target_row_bounds(-np.log(softmax(logits)[4]), 1.7, 10)
        assert lower <= np.linalg.norm(J[4]) <= upper
        assert lower <= np.linalg.norm(J)


def test_curves_are_exact_for_tiny_losses_and_vanish_for_large_ones():
    losses = np.array([0.0, 1e-18, 1e-300, 1e4, np.inf])
    lower, upper = target_row_bounds(losses, 4.0, 10)
    factor = np.sqrt(40 / 9)
    assert lower.tolist() == pytest.approx(
        [0, factor * 1e-18, factor * 1e-300, 0, 0], rel=1e-12, abs=0
    )
    assert upper.tolist() == pytest.approx(
        [0, np.sqrt(8) * 1e-18, np.sqrt(8) * 1e-300, 0, 0], rel=1e-12, abs=0
    )
    full = jacobian_norm_of_loss(losses, 4.0, 10)
    small = 2 / 9 * np.sqrt(108)
    expected = [0, small * 1e-18, small * 1e-300, 2 / 9 * np.sqrt(8), 2 / 9 * np.sqrt(8)]
    assert full.tolist() == pytest.approx(expected, rel=1e-12, abs=0)


def test_two_classes_have_one_curve():
    losses = np.linspace(0.01, 9, 50)
    lower, upper = target_row_bounds(losses, 3.0, 2)
    np.testing.assert_allclose(lower, upper)
    # Two rows of equal norm.
    np.testing.assert_allclose(jacobian_norm_of_loss(losses, 3.0, 2), np.sqrt(2) * lower)


def test_m_is_the_mean_square_of_a_logits_derivative():
    rows = orthogonal_rows(10, M=0.7)
    assert mean_logit_square([np.sum(rows**2)] * 3, classes=10) == pytest.approx(0.7)
