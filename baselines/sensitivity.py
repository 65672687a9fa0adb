"""Sensitivity to the input: the norm of the input-output Jacobian (Novak et al. 2018)."""

from collections.abc import Iterator, Mapping
from typing import final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.functional.input_planes import anchor_points, boundary_counts, plane_through
from baselines.functional.jacobians import SoftmaxJacobianReduction, point_sensitivities
from baselines.functional.pointwise_bounds import (
    jacobian_norm_of_loss,
    mean_logit_square,
    target_row_bounds,
)
from baselines.functional.regions import why_no_codes
from baselines.functional.trajectories import (
    Ellipse,
    anchor_indices,
    ellipse_through,
    random_ellipse,
    sensitivity_along,
)
from demogen.measuring.passes import Passes
from demogen.measuring.predictor import Predictor
from demogen.measuring.shared_measure import SharedMeasure
from demogen.networks.network import Access, LabeledImages, Network

ANGLES = 180
"""Equal angles at which `JacobianNormTrain.details` looks at an ellipse; a multiple of 6."""

SIDE = 129
"""Points along either side of the plane of Fig. 3 on which its details look for boundaries."""

LOSSES = 200
"""Losses at which its details give the analytic curves of section A.3."""


@final
class JacobianNorm(SharedMeasure[SoftmaxJacobianReduction]):
    """Mean over test inputs of ‖∂ softmax(f(x)) / ∂xᵀ‖_F; needs no labels.

    Novak et al. 2018, section 3. The paper evaluates it on test inputs, and it matters: on training
    inputs the softmax is saturated. `JacobianNormTrain` is the variant on those.
    """

    name = "jacobian-norm"
    access = Access.TEST_INPUTS
    cost = Passes(1, backward=-1, backward_per_class=1)

    def reduction(self, network: Network) -> SoftmaxJacobianReduction:
        """The norm at every one of the test inputs."""
        return SoftmaxJacobianReduction()

    def summarize(self, reduced: SoftmaxJacobianReduction, network: Network) -> Mapping[str, float]:
        """Feature `jacobian_norm`."""
        return {"jacobian_norm": float(reduced.norms().mean())}

    def details(self, network: Network) -> dict[str, np.ndarray]:
        """`jacobian_norm` and `logit_jacobian_squared` (‖∂f/∂xᵀ‖²_F) at each test input.

        One backward pass more than the measure.
        """
        points = point_sensitivities(network.module, network.test_inputs, network.batch_size)
        return _arrays(
            {"jacobian_norm": points.norms, "logit_jacobian_squared": points.logit_squares}
        )


@final
class JacobianNormTrain(SharedMeasure[SoftmaxJacobianReduction]):
    """Mean over training images of ‖∂ softmax(f(x)) / ∂xᵀ‖_F.

    The norm is that of Novak et al. 2018 (section 3), on the images that the network has seen.
    Since this measure may read training images, its details hold the study of single points
    (sections 4.4 and A.3), the ellipses through training images (section 4.1, Fig. 2) and the plane
    through three of them (Fig. 3).
    """

    name = "jacobian-norm-train"
    access = Access.TRAIN
    cost = Passes(1, backward=-1, backward_per_class=1)

    def reduction(self, network: Network) -> SoftmaxJacobianReduction:
        """The norm at every one of the training images."""
        return SoftmaxJacobianReduction()

    def summarize(self, reduced: SoftmaxJacobianReduction, network: Network) -> Mapping[str, float]:
        """Feature `jacobian_norm`."""
        return {"jacobian_norm": float(reduced.norms().mean())}

    def details(self, network: Network) -> dict[str, np.ndarray]:
        """Arrays for the figures of single points, of ellipses and of a plane.

        At each training image: `jacobian_norm`; `logit_jacobian_squared` (‖∂f/∂xᵀ‖²_F);
        `cross_entropy`, nats, and `target_row_norm` (‖∂ softmax(f(x))_y / ∂x‖₂) for the label
        trained on. The curves that they should lie on (`baselines.functional.pointwise_bounds`):
        `bound.target_row_lower`, `bound.target_row_upper` (Eq. 5; the former is Eq. 6 too) and
        `bound.jacobian_norm` (Eq. 7) at the losses `bound.cross_entropy`, which span those of the
        images by equal factors.

        At the angles `ellipse.angle` of each ellipse: `ellipse.<kind>.jacobian_norm` and, where
        units have codes, `ellipse.<kind>.transition_density`. Kinds: random; different (through
        three training images of different classes); same (of one class). A kind for which there
        are too few images is left out. The images and the random axes are the same for all
        networks on the same training images.

        Where units have codes and there are three classes: `slice.boundaries`, how many boundaries
        of the last activation's units pass through each cell of a square grid over [−1, 1]² of the
        plane through the three images of different classes, v by rows and u by columns;
        `slice.anchors`, (u, v) of those images; and the images themselves, `slice.images`.
        """
        train = network.train
        points = point_sensitivities(network.module, train.images, network.batch_size)
        labels = train.labels.to(network.device)
        arrays = {
            "jacobian_norm": points.norms,
            "logit_jacobian_squared": points.logit_squares,
            "cross_entropy": F.nll_loss(points.log_probabilities, labels, reduction="none"),
            "target_row_norm": points.row_norms.gather(1, labels[:, None]).squeeze(1),
        }
        for kind, ellipse in _ellipses(train):
            along = sensitivity_along(network.module, ellipse, batch_size=network.batch_size)
            arrays |= {f"ellipse.{kind}.{name}": values for name, values in along.items()}
        angles = np.arange(ANGLES) * (2 * np.pi / ANGLES)
        return {
            **_arrays(arrays | _plane(network)),
            **_curves(arrays["cross_entropy"], points.logit_squares, points.row_norms.shape[1]),
            "ellipse.angle": angles,
        }


def _plane(network: Network) -> dict[str, Tensor]:
    images = network.train.images
    anchors = anchor_indices(images, network.train.labels).get("different")
    if anchors is None or why_no_codes(network.module) is not None:
        return {}
    chosen = images[anchors.to(images.device)]
    counts = boundary_counts(network.module, plane_through(chosen, SIDE), network.batch_size)
    return {"slice.boundaries": counts, "slice.anchors": anchor_points(), "slice.images": chosen}


def _curves(losses: Tensor, logit_squares: Tensor, classes: int) -> dict[str, np.ndarray]:
    M = mean_logit_square(logit_squares.cpu().numpy(), classes)
    # A loss may be zero: the probability is one to all digits.
    smallest = float(losses.clamp_min(torch.finfo(losses.dtype).eps).min())
    grid = np.geomspace(smallest, max(float(losses.max()), smallest), LOSSES)
    lower, upper = target_row_bounds(grid, M, classes)
    return {
        "bound.cross_entropy": grid,
        "bound.target_row_lower": lower,
        "bound.target_row_upper": upper,
        "bound.jacobian_norm": jacobian_norm_of_loss(grid, M, classes),
    }


def _ellipses(train: LabeledImages) -> Iterator[tuple[str, Ellipse]]:
    yield "random", random_ellipse(train.images[0], ANGLES)
    for kind, indices in anchor_indices(train.images, train.labels).items():
        yield kind, ellipse_through(train.images[indices.to(train.images.device)], ANGLES)


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.cpu().numpy() for name, tensor in tensors.items()}


JACOBIAN_NORM = Predictor(
    "jacobian-norm",
    JacobianNorm(),
    paper="novak2018",
    summary="least squares on the mean norm of the softmax Jacobian at test inputs",
)
JACOBIAN_NORM_TRAIN = Predictor(
    "jacobian-norm-train",
    JacobianNormTrain(),
    paper="novak2018",
    summary="least squares on the mean norm of the softmax Jacobian at training images",
)
