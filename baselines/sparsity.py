"""Sparsity of units under cumulative ablation (Zhao et al. 2021)."""

from collections.abc import Mapping
from typing import final

import numpy as np

from baselines.functional.ablation import AblationCurves, ablation_curves, sparsity
from demogen.network import Access, Network
from demogen.predictor import Measure, Predictor
from demogen.tapped import TappedModule


@final
class UnitSparsity(Measure):
    """ζ from the turning points, κ from the area between the ablation curves; means over classes.

    choice: the mean is over the classes that have training samples; a class without any has no
    accuracy.
    """

    name = "unit-sparsity"
    access = Access.TRAIN

    def applicable(self, module: TappedModule) -> str | None:
        """Why units cannot be ablated, or None."""
        return None if module.has_units else "it names no place for unit ablation (`units`)"

    def compute(self, network: Network) -> Mapping[str, float]:
        """Features `zeta` and `kappa`."""
        zeta, kappa = sparsity(_curves(network))
        return {"zeta": float(zeta.mean()), "kappa": float(kappa.mean())}

    def details(self, network: Network) -> dict[str, np.ndarray]:
        """Of each class with samples: both curves (present, M + 1), ζ_c and κ_c (present,)."""
        curves = _curves(network)
        zeta, kappa = sparsity(curves)
        return {
            "classes": curves.classes.numpy(),
            "descending": curves.descending.numpy(),
            "ascending": curves.ascending.numpy(),
            "zeta": zeta.numpy(),
            "kappa": kappa.numpy(),
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
