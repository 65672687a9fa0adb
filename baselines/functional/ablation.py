"""Cumulative unit ablation (Zhao et al. 2021, section 3)."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from demogen.errors import NotMeasurable
from demogen.measuring.batches import batches, finite, pass_size, sizes
from demogen.networks.tapped_module import UNITS, TappedModule

_AT_REST_AT_ZERO = (nn.Tanh, nn.Hardtanh)

VALUES_AT_A_TIME = 2**20
"""Ablated activations that one pass is given, where `batch_size` samples are fewer."""


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
    activation). choice: of Tanh and Hardtanh, which rest at 0, it is how far a unit is from rest;
    units that are negative after anything else (GELU, a norm) have no size that the paper knows,
    and are refused. Units of equal h are removed in the order of their index, in both directions.
    choice: E removes in descending order of h, as Eq. 2 needs (a sentence below Eq. 1 says the
    reverse). Classes without training samples have no curve. Equal logits: the first class wins.

    The network up to the units is run twice. The rest is run only for what differs, which is
    exact: removing a unit that is zero on a sample leaves that sample's logits as they are, both
    directions begin with the sample as it is, and with all units removed all samples are one. So
    a sample with a > 0 nonzero units is run 2a − 1 times, one without none, and nothing but zeros
    once.

    Memory: the units of a pass, and `batch_size` ablated samples at a time, more where a sample
    has few units (`VALUES_AT_A_TIME`): a pass over 256 samples of 200 numbers is mostly overhead.

    Args:
        module: in evaluation mode, with a place for units.
        images: training images, (n, c, h, w) or (n, d).
        labels: the labels trained on, (n,).
        batch_size: images, or ablated samples, a pass.

    Raises:
        NotMeasurable: no images, no place for units, units that follow no ReLU, or logits that are
            not finite.
    """
    if len(images) == 0:
        raise NotMeasurable("there are no images to measure it on")

    def logits_of(units: Tensor) -> Tensor:
        return finite(module.forward_from(UNITS, units))

    size = pass_size(module, sizes(module, images).largest_activation, batch_size)

    def units_of(indices: Tensor) -> Iterator[Tensor]:
        for some in torch.split(indices, size):
            for batch in batches(module, images[some], size):
                units = module.forward_to(UNITS, batch)
                _check_units(module, units)
                yield units

    def totals(units: Tensor) -> Tensor:
        return _by_position(units).abs().double().sum(dim=(0, 2))

    classes = torch.unique(labels)
    curves: list[Tensor] = []
    with torch.no_grad():
        of_zeros = logits_of(torch.zeros_like(next(units_of(torch.tensor([0])))))
        for label in classes.tolist():
            indices = (labels == label).nonzero().flatten().to(images.device)
            # Units are made twice: those of a class, kept, would grow with the images.
            h = functools.reduce(torch.add, map(totals, units_of(indices)))
            orders = torch.stack([h.argsort(descending=d, stable=True) for d in (True, False)])
            correct = torch.zeros(2, len(h) + 1, dtype=torch.int64, device=h.device)
            for units in units_of(indices):
                classified = _classes(logits_of, units, orders, of_zeros.argmax(), batch_size)
                correct += (classified == label).sum(dim=0)
            curves.append(correct.cpu().double() / len(indices))
    both = torch.stack(curves)
    return AblationCurves(classes.cpu(), both[:, 0], both[:, 1], 1 / of_zeros.shape[1])


def turning_points(curves: AblationCurves) -> tuple[Tensor, Tensor]:
    """n0 of E and n0r of E_r of every class with samples, int64, shape (present,) each.

    n0 is the first n with E(n) ≤ chance, or where E is smallest if it never falls so low (Eq. 2);
    n0r = argmax_{n<M} E_r(n), the largest such n (Eq. 3). In both the authors' release decides what
    the paper leaves open.
    """
    E, E_r = curves.descending, curves.ascending
    M = E.shape[1] - 1
    low = curves.chance >= E
    n0 = torch.where(low.any(dim=1), low.int().argmax(dim=1), E.argmin(dim=1))
    return n0, M - 1 - E_r[:, :M].flip(1).argmax(dim=1)


def sparsity(curves: AblationCurves) -> dict[str, Tensor]:
    """What summarizes the curves of every class with samples, each float64, of shape (present,).

    - zeta: ζ_c = (n0 + M − n0r) / 2M (Eq. 4), with the `turning_points`.
    - kappa: κ_c = (1/M) Σ_{n=0..M} |E_r(n) − E(n)| (choice: Eq. 5 as printed).
    - kappa_released: the mean over the M + 1 points of E_r(n) − E(n), as in the release.
    - kappa_released_relative: that divided by E(0), which the release has as an option. choice:
      0 for a class on which the network is never right, as its other areas are nearly.
    """
    E, E_r = curves.descending, curves.ascending
    M = E.shape[1] - 1
    n0, n0_r = turning_points(curves)
    signed = (E_r - E).mean(dim=1)
    return {
        "zeta": (n0 + M - n0_r).double() / (2 * M),
        "kappa": (E_r - E).abs().sum(dim=1) / M,
        "kappa_released": signed,
        "kappa_released_relative": torch.where(E[:, 0] > 0, signed / E[:, 0], 0.0),
    }


def _classes(
    logits_of: Callable[[Tensor], Tensor],
    units: Tensor,
    orders: Tensor,
    class_of_zeros: Tensor,
    batch_size: int,
) -> Tensor:
    """What each sample is classified as after n = 0..M removals, int64, shape (n, 2, M + 1).

    Args:
        logits_of: the rest of the network.
        units: (n, M) or (n, M, h, w).
        orders: the units as they are removed, in both directions, (2, M).
        class_of_zeros: what the network says where all units are removed.
        batch_size: ablated samples a pass, at least.
    """
    count, M = units.shape[:2]
    like_units = [-1, M, *[1] * (units.ndim - 2)]
    steps = torch.arange(M + 1, device=units.device)
    # 32 bits: a row of these is read for every ablated sample.
    removed_at = torch.empty_like(orders, dtype=torch.int32)
    removed_at.scatter_(1, orders, steps[1:].int().expand(2, M))
    changes = torch.ones(count, 2, M + 1, dtype=torch.bool, device=units.device)
    changes[:, :, 1:] = (_by_position(units) != 0).any(dim=2)[:, orders]
    latest = torch.where(changes, steps, 0).cummax(dim=2).values
    to_run = changes & (steps != latest[:, :, -1:])
    to_run[:, 1, 0] = False
    classes = class_of_zeros.expand(count, 2, M + 1).clone()
    rows = to_run.nonzero()
    at_a_time = max(batch_size, VALUES_AT_A_TIME // units[0].numel())
    for start in range(0, len(rows), at_a_time):
        sample, direction, n = rows[start : start + at_a_time].unbind(dim=1)
        kept = removed_at[direction] > n.int()[:, None]
        ablated = units[sample].mul_(kept.reshape(like_units))
        classes[sample, direction, n] = logits_of(ablated).argmax(dim=1)
    classes[:, 1, 0] = classes[:, 0, 0]
    return classes.gather(2, latest)


def _check_units(module: TappedModule, units: Tensor) -> None:
    if units.ndim not in (2, 4):
        raise NotMeasurable(
            f"its units have shape (n, {', '.join(map(str, units.shape[1:]))}), and are no feature "
            "maps (n, M, h, w) or hidden units (n, M)"
        )
    last = module.last_layer_before(UNITS)
    if type(last) not in _AT_REST_AT_ZERO and bool((units < 0).any()):
        raise NotMeasurable(
            f"its units are negative in places, as those after {type(last).__name__} are; `units` "
            "names a stage that ends in a ReLU"
        )


def _by_position(units: Tensor) -> Tensor:
    """Feature maps or hidden units as (n, M, positions)."""
    return units.flatten(2) if units.ndim > 2 else units[:, :, None]
