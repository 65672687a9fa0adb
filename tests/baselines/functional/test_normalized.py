import math

import numpy as np
import pytest
import torch

from baselines.functional.normalized import (
    log_output_norm,
    normalized_cross_entropy,
    normalized_output_margins,
)
from demogen.errors import NotMeasurable

LOGITS = torch.tensor([[1.0, 5.0, 0.0], [2.0, 0.0, 0.0]], dtype=torch.float64)
LABELS = torch.tensor([0, 0])


@pytest.mark.parametrize("log_norm", [-3.0, 0.0, 0.7, 20.0])
def test_the_loss_is_that_of_the_quotient(log_norm):
    quotient = LOGITS.numpy() / math.exp(log_norm)
    losses = np.log(np.exp(quotient).sum(axis=1)) - quotient[:, 0]
    assert normalized_cross_entropy(LOGITS, LABELS, log_norm) == pytest.approx(losses.mean())


def test_norms_beyond_a_double():
    assert normalized_cross_entropy(LOGITS, LABELS, 2000.0) == pytest.approx(math.log(3))
    with pytest.raises(NotMeasurable, match=r"divided by e\^-2000, is too large"):
        normalized_cross_entropy(LOGITS, LABELS, -2000.0)
    with pytest.raises(NotMeasurable, match=r"divided by e\^2000, leave a double's range"):
        normalized_output_margins(LOGITS, LABELS, 2000.0)
    with pytest.raises(NotMeasurable, match=r"divided by e\^-2000, leave a double's range"):
        normalized_output_margins(LOGITS, LABELS, -2000.0)


def test_quotients_within_a_double_of_norms_beyond_it():
    small = normalized_output_margins(1e200 * LOGITS, LABELS, 800.0)
    expected = [-math.exp(math.log(4e200) - 800), math.exp(math.log(2e200) - 800)]
    assert small.tolist() == pytest.approx(expected, rel=1e-12, abs=0)
    large = normalized_output_margins(1e-200 * LOGITS, LABELS, -800.0)
    assert large[1].item() == pytest.approx(math.exp(math.log(2e-200) + 800), rel=1e-12)


def test_margins_that_fade_among_others_are_refused():
    logits = torch.tensor([[1.0, 0.0], [1e-20, 0.0]], dtype=torch.float64)
    labels = torch.tensor([0, 0])
    assert normalized_output_margins(logits, labels, 600.0).gt(0).all()
    with pytest.raises(NotMeasurable, match="leave a double's range"):
        normalized_output_margins(logits, labels, 690.0)


def test_margins_of_zero_stay_zero():
    logits = torch.tensor([[1.0, 1.0], [3.0, 1.0]])
    margins = normalized_output_margins(logits, torch.tensor([0, 1]), math.log(4))
    assert margins.tolist() == pytest.approx([0.0, -0.5])
    assert margins[0] == 0


def test_a_saturated_loss_of_a_large_quotient():
    right, wrong = torch.tensor([1, 0]), torch.tensor([1, 2])
    assert normalized_cross_entropy(LOGITS, right, -50.0) == 0.0
    expected = 2 * math.exp(50) / 2
    assert normalized_cross_entropy(LOGITS, wrong, -50.0) == pytest.approx(expected)


@pytest.mark.parametrize("scale", [1e-200, 1e-9, 1.0, 1e200])
def test_the_norm_of_an_output(scale):
    output = scale * torch.tensor([3.0, 0.0, -4.0], dtype=torch.float64)
    assert log_output_norm(output) == pytest.approx(math.log(5) + math.log(scale), abs=1e-12)


def test_an_output_of_zero_has_no_norm():
    with pytest.raises(NotMeasurable, match="reference image is zero"):
        log_output_norm(torch.zeros(4))
