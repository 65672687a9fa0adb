"""Transition boundaries over a plane through three inputs (Novak et al. 2018, Fig. 3)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.functional.regions import last_region_codes
from baselines.functional.trajectories import ANCHOR_ANGLES, ellipse_through
from demogen.networks.tapped_module import TappedModule

RADIUS = 0.8
"""Distance of the three anchors from the middle of the square [−1, 1]² (section A.5.3)."""


@dataclass(frozen=True)
class InputPlane:
    """A square of the plane through three inputs, in which they are an equilateral triangle.

    The point (u, v) is z(u, v) = center + u · right + v · up, for u and v from −1 to 1.

    Attributes:
        center: of the shape of one input and float64, as are the other two.
        right: one unit of u.
        up: one unit of v.
        side: points along either side of the grid.
    """

    center: Tensor
    right: Tensor
    up: Tensor
    side: int

    def row(self, number: int) -> Tensor:
        """The points of a row of the grid, u ascending; row 0 has v = −1; shape (side, ...)."""
        along = torch.linspace(-1, 1, self.side, dtype=torch.float64, device=self.center.device)
        u = along.reshape(-1, *[1] * self.center.ndim)
        return self.center + u * self.right + along[number] * self.up


def plane_through(anchors: Tensor, side: int) -> InputPlane:
    """The square in which three inputs lie at distance 0.8 from the middle (section A.5.3).

    Args:
        anchors: shape (3, ...).
        side: points along either side of the grid.
    """
    circle = ellipse_through(anchors, length=1)
    return InputPlane(circle.center, circle.cosine / RADIUS, circle.sine / RADIUS, side)


def anchor_points() -> Tensor:
    """Where the three inputs lie in the square: (u, v), float64, shape (3, 2)."""
    return torch.tensor(
        [[RADIUS * math.cos(angle), RADIUS * math.sin(angle)] for angle in ANCHOR_ANGLES],
        dtype=torch.float64,
    )


def boundary_counts(module: TappedModule, plane: InputPlane, batch_size: int = 256) -> Tensor:
    """How many boundaries of the last activation's units pass through each cell of the grid.

    Counted between a point and its neighbor to the right, and between it and the one above: a
    boundary through the cell is met once or twice. choice: the paper draws the boundaries and does
    not say how it finds them.

    Args:
        module: in evaluation mode, whose units have codes.
        plane: with a grid of side × side points.
        batch_size: points a pass.

    Returns:
        Int64, shape (side − 1, side − 1), v ascending by rows and u by columns.

    Raises:
        NotMeasurable: the units have no codes, or the logits are not finite.
    """
    like = next(module.parameters())
    below: Tensor | None = None
    rows = []
    for number in range(plane.side):
        points = plane.row(number).to(like.device, like.dtype)
        codes = torch.cat([last_region_codes(module, part) for part in points.split(batch_size)])
        if below is not None:
            right = (below[1:] != below[:-1]).sum(dim=1)
            rows.append(right + (codes[:-1] != below[:-1]).sum(dim=1))
        below = codes
    return torch.stack(rows)
