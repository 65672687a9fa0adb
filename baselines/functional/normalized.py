"""Loss and margins of a network whose output is divided by a norm (Liao et al. 2018).

A positively homogeneous network whose layers are divided by their norms is f̃ = f / ∏ρ_k, so the
logits of the network as it stands and one number suffice (section 3.2, Eq. 2). That number is
given as its logarithm: a product of many norms may leave the range of a double where f̃ does not.
"""

import math

import torch
from torch import Tensor

from baselines.functional.losses import cross_entropy
from baselines.functional.margins import output_margins
from demogen.errors import NotMeasurable


def normalized_cross_entropy(logits: Tensor, labels: Tensor, log_norm: float) -> float:
    """Mean cross-entropy of f / e^log_norm in nats.

    Where e^log_norm is too large for a double, the quotient is zero to all digits and the loss is
    ln(classes), as it should be.

    Args:
        logits: of f, float64, shape (n, classes).
        labels: shape (n,).
        log_norm: log of what f is divided by.

    Raises:
        NotMeasurable: the quotient or its loss is too large for a double.

    >>> logits, labels = torch.tensor([[3.0, 1.0]], dtype=torch.float64), torch.tensor([0])
    >>> round(normalized_cross_entropy(logits, labels, math.log(2.0)), 6)  # ln(1 + e^-1)
    0.313262
    """
    loss = cross_entropy(_divided(logits, log_norm), labels)
    if not math.isfinite(loss):
        raise NotMeasurable(f"its output, divided by e^{log_norm:.0f}, is too large for a double")
    return loss


def normalized_output_margins(logits: Tensor, labels: Tensor, log_norm: float) -> Tensor:
    """Margins η_n of f / e^log_norm, signed: those of f, divided; float64, shape (n,).

    η_n = f̃_y − max_{j≠y} f̃_j (Generalization Puzzles in Deep Networks 2019, appendix A).

    Args:
        logits: of f, float64, shape (n, classes).
        labels: shape (n,).
        log_norm: log of what f is divided by.

    Raises:
        NotMeasurable: a margin that is not zero is too small or too large for a double.

    >>> logits, labels = torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([1])
    >>> normalized_output_margins(logits, labels, math.log(4.0))
    tensor([-0.5000], dtype=torch.float64)
    """
    margins = output_margins(logits, labels)
    divided = _divided(margins, log_norm)
    size = divided.abs()
    kept = size.isfinite() & (size >= torch.finfo(size.dtype).smallest_normal)
    if not bool((kept | (margins == 0)).all()):
        raise NotMeasurable(f"its margins, divided by e^{log_norm:.0f}, leave a double's range")
    return divided


def largest_outputs(logits: Tensor, log_norm: float) -> Tensor:
    """Of each sample the largest output of f / e^log_norm, that of the most likely class.

    Generalization Puzzles in Deep Networks (2019), Fig. 20. Outputs too small for a double are 0.

    Args:
        logits: of f, float64, shape (n, classes).
        log_norm: log of what f is divided by.

    >>> largest_outputs(torch.tensor([[3.0, 1.0], [-2.0, -8.0]]), math.log(2.0))
    tensor([ 1.5000, -1.0000], dtype=torch.float64)
    """
    return _divided(logits.double().max(dim=1).values, log_norm)


def log_output_norm(output: Tensor) -> float:
    """Log ‖f(x₀)‖₂ from the logits of one image, shape (classes,).

    Raises:
        NotMeasurable: the logits are all zero.
    """
    largest = float(output.abs().max())
    if largest == 0:
        raise NotMeasurable("its output on the reference image is zero")
    return math.log(largest) + math.log(float(torch.linalg.vector_norm(output / largest)))


def _divided(values: Tensor, log_norm: float) -> Tensor:
    # In two steps: the quotient may be a double where one over the norm is none.
    root = torch.tensor(-log_norm / 2, dtype=torch.float64).exp().to(values.device)
    return values * root * root
