"""Margins at the taps of a network and what summarizes them (Jiang et al. 2019, section 3)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from demogen.errors import NotMeasurable
from demogen.measuring.rows import Rows
from demogen.measuring.sample_norms import blocks, by_sample, is_channels_last
from demogen.measuring.sweep import Batch, Needs, reduce_images
from demogen.networks.tapped_module import TappedModule

QUARTILES = ("lower_fence", "q1", "median", "q3", "upper_fence")
"""Names of the five statistics of `quartile_signature`, in its order."""

MOMENTS = ("moment1", "moment2", "moment3", "moment4", "moment5")
"""Names of the five statistics of `moment_signature`, in its order."""


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
        """d̂ = d / √ν (Eq. 5), shape (n,): a margin in units of the samples' own spread.

        Raises:
            NotMeasurable: the activation is the same for all samples, or its total variation or a
                normalized margin is out of a double's range.
        """
        if not math.isfinite(self.total_variation):
            raise NotMeasurable("the activations have no finite total variation")
        if self.total_variation <= 0:
            raise NotMeasurable("the activation is the same for all samples")
        normalized = self.margins / math.sqrt(self.total_variation)
        if not bool(normalized.isfinite().all()):
            raise NotMeasurable("a normalized margin is beyond the range of a double")
        return normalized


def output_margins(logits: Tensor, labels: Tensor) -> Tensor:
    """f_y − f_j with j the highest-scoring class other than y, float64, shape (n,); differentiable.

    Equal runners-up: the first class, so that a gradient is that of one class.

    >>> output_margins(torch.tensor([[1.0, 4.0, 2.0]]), torch.tensor([2]))
    tensor([-2.], dtype=torch.float64)
    """
    chosen = labels.to(logits.device)[:, None]
    scores = logits.double()
    other = _runner_up(scores, chosen)
    return (scores.gather(1, chosen) - scores.gather(1, other)).squeeze(1)


@dataclass(frozen=True)
class MarginDirection:
    """The direction f_y − f_j in which a sample's margin is measured, j as in `output_margins`."""

    def cotangent(self, scores: Tensor, labels: Tensor) -> Tensor:
        """1 at y, −1 at j."""
        chosen = labels[:, None]
        zeros = torch.zeros_like(scores)
        return zeros.scatter(1, chosen, 1.0).scatter(1, _runner_up(scores, chosen), -1.0)


MARGIN = MarginDirection()


class TapMarginReduction:
    """Margins at every tap of the images of a sweep.

    d = (f_y − f_j) / √(ε + ‖∇_{x^l} (f_y − f_j)‖²) (Eq. 3, guarded as in the authors' release). One
    forward and one backward pass serve all taps and samples.

    Args:
        epsilon: ε; keeps the margin finite where the gradient vanishes.
    """

    needs = Needs(activations=True, directions=frozenset({MARGIN}))

    def __init__(self, epsilon: float) -> None:
        self._epsilon = epsilon
        self._differences = Rows()
        self._norms: dict[str, Rows] = {}
        self._variation: dict[str, _RunningVariation] = {}

    def add(self, batch: Batch) -> None:
        """Take the margins and the activations of a batch."""
        assert batch.labels is not None
        self._differences.append(output_margins(batch.logits, batch.labels))
        for tap, norms in batch.gradient_norms[MARGIN].items():
            self._norms.setdefault(tap, Rows()).append(norms)
            self._variation.setdefault(tap, _RunningVariation()).add(batch.activations[tap])

    def distributions(self) -> dict[str, TapDistribution]:
        """Tap → margins of all images, in their order, and total variation.

        Raises:
            NotMeasurable: gradients that are not finite, or a gradient of zero with ε = 0.
        """
        scores = self._differences.all()
        root = torch.tensor(math.sqrt(self._epsilon), dtype=scores.dtype, device=scores.device)
        distributions: dict[str, TapDistribution] = {}
        for tap, norms in self._norms.items():
            guarded = torch.hypot(norms.all(), root)
            if not bool(guarded.isfinite().all()):
                raise NotMeasurable(f"at tap {tap!r} the gradient of a margin is not finite")
            if not bool((guarded > 0).all()):
                raise NotMeasurable(f"at tap {tap!r} the gradient of a margin is zero; use ε > 0")
            margins = scores / guarded
            if not bool(margins.isfinite().all()):
                raise NotMeasurable(f"at tap {tap!r} a margin is beyond the range of a double")
            distributions[tap] = TapDistribution(margins, self._variation[tap].total)
        return distributions


def tap_margins(
    module: TappedModule,
    images: Tensor,
    labels: Tensor,
    *,
    epsilon: float = 1e-6,
    batch_size: int = 256,
) -> dict[str, TapDistribution]:
    """Margins at every tap: the distance to the decision boundary there, to first order.

    `TapMarginReduction` alone.

    Args:
        module: in evaluation mode.
        images: training images, (n, c, h, w) or (n, d).
        labels: the labels trained on, (n,).
        epsilon: ε.
        batch_size: images a pass, at most.

    Raises:
        NotMeasurable: no images, logits or gradients that are not finite, or a gradient of zero
            with ε = 0.
    """
    reduction = TapMarginReduction(epsilon)
    return reduce_images(module, images, labels, reduction, batch_size).distributions()


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


def moment_signature(margins: Tensor) -> Tensor:
    """Summarize positive margins by the roots of their moments (Jiang et al. 2019, section 3.2).

    (E[d̂^k])^{1/k} for k = 1..5: moments about zero, in the units of the margins. Powers are taken
    relative to the largest margin, so that they neither overflow nor vanish together.

    Args:
        margins: shape (n,), none negative.

    Returns:
        Float64, shape (5,) (`MOMENTS`).

    Raises:
        NotMeasurable: there is no sample.

    >>> moment_signature(torch.tensor([1e200, 1e200], dtype=torch.float64)).tolist()
    [1e+200, 1e+200, 1e+200, 1e+200, 1e+200]
    """
    if len(margins) == 0:
        raise NotMeasurable("no training sample is classified correctly")
    values = margins.double()
    largest = values.max()
    if not bool(largest > 0):
        return values.new_zeros(len(MOMENTS))
    relative = values / largest
    orders = range(1, len(MOMENTS) + 1)
    return largest * torch.stack([relative.pow(k).mean().pow(1 / k) for k in orders])


def _quantile(ordered: Tensor, fraction: float) -> Tensor:
    # torch.quantile refuses more than 16 million values.
    position = fraction * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return torch.lerp(ordered[below], ordered[above], position - below)


def _runner_up(scores: Tensor, chosen: Tensor) -> Tensor:
    return scores.detach().scatter(1, chosen, -torch.inf).argmax(dim=1, keepdim=True)


class _RunningVariation:
    """Total variation of a stream of batches, in one pass over each but the first.

    Deviations are taken from the first batch's mean o: n·ν = Σ‖x − o‖² − n‖x̄ − o‖². That batch's b
    samples are among the n, hence ‖x̄ − o‖² ≤ (n/b)·ν: however the batches come, the difference
    loses no more than the factor 1 + n/b in precision, of the 1e16 that float64 has.
    """

    def __init__(self) -> None:
        self._count = 0

    def add(self, activation: Tensor) -> None:
        if self._count == 0:
            # That of all batches, as coordinates have to be the same ones.
            self._channels_last = is_channels_last(activation)
        values = by_sample(activation, self._channels_last)
        if self._count == 0:
            # Relative to the first sample a constant coordinate is exactly zero, mean and all.
            self._origin = values[0].double()
            self._zero()
            self._accumulate(values)
            self._origin = self._origin + self._sum / len(values)
            self._zero()
        self._accumulate(values)
        self._count += len(values)

    @property
    def total(self) -> float:
        between = self._sum.square().sum() / self._count
        return float((self._squares - between) / self._count)

    def _zero(self) -> None:
        self._sum = torch.zeros_like(self._origin)
        self._squares = self._origin.new_zeros(())

    def _accumulate(self, values: Tensor) -> None:
        for rows, columns in blocks(values):
            deviations = values[rows, columns] - self._origin[columns]
            self._sum[columns] += deviations.sum(dim=0)
            self._squares += deviations.square_().sum()
