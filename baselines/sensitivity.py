"""Sensitivity to the input: the norm of the input-output Jacobian (Novak et al. 2018)."""

from collections.abc import Mapping
from typing import final

import numpy as np
from torch import Tensor

from baselines.functional.jacobians import softmax_jacobian_norms
from demogen.network import Access, Network
from demogen.predictor import Measure, Predictor


@final
class JacobianNorm(Measure):
    """Mean over test inputs of ‖∂ softmax(f(x)) / ∂xᵀ‖_F; needs no labels.

    The paper evaluates it on test inputs, and it matters: on training inputs the softmax is
    saturated. `JacobianNormTrain` is the variant on those.
    """

    name = "jacobian-norm"
    access = Access.TEST_INPUTS

    def compute(self, network: Network) -> Mapping[str, float]:
        """Feature `jacobian_norm`."""
        return {"jacobian_norm": float(_norms(network, network.test_inputs).mean())}

    def details(self, network: Network) -> dict[str, np.ndarray]:
        """The norm at each test input."""
        return {"jacobian_norm": _norms(network, network.test_inputs).cpu().numpy()}


@final
class JacobianNormTrain(Measure):
    """Mean over training images of ‖∂ softmax(f(x)) / ∂xᵀ‖_F."""

    name = "jacobian-norm-train"
    access = Access.TRAIN

    def compute(self, network: Network) -> Mapping[str, float]:
        """Feature `jacobian_norm`."""
        return {"jacobian_norm": float(_norms(network, network.train.images).mean())}

    def details(self, network: Network) -> dict[str, np.ndarray]:
        """The norm at each training image."""
        return {"jacobian_norm": _norms(network, network.train.images).cpu().numpy()}


def _norms(network: Network, images: Tensor) -> Tensor:
    return softmax_jacobian_norms(network.module, images, network.batch_size)


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
