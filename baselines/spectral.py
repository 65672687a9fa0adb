"""Spectrally normalized output margins (Bartlett et al. 2017, as in Jiang et al. 2019)."""

import math
from collections.abc import Mapping, Sequence
from typing import final

import numpy as np
from torch import Tensor

from baselines.functional.losses import LogitReduction
from baselines.functional.margins import QUARTILES, output_margins, quartile_signature
from baselines.functional.pooling import log_lipschitz_constant
from baselines.functional.spectra import (
    DISTANCES,
    log_data_norm,
    log_spectral_complexity,
    spectral_norms,
)
from baselines.regressors import log_least_squares
from demogen._util.lookup import lookup
from demogen.errors import NotMeasurable, PredictorError
from demogen.measuring.passes import Passes
from demogen.measuring.predictor import Predictor
from demogen.measuring.shared_measure import SharedMeasure
from demogen.networks.homogeneity import CHAINS, AffineLayer, affine_layers, why_not_homogeneous
from demogen.networks.network import Access, Network
from demogen.networks.tapped_module import TappedModule

SMALLEST_MARGIN = 1e-280
"""Margins carry 1 / R_A, which has no natural scale: hundreds of decades in deep networks."""

_SMALLEST_LOG = math.log(SMALLEST_MARGIN)


@final
class SpectralMargin(SharedMeasure[LogitReduction]):
    """Quartile signature of the output margin (f_y − f_j) / (R_A · ‖X‖_F / n).

    A baseline of Jiang et al. 2019 (section 4.1), with the spectral complexity R_A of Bartlett et
    al. 2017 (Eq. 1.2) against M = 0, of the convolutions and dense layers with batch norm folded
    in; biases are ignored. R_A is multiplied by the Lipschitz constants ρᵢ of what stands between
    them: 1 for ReLU, and for pooling the exact one (`baselines.functional.pooling`), 3 for the
    maximum of 3x3 with stride 1. Features `output.<statistic>`, statistics
    lower_fence, q1, median, q3, upper_fence. Misclassified samples are dropped, as for the other
    margins. Not defined for networks that are no chain of layers, residual networks among them.
    The number of Bartlett et al.'s equation was not checked against that paper.

    Args:
        norm: "two-one", the paper's ‖Aᵀ‖_{2,1}: the sum of the ℓ2 norms of the rows of the linear
            map; or "l1", the sum of the absolute values of all its entries in its place.
    """

    name = "spectral-margin"
    version = 2
    access = Access.TRAIN
    cost = Passes(1)
    applies_to = CHAINS

    def __init__(self, norm: str = "two-one") -> None:
        self.norm = norm

    def applicable(self, module: TappedModule) -> str | None:
        """Why the network is no chain with ReLU, or None."""
        return why_not_homogeneous(module)

    def reduction(self, network: Network) -> LogitReduction:
        """Logits of the training images."""
        return LogitReduction()

    def summarize(self, reduced: LogitReduction, network: Network) -> Mapping[str, float]:
        """Five statistics of the normalized output margin.

        Raises:
            NotMeasurable: no sample is classified correctly, a layer is the zero map, or the
                complexity leaves the range of a double.
            PredictorError: there is no such norm.
        """
        return _statistics(_margins(reduced, network, self.norm))

    def details(self, network: Network) -> dict[str, np.ndarray]:
        """The margins that the signature summarizes, in the order of the training images."""
        margins = _margins(self.reduced(network), network, self.norm)
        return {"output": margins.cpu().numpy()}


@final
class SpectralMarginInitial(SharedMeasure[LogitReduction]):
    """Quartile signature of the output margin, with R_A measured from the initial weights.

    As `SpectralMargin`, with M of Bartlett et al. 2017 (Eq. 1.2) the initial weights, the other
    reference that it names. choice: each Mᵢ is folded with the initial statistics and parameters
    of the batch norm after it, as Aᵢ is with the final ones. A layer that has not moved from its
    initial weights adds nothing to the sum in R_A.

    Args:
        norm: of Aᵢ − Mᵢ, "two-one" or "l1", as in `SpectralMargin`.
    """

    name = "spectral-margin-initial"
    version = 2
    access = Access.TRAIN | Access.INITIAL
    cost = Passes(1)
    applies_to = CHAINS

    def __init__(self, norm: str = "two-one") -> None:
        self.norm = norm

    def applicable(self, module: TappedModule) -> str | None:
        """Why the network is no chain with ReLU, or None."""
        return why_not_homogeneous(module)

    def reduction(self, network: Network) -> LogitReduction:
        """Logits of the training images."""
        return LogitReduction()

    def summarize(self, reduced: LogitReduction, network: Network) -> Mapping[str, float]:
        """Five statistics of the normalized output margin.

        Raises:
            NotMeasurable: as for `SpectralMargin`, or no layer has moved from its initial weights.
            PredictorError: there is no such norm.
        """
        return _statistics(_margins(reduced, network, self.norm, _initial_layers(network)))

    def details(self, network: Network) -> dict[str, np.ndarray]:
        """The margins that the signature summarizes, in the order of the training images."""
        margins = _margins(self.reduced(network), network, self.norm, _initial_layers(network))
        return {"output": margins.cpu().numpy()}


def _initial_layers(network: Network) -> list[AffineLayer]:
    return affine_layers(network.initial, tuple(network.train.images.shape[1:]))


def _margins(
    reduced: LogitReduction,
    network: Network,
    norm: str,
    references: Sequence[AffineLayer] | None = None,
) -> Tensor:
    distance = lookup(norm, DISTANCES, "norm", PredictorError)
    images, labels = network.train.images, network.train.labels
    margins = output_margins(reduced.logits(), labels)
    shape = tuple(images.shape[1:])
    layers = affine_layers(network.module, shape)
    norms = network.once(spectral_norms, shape)
    log_complexity = log_spectral_complexity(layers, references, distance, norms)
    log_complexity += log_lipschitz_constant(network.module, shape)
    log_scale = math.log(len(images)) - log_data_norm(images) - log_complexity
    if abs(log_scale) > -_SMALLEST_LOG:
        raise NotMeasurable(f"its spectral complexity, e^{log_complexity:.0f}, is out of range")
    return margins[margins > 0] * math.exp(log_scale)


def _statistics(margins: Tensor) -> dict[str, float]:
    statistics = quartile_signature(margins).tolist()
    return {f"output.{name}": value for name, value in zip(QUARTILES, statistics, strict=True)}


SPECTRAL_MARGIN_LOG = Predictor(
    "spectral-margin-log",
    SpectralMargin(),
    regressor=log_least_squares(SMALLEST_MARGIN),
    paper="jiang2019",
    summary="least squares on the logs of the quartiles of the spectrally normalized output margin",
)
SPECTRAL_MARGIN_L1_LOG = Predictor(
    "spectral-margin-l1-log",
    SpectralMargin(norm="l1"),
    regressor=log_least_squares(SMALLEST_MARGIN),
    paper="jiang2019",
    summary="spectral-margin-log with the sum of absolute entries in place of the (2,1) norm",
)
SPECTRAL_MARGIN_INITIAL_LOG = Predictor(
    "spectral-margin-initial-log",
    SpectralMarginInitial(),
    regressor=log_least_squares(SMALLEST_MARGIN),
    paper="jiang2019",
    summary="spectral-margin-log with layers measured from their initial weights",
)
