"""Margin distributions at the input and hidden layers (Jiang et al. 2019)."""

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np
from torch import Tensor

from baselines.functional.margins import (
    MOMENTS,
    QUARTILES,
    TapDistribution,
    TapMarginReduction,
    moment_signature,
    quartile_signature,
)
from baselines.regressors import log_least_squares, log_then
from baselines.selection import BestGroup, ForwardSelection
from demogen.errors import NotMeasurable
from demogen.measuring.passes import Passes
from demogen.measuring.predictor import Predictor
from demogen.measuring.shared_measure import SharedMeasure
from demogen.networks.network import Access, Network

TAPS = ("input", "h1", "h2", "h3")
"""The input and three hidden layers that the paper reads; every family of networks names them."""


@final
class TapMargins(SharedMeasure[TapMarginReduction]):
    """Quartiles and moments of the margin distribution at every tap (Jiang et al. 2019, Eq. 3-5).

    Features `<tap>.<statistic>`, all from one pass (section 3.2):

    - lower_fence, q1, median, q3, upper_fence: of the normalized margins d̂ = d / √ν above zero,
      those of correctly classified samples;
    - moment1 … moment5: (E[d̂^k])^{1/k} of the same;
    - raw_lower_fence … raw_upper_fence: of the margins d above zero, unnormalized;
    - signed_lower_fence … signed_upper_fence: of d̂ of all samples, misclassified ones included
      (appendix B.1; for linear features only).

    choice: ν is the total variation as the paper prints it (Eq. 4); the authors' release divides it
    by the number of coordinates.

    Args:
        epsilon: ε under the root of the squared gradient norm, as in the authors' release. With
            ε = 0 the normalized margins of a ReLU network do not change when a layer is multiplied
            by c > 0 and the next divided by it.
    """

    name = "tap-margins"
    version = 2
    access = Access.TRAIN
    cost = Passes(1, backward=1)

    def __init__(self, epsilon: float = 1e-6) -> None:
        self.epsilon = epsilon

    def reduction(self, network: Network) -> TapMarginReduction:
        """Margins and activations of the training images."""
        return TapMarginReduction(self.epsilon)

    def summarize(self, reduced: TapMarginReduction, network: Network) -> Mapping[str, float]:
        """Twenty statistics a tap.

        Raises:
            NotMeasurable: no sample is classified correctly, or an activation is the same for all.
        """
        signature: dict[str, float] = {}
        for tap, distribution in reduced.distributions().items():
            raw = distribution.margins
            signed = _normalized(tap, distribution)
            correct = raw > 0
            statistics = {
                "": quartile_signature(signed[correct]),
                "raw_": quartile_signature(raw[correct]),
                "signed_": quartile_signature(signed),
            }
            for kind, values in statistics.items():
                for name, value in zip(QUARTILES, values.tolist(), strict=True):
                    signature[f"{tap}.{kind}{name}"] = value
            for name, value in zip(
                MOMENTS, moment_signature(signed[correct]).tolist(), strict=True
            ):
                signature[f"{tap}.{name}"] = value
        return signature

    def details(self, network: Network) -> dict[str, np.ndarray]:
        """Tap → the normalized margins above zero, in the order of the training images."""
        return {
            tap: _normalized(tap, distribution)[distribution.margins > 0].cpu().numpy()
            for tap, distribution in self.reduced(network).distributions().items()
        }


def _normalized(tap: str, distribution: TapDistribution) -> Tensor:
    try:
        return distribution.normalized()
    except NotMeasurable as reason:
        raise NotMeasurable(f"at tap {tap!r} {reason}") from reason


def _columns(statistics: Sequence[str], taps: Sequence[str] = TAPS) -> tuple[str, ...]:
    return tuple(f"{tap}.{statistic}" for tap in taps for statistic in statistics)


_QUARTILE_COLUMNS = _columns(QUARTILES)
_OF_A_TAP = tuple(
    tuple(_QUARTILE_COLUMNS.index(column) for column in _columns(QUARTILES, [tap])) for tap in TAPS
)
_OF_A_STATISTIC = tuple(
    tuple(_QUARTILE_COLUMNS.index(column) for column in _columns([statistic]))
    for statistic in QUARTILES
)

MARGIN_QUARTILES_LOG = Predictor(
    "margin-quartiles-log",
    TapMargins(),
    columns=_QUARTILE_COLUMNS,
    regressor=log_least_squares(),
    paper="jiang2019",
    summary="least squares on the logs of the quartiles of normalized margins at four taps",
)
MARGIN_QUARTILES_LOG_UNNORMALIZED = Predictor(
    "margin-quartiles-log-unnormalized",
    TapMargins(),
    columns=_columns([f"raw_{statistic}" for statistic in QUARTILES]),
    regressor=log_least_squares(),
    paper="jiang2019",
    summary="least squares on the logs of the quartiles of unnormalized margins at four taps",
)
MARGIN_QUARTILES_LINEAR = Predictor(
    "margin-quartiles-linear",
    TapMargins(),
    columns=_QUARTILE_COLUMNS,
    paper="jiang2019",
    summary="least squares on the quartiles of normalized margins at four taps",
)
MARGIN_QUARTILES_LINEAR_NEGATIVE = Predictor(
    "margin-quartiles-linear-negative",
    TapMargins(),
    columns=_columns([f"signed_{statistic}" for statistic in QUARTILES]),
    paper="jiang2019",
    summary="least squares on the quartiles of normalized margins of all samples at four taps",
)
MARGIN_MOMENTS_LOG = Predictor(
    "margin-moments-log",
    TapMargins(),
    columns=_columns(MOMENTS),
    regressor=log_least_squares(),
    paper="jiang2019",
    summary="least squares on the logs of five moments of normalized margins at four taps",
)
MARGIN_STATISTIC_LOG = Predictor(
    "margin-statistic-log",
    TapMargins(),
    columns=_QUARTILE_COLUMNS,
    regressor=log_then(BestGroup(_OF_A_STATISTIC)),
    paper="jiang2019",
    summary="least squares on the log of the best of five quartile statistics at four taps",
)
MARGIN_TAP_LOG = Predictor(
    "margin-tap-log",
    TapMargins(),
    columns=_QUARTILE_COLUMNS,
    regressor=log_then(BestGroup(_OF_A_TAP)),
    paper="jiang2019",
    summary="least squares on the logs of the quartiles of normalized margins at the best tap",
)


def _at_one_tap(tap: str, place: str) -> Predictor:
    return Predictor(
        f"margin-{tap}-log",
        TapMargins(),
        columns=_columns(QUARTILES, [tap]),
        regressor=log_least_squares(),
        paper="jiang2019",
        summary=f"least squares on the logs of the quartiles of normalized margins at {place}",
    )


MARGIN_INPUT_LOG = _at_one_tap("input", "the input")
MARGIN_H1_LOG = _at_one_tap("h1", "the first hidden tap")
MARGIN_H2_LOG = _at_one_tap("h2", "the second hidden tap")
MARGIN_H3_LOG = _at_one_tap("h3", "the third hidden tap")
MARGIN_BEST4_LOG = Predictor(
    "margin-best4-log",
    TapMargins(),
    columns=_QUARTILE_COLUMNS,
    regressor=log_then(ForwardSelection(4)),
    paper="jiang2019",
    summary="least squares on the logs of the best four of 20 quartiles, by forward selection",
)
