"""Margin distributions at the input and hidden layers (Jiang et al. 2019)."""

from collections.abc import Mapping
from typing import final

import numpy as np
from torch import Tensor

from baselines.functional.margins import QUARTILES, quartile_signature, tap_margins
from baselines.regressors import log_least_squares
from demogen.errors import NotMeasurable
from demogen.network import Access, Network
from demogen.predictor import Measure, Predictor


@final
class TapMargins(Measure):
    """Quartile signature of the margin distribution at every tap.

    Features `<tap>.<statistic>`, statistics lower_fence, q1, median, q3, upper_fence.

    Args:
        normalize: divide by √ν, the samples' own spread at the tap.
        epsilon: ε under the root of the squared gradient norm, as in the authors' release.
        keep_negative: keep misclassified samples, whose margins are not positive. The paper does so
            for the linear transform only.
    """

    name = "tap-margins"
    access = Access.TRAIN

    def __init__(
        self, normalize: bool = True, epsilon: float = 1e-6, keep_negative: bool = False
    ) -> None:
        self.normalize = normalize
        self.epsilon = epsilon
        self.keep_negative = keep_negative

    def compute(self, network: Network) -> Mapping[str, float]:
        """Five statistics a tap, from the training images.

        Raises:
            NotMeasurable: no sample is classified correctly, or an activation is the same for all.
        """
        return {
            f"{tap}.{statistic}": value
            for tap, margins in self._margins(network).items()
            for statistic, value in zip(
                QUARTILES, quartile_signature(margins).tolist(), strict=True
            )
        }

    def details(self, network: Network) -> dict[str, np.ndarray]:
        """Tap → the margins that the signature summarizes, in the order of the training images."""
        return {tap: margins.cpu().numpy() for tap, margins in self._margins(network).items()}

    def _margins(self, network: Network) -> dict[str, Tensor]:
        train = network.train
        distributions = tap_margins(
            network.module,
            train.images,
            train.labels,
            epsilon=self.epsilon,
            batch_size=network.batch_size,
        )
        kept: dict[str, Tensor] = {}
        for tap, distribution in distributions.items():
            wanted = slice(None) if self.keep_negative else distribution.margins > 0
            try:
                margins = distribution.normalized() if self.normalize else distribution.margins
            except NotMeasurable as reason:
                raise NotMeasurable(f"at tap {tap!r} {reason}") from reason
            kept[tap] = margins[wanted]
        return kept


MARGIN_QUARTILES_LOG = Predictor(
    "margin-quartiles-log",
    TapMargins(),
    regressor=log_least_squares(),
    paper="jiang2019",
    summary="least squares on the logs of the quartiles of normalized margins at four taps",
)
