"""Margins over the k-variance of features (Chuang et al. 2021)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from baselines.functional.margins import MARGIN, output_margins
from baselines.functional.numbered_layers import input_of_layer, through
from demogen.errors import NotMeasurable
from demogen.measuring.rows import Rows
from demogen.measuring.sample_norms import sample_norms
from demogen.measuring.sweep import Batch, Needs
from demogen.networks.tapped_module import TappedModule

Indices = npt.NDArray[np.int64]


def transport_cost(first: Tensor, second: Tensor) -> float:
    """1-Wasserstein distance W₁ of two empirical distributions of k points each, exact.

    With equal weights the best transport is an assignment of points to points.

    Args:
        first: shape (k, ...).
        second: the same shape.

    Raises:
        NotMeasurable: a distance is not finite.

    >>> transport_cost(torch.tensor([[0.0], [4.0]]), torch.tensor([[5.0], [1.0]]))
    1.0
    """
    # Differences, not the expansion of the square, in which near points lose their digits.
    a, b = first.flatten(1).double(), second.flatten(1).double()
    costs = torch.stack([torch.linalg.vector_norm(b - point, dim=1) for point in a]).cpu().numpy()
    if not np.isfinite(costs).all():
        raise NotMeasurable("distances of features are not all finite")
    return float(costs[linear_sum_assignment(costs)].mean())


def k_variance(features: Tensor) -> float | None:
    """W₁ between the first ⌊n/2⌋ samples and the next ⌊n/2⌋: one draw of Var_k, k = ⌊n/2⌋.

    Var_k(μ) = E[W₁(μ_S, μ_S')] over independent samples S, S' of k points.

    Args:
        features: of the samples of one class in random order, (n, ...).

    Returns:
        None if there are fewer than two.
    """
    k = len(features) // 2
    return transport_cost(features[:k], features[k : 2 * k]) if k else None


class KVarianceReduction:
    """Margins of all images, and norms of their gradients at some taps.

    Args:
        taps: which.
    """

    needs = Needs(activations=True, directions=frozenset({MARGIN}))

    def __init__(self, taps: Sequence[str]) -> None:
        self._taps = taps
        self._margins = Rows()
        self._norms = {tap: Rows() for tap in taps}

    def add(self, batch: Batch) -> None:
        """Take the margins and gradients of a batch."""
        assert batch.labels is not None
        self._margins.append(output_margins(batch.logits, batch.labels))
        for tap in self._taps:
            self._norms[tap].append(batch.gradient_norms[MARGIN][tap])

    def margins(self) -> Tensor:
        """f_y − max_{j≠y} f_j of every image, float64, shape (n,)."""
        return self._margins.all()

    def norms(self, tap: str) -> Tensor:
        """‖∇(f_y − f_j)‖₂ at a tap of every image, float64, shape (n,).

        Raises:
            NotMeasurable: one is not finite.
        """
        norms = self._norms[tap].all()
        if not bool(norms.isfinite().all()):
            raise NotMeasurable(f"at tap {tap!r} the gradient of a margin is not finite")
        return norms


def normalizers(
    shares: Sequence[float], variances: Sequence[float | None], slopes: Sequence[float]
) -> tuple[float, float]:
    """E_c[Lip_c Var_c] and E_c[Var_c] over the classes whose variance is known.

    Args:
        shares: of each class among the images.
        variances: k-variance of each class, None where it has one image.
        slopes: the largest gradient norm of a margin in each class.

    Raises:
        NotMeasurable: no class has two images, or features do not vary within classes.
    """
    known = [
        (share, variance, slope)
        for share, variance, slope in zip(shares, variances, slopes, strict=True)
        if variance is not None
    ]
    whole = sum(share for share, _, _ in known)
    if not known:
        raise NotMeasurable("no class has two training images, so no k-variance")
    with_slopes = sum(share * variance * slope for share, variance, slope in known) / whole
    alone = sum(share * variance for share, variance, _ in known) / whole
    if not min(with_slopes, alone) > 0:
        raise NotMeasurable("features do not vary within classes, or margins not with them")
    return with_slopes, alone


def margin_gradients(
    layers: Sequence[Sequence[nn.Module]], features: Tensor, labels: Tensor, batch_size: int
) -> tuple[Tensor, Tensor]:
    """Margins, and the norms of their gradients by features, through the layers from there on.

    Args:
        layers: from the one that gets the features to the last.
        features: (n, ...).
        labels: (n,).
        batch_size: samples a pass.

    Returns:
        Float64, (n,) each.
    """
    margins, norms = [], []
    for part, own in zip(features.split(batch_size), labels.split(batch_size), strict=True):
        place = part.detach().requires_grad_(True)
        with torch.enable_grad():
            logits = through(layers, place)
            (gradient,) = torch.autograd.grad(
                logits, place, MARGIN.cotangent(logits.detach(), own).to(logits.dtype)
            )
        margins.append(output_margins(logits.detach().double(), own))
        norms.append(sample_norms(gradient))
    return torch.cat(margins), torch.cat(norms)


def released_draws(labels: Tensor, per_class: int = 200) -> tuple[Indices, list[Indices]]:
    """Rows that the release draws with numpy's seed 0: the subset, and each class of it, shuffled.

    Args:
        labels: of all images, (n,).
        per_class: images of the subset for each class, on average.

    Returns:
        Rows of the subset among the images; for each class, rows among the subset.
    """
    known = labels.cpu().numpy()
    classes = int(known.max()) + 1
    # numpy keeps what RandomState gives for good (NEP 19).
    random = np.random.RandomState(0)
    chosen = random.choice(len(known), min(len(known), classes * per_class), replace=False)
    own = known[chosen]
    shuffled = [random.permutation(np.where(own == label)[0]) for label in range(classes)]
    return chosen.astype(np.int64), [rows.astype(np.int64) for rows in shuffled]


def released_scores(
    module: TappedModule,
    layers: Sequence[Sequence[nn.Module]],
    number: int,
    images: Tensor,
    labels: Tensor,
    batch_size: int = 256,
) -> dict[str, float]:
    """Both margins, kV and kV-GN, as released, at one layer and of images in a given order.

    Args:
        module: a chain of layers, in evaluation mode.
        layers: all its layers (`numbered_layers`).
        number: of the layer whose input the features are.
        images: (n, c, h, w), in the order of which the release's draws depend.
        labels: (n,).
        batch_size: samples a pass.

    Raises:
        NotMeasurable: a class has fewer than two images in the subset, or features do not vary.
    """
    chosen, by_class = released_draws(labels)
    if min(map(len, by_class)) < 2:
        raise NotMeasurable(
            "a class has fewer than two images of those that the released code draws"
        )
    rows = torch.from_numpy(chosen).to(labels.device)
    features = input_of_layer(module, layers, number, images[rows], batch_size)
    own = labels[rows].to(features.device)
    margins, norms = margin_gradients(layers[number:], features, own, batch_size)
    counts = torch.bincount(labels, minlength=len(by_class)).double()
    with_slopes, alone = normalizers(
        (counts / counts.sum()).tolist(),
        [k_variance(features[places]) for places in by_class],
        [float(norms[places].max()) for places in by_class],
    )
    # What does not fill a batch of 200 is dropped from the margins, if not from the variances.
    whole = len(margins) // 200 * 200
    if whole == 0:
        raise NotMeasurable("the released code takes margins in batches of 200, and it has fewer")
    normalized = margins / (norms + 1e-6)
    return {
        "kv": -median(margins[:whole]) / with_slopes,
        "kv_gn": -median(normalized[:whole]) / alone,
    }


def median(values: Tensor) -> float:
    """The median, of an even number of values the mean of the two in the middle."""
    return float(np.median(values.cpu().numpy()))
