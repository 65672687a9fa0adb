"""Margins at the taps of a network and what summarizes them (Jiang et al. 2019, section 3)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.functional.batches import batches, finite
from demogen.errors import NotMeasurable
from demogen.tapped import TappedModule

QUARTILES = ("lower_fence", "q1", "median", "q3", "upper_fence")
"""Names of the five statistics of `quartile_signature`, in its order."""


@dataclass(frozen=True)
class TapDistribution:
    """Signed margins of all samples at one tap, and how far the samples spread there.

    Attributes:
        margins: d, float64, shape (n,); negative where the network disagrees with the label.
        total_variation: ν, the sum over coordinates of the (population) variance over the samples.
    """

    margins: Tensor
    total_variation: float

    def normalized(self) -> Tensor:
        """d̂ = d / √ν, shape (n,): a margin in units of the samples' own spread.

        Raises:
            NotMeasurable: the activation is the same for all samples.
        """
        if not self.total_variation > 0:
            raise NotMeasurable("the activation is the same for all samples")
        return self.margins / math.sqrt(self.total_variation)


def output_margins(logits: Tensor, labels: Tensor) -> Tensor:
    """f_y − f_j with j the highest-scoring class other than y, float64, shape (n,); differentiable.

    Equal runners-up: the first class, so that a gradient is that of one class.

    >>> output_margins(torch.tensor([[1.0, 4.0, 2.0]]), torch.tensor([2]))
    tensor([-2.], dtype=torch.float64)
    """
    chosen = labels.to(logits.device)[:, None]
    others = logits.detach().scatter(1, chosen, -torch.inf)
    runner_up = others.argmax(dim=1, keepdim=True)
    scores = logits.double()
    return (scores.gather(1, chosen) - scores.gather(1, runner_up)).squeeze(1)


def tap_margins(
    module: TappedModule,
    images: Tensor,
    labels: Tensor,
    *,
    epsilon: float = 1e-6,
    batch_size: int = 256,
) -> dict[str, TapDistribution]:
    """Margins at every tap: the distance to the decision boundary there, to first order.

    d = (f_y − f_j) / √(ε + ‖∇_{x^l} (f_y − f_j)‖²) (Eq. 3, guarded as in the authors' release). One
    forward and one backward pass a batch serve all taps and samples: in evaluation mode the
    samples do not meet, so the gradient of the sum over samples holds each sample's own.

    Args:
        module: in evaluation mode.
        images: training images, (n, c, h, w) or (n, d).
        labels: the labels trained on, (n,).
        epsilon: ε; keeps the margin finite where the gradient vanishes.
        batch_size: samples a pass.

    Raises:
        NotMeasurable: no images, logits that are not finite, or a gradient of zero with ε = 0.
    """
    margins: dict[str, list[Tensor]] = {tap: [] for tap in module.taps}
    variation = {tap: _RunningVariation() for tap in module.taps}
    for batch, chosen in zip(
        batches(module, images, batch_size), torch.split(labels, batch_size), strict=True
    ):
        with torch.enable_grad():
            logits, activations = module.forward_with_taps(batch.detach().requires_grad_())
            differences = output_margins(finite(logits), chosen)
            gradients = torch.autograd.grad(differences.sum(), list(activations.values()))
        for (tap, activation), gradient in zip(activations.items(), gradients, strict=True):
            squared = gradient.flatten(1).double().square().sum(dim=1) + epsilon
            if not bool((squared > 0).all()):
                raise NotMeasurable(f"at tap {tap!r} the gradient of a margin is zero; use ε > 0")
            margins[tap].append(differences.detach() / squared.sqrt())
            variation[tap].add(activation.detach())
    return {tap: TapDistribution(torch.cat(margins[tap]), variation[tap].total) for tap in margins}


def quartile_signature(margins: Tensor) -> Tensor:
    """Summarize a margin distribution by its box plot (Jiang et al. 2019, section 3.2).

    Args:
        margins: shape (n,); of the correctly classified samples, unless negative ones are wanted.

    Returns:
        Float64, shape (5,): lower fence, Q1, median, Q3, upper fence (`QUARTILES`). Quartiles
        interpolate linearly; fences are data points, the outermost within 1.5·IQR of the box
        (McGill et al. 1978).

    Raises:
        NotMeasurable: there is no sample.

    >>> quartile_signature(torch.tensor([1.0, 2.0, 3.0, 4.0, 100.0])).tolist()
    [1.0, 2.0, 3.0, 4.0, 4.0]
    """
    if len(margins) == 0:
        raise NotMeasurable("no training sample is classified correctly")
    ordered = margins.double().sort().values
    q1, median, q3 = (_quantile(ordered, fraction) for fraction in (0.25, 0.5, 0.75))
    reach = 1.5 * (q3 - q1)
    lower = ordered[ordered >= q1 - reach][0]
    upper = ordered[ordered <= q3 + reach][-1]
    return torch.stack([lower, q1, median, q3, upper])


def _quantile(ordered: Tensor, fraction: float) -> Tensor:
    # torch.quantile refuses more than 16 million values.
    position = fraction * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return torch.lerp(ordered[below], ordered[above], position - below)


class _RunningVariation:
    """Total variation of a stream of batches, without a second pass and without cancellation.

    Deviations are taken from each batch's own mean and batches are merged after Chan, Golub and
    LeVeque (1983). Only the sum over coordinates is wanted, so one number and the mean are kept.
    """

    def __init__(self) -> None:
        self._count = 0
        self._squares = 0.0

    def add(self, activation: Tensor) -> None:
        values = activation.flatten(1).double()
        if self._count == 0:
            # Relative to the first sample a constant coordinate is exactly zero, mean and all.
            self._origin = values[0].clone()
            self._mean = torch.zeros_like(self._origin)
        values = values - self._origin
        mean = values.mean(dim=0)
        count = self._count + len(values)
        step = mean - self._mean
        between = float(step.square().sum()) * self._count * len(values) / count
        self._squares += float((values - mean).square().sum()) + between
        self._mean += step * (len(values) / count)
        self._count = count

    @property
    def total(self) -> float:
        return self._squares / self._count
