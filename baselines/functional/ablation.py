"""Cumulative unit ablation (Zhao et al. 2021, section 3)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.functional.batches import batches, finite
from demogen.errors import NotMeasurable
from demogen.tapped import UNITS, TappedModule


@dataclass(frozen=True)
class AblationCurves:
    """Accuracy on each class while the M units are removed one after the other.

    Attributes:
        classes: the classes that have training samples, ascending, shape (present,).
        descending: E(n), n = 0..M, the most active unit first; float64, shape (present, M + 1).
        ascending: E_r(n), the least active unit first; the same shape.
        chance: 1 / classes, of all classes that the network tells apart.
    """

    classes: Tensor
    descending: Tensor
    ascending: Tensor
    chance: float


def ablation_curves(
    module: TappedModule, images: Tensor, labels: Tensor, batch_size: int = 256
) -> AblationCurves:
    """E and E_r of every class c on D_c, the training samples labelled c.

    A unit is a feature map (or hidden unit) at the place "units"; h of a unit is its mean absolute
    activation over D_c and positions (the L1 norm up to a constant; after a ReLU, the mean
    activation). Units of equal h are removed in the order of their index, in both directions.
    choice: E removes in descending order of h, as Eq. 2 needs (a sentence below Eq. 1 says the
    reverse). Classes without training samples have no curve. Equal logits: the first class wins.

    The network up to the units is run once. Removing a unit that is zero on a sample leaves that
    sample's logits as they are, so the rest of the network is run only for pairs of sample and
    removal whose unit is not zero there; this is exact.

    Args:
        module: in evaluation mode, with a place for units.
        images: training images, (n, c, h, w) or (n, d).
        labels: the labels trained on, (n,).
        batch_size: images, or ablated samples, a pass.

    Raises:
        NotMeasurable: no images, no place for units, or logits that are not finite.
    """
    classes = torch.unique(labels)
    descending: list[Tensor] = []
    ascending: list[Tensor] = []
    outputs = 0
    with torch.no_grad():
        for label in classes.tolist():
            of_class = images[(labels == label).to(images.device)]
            parts = [
                module.forward_to(UNITS, batch) for batch in batches(module, of_class, batch_size)
            ]
            units = torch.cat(parts)
            activity = units.flatten(2) if units.ndim > 2 else units[:, :, None]
            h = activity.abs().double().mean(dim=(0, 2))
            outputs = module.forward_from(UNITS, units[:1]).shape[1]
            for curves, downwards in ((descending, True), (ascending, False)):
                order = h.argsort(descending=downwards, stable=True)
                curves.append(_accuracies(module, units, order, label, batch_size))
    if not outputs:
        raise NotMeasurable("there are no images to measure it on")
    return AblationCurves(
        classes.cpu(), torch.stack(descending), torch.stack(ascending), 1 / outputs
    )


def sparsity(curves: AblationCurves) -> tuple[Tensor, Tensor]:
    """ζ_c and κ_c of every class with samples, float64, each of shape (present,).

    n0 is the first n with E(n) ≤ chance, or where E is smallest if it never falls so low (Eq. 2);
    n0r = argmax_{n<M} E_r(n), the largest such n (Eq. 3). ζ = (n0 + M − n0r) / 2M (Eq. 4);
    κ = (1/M) Σ_{n=0..M} |E_r(n) − E(n)| (choice: Eq. 5 as printed, not as released).
    """
    E, E_r = curves.descending, curves.ascending
    M = E.shape[1] - 1
    low = curves.descending <= curves.chance
    n0 = torch.where(low.any(dim=1), low.int().argmax(dim=1), E.argmin(dim=1))
    n0_r = M - 1 - E_r[:, :M].flip(1).argmax(dim=1)
    zeta = (n0 + M - n0_r).double() / (2 * M)
    kappa = (E_r - E).abs().sum(dim=1) / M
    return zeta, kappa


def _accuracies(
    module: TappedModule, units: Tensor, order: Tensor, label: int, batch_size: int
) -> Tensor:
    """Accuracy after n = 0..M removals in the given order, on the CPU, float64, shape (M + 1,)."""
    count, M = units.shape[:2]
    positions = [1] * (units.ndim - 2)
    removed_at = torch.empty_like(order)
    removed_at[order] = torch.arange(1, M + 1, device=order.device)
    active = (units != 0).flatten(2).any(dim=2) if units.ndim > 2 else units != 0
    changes = torch.ones(count, M + 1, dtype=torch.bool, device=units.device)
    changes[:, 1:] = active[:, order]
    hits = torch.zeros(count, M + 1, dtype=torch.bool, device=units.device)
    for rows in torch.split(changes.nonzero(), batch_size):
        sample, removals = rows.unbind(dim=1)
        kept = removed_at > removals[:, None]
        ablated = units[sample] * kept.reshape(len(rows), M, *positions)
        logits = finite(module.forward_from(UNITS, ablated))
        hits[sample, removals] = logits.argmax(dim=1) == label
    steps = torch.arange(M + 1, device=units.device)
    latest = torch.where(changes, steps, 0).cummax(dim=1).values
    correct = hits.gather(1, latest).sum(dim=0)
    return correct.cpu().double() / count
