import pytest
import torch

from baselines.functional.confidences import (
    effective_invariance,
    largest_probability,
    share_below_threshold,
)


@pytest.mark.parametrize(
    ("wrong", "share"),
    # No error: below all known scores. All wrong: every unseen sample is.
    [([], 0.25), ([0], 0.25), ([0, 2], 0.5), ([0, 1, 2], 0.75), ([0, 1, 2, 3], 1.0)],
)
def test_as_many_known_samples_lie_below_the_threshold_as_are_wrong(wrong, share):
    known = torch.tensor([0.4, 0.6, 0.3, 0.8], dtype=torch.float64)
    correct = torch.tensor([index not in wrong for index in range(4)])
    unseen = torch.tensor([0.1, 0.5, 0.7, 0.9], dtype=torch.float64)
    assert share_below_threshold(known, correct, unseen) == share


def test_views_with_two_classes_have_no_invariance():
    first = torch.tensor([[2.0, 0.0], [2.0, 0.0]], dtype=torch.float64)
    second = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    found = effective_invariance(first, second)
    expected = (largest_probability(first)[0] * largest_probability(second)[0]).sqrt()
    assert found.tolist() == [expected.item(), 0.0]
