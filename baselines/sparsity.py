"""Sparsity of units under cumulative ablation (Zhao et al. 2021)."""

from collections.abc import Mapping
from typing import final

import numpy as np

from baselines.functional.ablation import AblationCurves, ablation_curves, sparsity, turning_points
from demogen.measuring.predictor import Measure, Predictor
from demogen.networks.network import Access, Network
from demogen.networks.tapped_module import TappedModule


@final
class UnitSparsity(Measure):
    """ζ from the turning points, κ from the area between the ablation curves (Eqs. 2 to 6).

    Zhao et al. 2021, section 3; units are removed at the place "units" of the network, the last
    hidden activation before pooling or the classifier in the families here (block5_conv3 of VGG16
    in the paper's appendix D). `kappa_released` and `kappa_released_relative` are the area as the
    authors' release has it: signed, averaged over the M + 1 points, and divided by E(0).

    choice: means are over the classes that have training samples; a class without any has no
    accuracy. A class on which the network is never right counts as 0 in `kappa_released_relative`.
    """

    name = "unit-sparsity"
    version = 2
    access = Access.TRAIN
    cost = "2 forward + 2 forward from the units per unit that is not zero on the image"
    applies_to = "networks with a place for units"

    def applicable(self, module: TappedModule) -> str | None:
        """Why units cannot be ablated, or None."""
        return None if module.has_units else "it names no place for unit ablation (`units`)"

    def compute(self, network: Network) -> Mapping[str, float]:
        """Features `zeta`, `kappa`, `kappa_released` and `kappa_released_relative`.

        Raises:
            NotMeasurable: there are no images, or the logits are not finite.
        """
        of_classes = sparsity(_curves(network))
        return {feature: float(values.mean()) for feature, values in of_classes.items()}

    def details(self, network: Network) -> dict[str, np.ndarray]:
        """Of each class with samples: both curves (present, M + 1), and the rest (present,).

        `classes`, the turning points `n0` and `n0_r` of the two curves, and each feature.
        """
        curves = _curves(network)
        n0, n0_r = turning_points(curves)
        return {
            "classes": curves.classes.numpy(),
            "descending": curves.descending.numpy(),
            "ascending": curves.ascending.numpy(),
            "n0": n0.numpy(),
            "n0_r": n0_r.numpy(),
            **{feature: values.numpy() for feature, values in sparsity(curves).items()},
        }


def _curves(network: Network) -> AblationCurves:
    train = network.train
    return ablation_curves(network.module, train.images, train.labels, network.batch_size)


UNIT_SPARSITY = Predictor(
    "unit-sparsity",
    UnitSparsity(),
    columns=("zeta", "kappa"),
    paper="zhao2021",
    summary="least squares on the turning points and the area of cumulative unit ablation",
)
UNIT_SPARSITY_KAPPA = Predictor(
    "unit-sparsity-kappa",
    UnitSparsity(),
    columns=("kappa",),
    paper="zhao2021",
    summary="least squares on the area between the curves of cumulative unit ablation",
)
UNIT_SPARSITY_RELEASED = Predictor(
    "unit-sparsity-released",
    UnitSparsity(),
    columns=("zeta", "kappa_released"),
    paper="zhao2021",
    summary="least squares on turning points and signed area, as in the authors' release",
)
UNIT_SPARSITY_ZETA = Predictor(
    "unit-sparsity-zeta",
    UnitSparsity(),
    columns=("zeta",),
    paper="zhao2021",
    summary="least squares on the turning points of cumulative unit ablation",
)
