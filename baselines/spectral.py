"""Spectrally normalized output margins (Bartlett et al. 2017, as in Jiang et al. 2019)."""

import math
from collections.abc import Mapping
from typing import final

import numpy as np
from torch import Tensor

from baselines.functional.losses import logits_of
from baselines.functional.margins import QUARTILES, output_margins, quartile_signature
from baselines.functional.spectra import log_data_norm, log_spectral_complexity
from baselines.regressors import log_least_squares
from demogen.errors import NotMeasurable
from demogen.homogeneity import affine_layers, why_not_homogeneous
from demogen.network import Access, Network
from demogen.predictor import Measure, Predictor
from demogen.tapped import TappedModule

LOG_FLOOR = 1e-280
"""Margins carry 1 / R_A, which has no natural scale: hundreds of decades in deep networks."""

_SMALLEST_LOG = math.log(LOG_FLOOR)


@final
class SpectralMargin(Measure):
    """Quartile signature of the output margin (f_y − f_j) / (R_A · ‖X‖_F / n).

    Features `output.<statistic>`. R_A is the spectral complexity against zero, of the convolutions
    and dense layers with batch norm folded in; biases are ignored, ρ = 1 for ReLU and pooling.
    Misclassified samples are dropped, as for the other margins. Not defined for networks that
    are no chain of layers, residual networks among them.
    """

    name = "spectral-margin"
    access = Access.TRAIN

    def applicable(self, module: TappedModule) -> str | None:
        """Why the network is no chain with ReLU, or None."""
        return why_not_homogeneous(module)

    def compute(self, network: Network) -> Mapping[str, float]:
        """Five statistics of the normalized output margin.

        Raises:
            NotMeasurable: no sample is classified correctly, a layer is the zero map, or the
                complexity leaves the range of a double.
        """
        statistics = quartile_signature(self._margins(network)).tolist()
        return {f"output.{name}": value for name, value in zip(QUARTILES, statistics, strict=True)}

    def details(self, network: Network) -> dict[str, np.ndarray]:
        """The margins that the signature summarizes, in the order of the training images."""
        return {"output": self._margins(network).cpu().numpy()}

    def _margins(self, network: Network) -> Tensor:
        images, labels = network.train.images, network.train.labels
        logits = logits_of(network.module, images, network.batch_size)
        margins = output_margins(logits, labels)
        layers = affine_layers(network.module, tuple(images.shape[1:]))
        log_complexity = log_spectral_complexity(layers)
        log_scale = math.log(len(images)) - log_data_norm(images) - log_complexity
        if abs(log_scale) > -_SMALLEST_LOG:
            raise NotMeasurable(f"its spectral complexity, e^{log_complexity:.0f}, is out of range")
        return margins[margins > 0] * math.exp(log_scale)


SPECTRAL_MARGIN_LOG = Predictor(
    "spectral-margin-log",
    SpectralMargin(),
    regressor=log_least_squares(LOG_FLOOR),
    paper="jiang2019",
    summary="least squares on the logs of the quartiles of the spectrally normalized output margin",
)
