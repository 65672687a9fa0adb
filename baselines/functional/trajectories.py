"""Closed paths in input space, and sensitivity along them (Novak et al. 2018)."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from baselines.functional.jacobians import softmax_jacobian_norms
from baselines.functional.regions import transition_counts, why_no_codes
from demogen.errors import NotMeasurable
from demogen.images.subsampling import fixed_sample
from demogen.networks.tapped_module import TappedModule

ANCHOR_ANGLES = (math.pi / 3, math.pi, 5 * math.pi / 3)
"""Where an ellipse through three points meets them (Fig. 2)."""


@dataclass(frozen=True)
class Translations:
    """A closed path for each image through all its horizontal translations (section 3, Fig. App.7).

    An image of width w has w translations by whole pixels, what leaves on one side entering on the
    other; neighbors are joined by straight lines. All of those lines are equally long, so that
    equal parts of each give equidistant points.

    Attributes:
        images: (n, c, h, w).
        points_per_step: points on the line from one translation to the next, at least 1.

    Raises:
        NotMeasurable: the images are vectors.
        ValueError: `points_per_step` is not positive.
    """

    images: Tensor
    points_per_step: int

    def __post_init__(self) -> None:
        if self.images.ndim != 4:
            raise NotMeasurable("its inputs are vectors, which have no horizontal translations")
        if self.points_per_step < 1:
            raise ValueError(f"points_per_step must be at least 1, not {self.points_per_step}")

    @property
    def count(self) -> int:
        """One path for each image."""
        return len(self.images)

    @property
    def length(self) -> int:
        """k, the points of a path: points a step, times the width."""
        return self.points_per_step * self.images.shape[3]

    def points(self, paths: slice, steps: Tensor) -> Tensor:
        """Points `steps` (m,) of the chosen images' paths, shape (chosen, m, c, h, w)."""
        images = self.images[paths]
        steps = steps.to(images.device)
        shift = steps.div(self.points_per_step, rounding_mode="floor")
        fraction = (steps % self.points_per_step).to(images.dtype) / self.points_per_step
        here, there = _shifted(images, shift), _shifted(images, shift + 1)
        return torch.lerp(here, there, fraction[:, None, None, None])


@dataclass(frozen=True)
class Ellipse:
    """z(θ) = center + cos θ · cosine + sin θ · sine, at `length` equal angles from 0 on.

    Attributes:
        center: of the shape of one input and float64, as are the other two.
        cosine: from the center to z(0).
        sine: from the center to z(π/2).
        length: how many angles.
    """

    center: Tensor
    cosine: Tensor
    sine: Tensor
    length: int

    @property
    def count(self) -> int:
        """One path."""
        return 1

    def points(self, paths: slice, steps: Tensor) -> Tensor:
        """The points at the angles 2π · `steps` / length, shape (1, m, ...)."""
        angles = steps.to(self.center) * (2 * math.pi / self.length)
        angles = angles.reshape(-1, *[1] * self.center.ndim)
        points = self.center + angles.cos() * self.cosine + angles.sin() * self.sine
        return points[None][paths]

    def step_lengths(self) -> Tensor:
        """Distances ‖z_{i+1} − z_i‖₂ between neighboring points, float64, shape (length,)."""
        steps = torch.arange(self.length, dtype=torch.float64, device=self.center.device)
        middle = (steps + 0.5) * (2 * math.pi / self.length)
        # z(θ + δ/2) − z(θ − δ/2) = 2 sin(δ/2) · (cos θ · sine − sin θ · cosine).
        squares = (
            middle.cos().square() * self.sine.square().sum()
            - 2 * middle.cos() * middle.sin() * (self.sine * self.cosine).sum()
            + middle.sin().square() * self.cosine.square().sum()
        )
        return 2 * math.sin(math.pi / self.length) * squares.clamp_min(0).sqrt()


def random_ellipse(like: Tensor, length: int, seed: int = 0) -> Ellipse:
    """A zero-centered ellipse whose axis vectors have standard normal entries (section A.5.2).

    Its points have expected squared norm d, as inputs with zero mean and unit variance have. The
    numbers are drawn on the CPU in float64, so that they are the same on all devices.

    Args:
        like: one input, for its shape and device.
        length: how many angles.
        seed: of the generator.
    """
    generator = torch.Generator().manual_seed(seed)
    axes = torch.randn(2, *like.shape, generator=generator, dtype=torch.float64).to(like.device)
    return Ellipse(torch.zeros_like(axes[0]), axes[0], axes[1], length)


def ellipse_through(anchors: Tensor, length: int) -> Ellipse:
    """The ellipse that meets three inputs at π/3, π and 5π/3 (section A.5.2, Fig. 2).

    The affine map that takes an equilateral triangle in the plane to the three inputs takes its
    circumcircle to z(θ) = m + (2/3) Σ_j x_j cos(θ − θ_j), m being their mean.

    Args:
        anchors: shape (3, ...).
        length: how many angles; the anchors are among the points if it is a multiple of 6.
    """
    points = anchors.double()
    angles = torch.tensor(ANCHOR_ANGLES, dtype=torch.float64, device=points.device)
    cosine = torch.tensordot(angles.cos(), points, dims=1) * (2 / 3)
    sine = torch.tensordot(angles.sin(), points, dims=1) * (2 / 3)
    return Ellipse(points.mean(dim=0), cosine, sine, length)


def anchor_indices(images: Tensor, labels: Tensor, seed: int = 0) -> dict[str, Tensor]:
    """Three images of different classes and three of one class, chosen by what they show.

    All images are put in the order of a lottery that their pixels decide (`fixed_sample`), so that
    the order they come in does not matter. "different": the first image of each of the three
    classes that come up first. "same": the first three images of the class that comes up first
    among those with three images.

    Args:
        images: (n, ...).
        labels: (n,).
        seed: of the lottery.

    Returns:
        "different" and "same" → indices (3,), on the CPU; a kind that does not exist is left out.
    """
    order = fixed_sample(images, len(images), seed).cpu()
    drawn = labels.cpu()[order]
    classes, counts = drawn.unique(return_counts=True)
    first = (drawn[:, None] == classes).int().argmax(dim=0)
    by_first = first.argsort()
    triples = {}
    if len(classes) >= 3:
        triples["different"] = order[first[by_first[:3]]]
    large = classes[by_first][counts[by_first] >= 3]
    if len(large):
        triples["same"] = order[drawn == large[0]][:3]
    return triples


def sensitivity_along(
    module: TappedModule, ellipse: Ellipse, points_per_angle: int = 8, batch_size: int = 256
) -> dict[str, Tensor]:
    """What Fig. 2 draws over the angles of an ellipse (section 4.1), float64, shape (length,) each.

    "jacobian_norm": ‖∂ softmax(f(z)) / ∂zᵀ‖_F at each angle. "transition_density", for networks
    whose units have codes: the transitions between an angle and the next, counted between
    `points_per_angle` points, divided by the length of the way. choice: the paper does not say what
    a density is taken over; per length, it is the number that it defines as ‖∂c(z)/∂(dz)‖₁, and
    ellipses of different size can be compared.

    Args:
        module: in evaluation mode.
        ellipse: its `length` is the number of angles.
        points_per_angle: for the counting, as few points miss transitions.
        batch_size: points a pass.

    Raises:
        NotMeasurable: logits that are not finite.
    """
    everywhere = torch.arange(ellipse.length)
    (points,) = ellipse.points(slice(None), everywhere)
    curves = {"jacobian_norm": softmax_jacobian_norms(module, points, batch_size)}
    if why_no_codes(module) is None:
        finer = replace(ellipse, length=ellipse.length * points_per_angle)
        counts = transition_counts(module, finer, batch_size).view(-1, points_per_angle).sum(dim=1)
        lengths = finer.step_lengths().view(-1, points_per_angle).sum(dim=1).to(counts.device)
        # Three equal anchors make an ellipse of one point, on which nothing changes.
        density = counts / lengths.clamp_min(torch.finfo(torch.float64).tiny)
        curves["transition_density"] = density
    return curves


def _shifted(images: Tensor, shift: Tensor) -> Tensor:
    """Every image rolled to the right by each shift (m,), shape (n, m, c, h, w)."""
    width = images.shape[3]
    columns = (torch.arange(width, device=images.device) - shift[:, None]) % width
    return images[..., columns].permute(0, 3, 1, 2, 4)
