"""Margins at the input by the norm of the logit Jacobian (Sokolić et al. 2016)."""

import math
from collections.abc import Mapping
from typing import final

import numpy as np
from torch import Tensor

from baselines.functional.logit_gradients import LogitJacobianReduction
from baselines.functional.margins import QUARTILES, output_margins, quartile_signature
from baselines.regressors import log_least_squares
from demogen._util.lookup import lookup
from demogen.errors import NotMeasurable, PredictorError
from demogen.measuring.passes import Passes
from demogen.measuring.predictor import Predictor
from demogen.measuring.shared_measure import SharedMeasure
from demogen.networks.network import Access, Network

_IS_SPECTRAL = {"spectral": True, "frobenius": False}


@final
class JacobianMargin(SharedMeasure[LogitJacobianReduction]):
    """Quartile signature of √2·(f_y − f_j) / ‖J(x)‖, J the logits' Jacobian by the input.

    A baseline of Jiang et al. 2019 (section 4.1), which takes it from Eq. 39 of Sokolić et al.
    2016. choice: this equation was not checked against that paper; read here with f the logits, j
    the highest-scoring class other than y, and J of shape (classes, input). Features
    `input.<statistic>`, statistics lower_fence, q1, median, q3, upper_fence, of the correctly
    classified samples. choice: where the Jacobian is zero (a ReLU network may be constant around a
    sample) the margin counts as larger than all others, which leaves the statistics finite unless
    a quarter of the samples is of this kind.

    Args:
        norm: of J: "spectral", its largest singular value, or "frobenius".
    """

    name = "jacobian-margin"
    access = Access.TRAIN
    cost = Passes(1, backward_per_class=1)

    def __init__(self, norm: str = "spectral") -> None:
        self.norm = norm

    def reduction(self, network: Network) -> LogitJacobianReduction:
        """Logits and norms of the Jacobian at the training images.

        Raises:
            PredictorError: there is no such norm.
        """
        spectral = lookup(self.norm, _IS_SPECTRAL, "norm", PredictorError)
        return LogitJacobianReduction(spectral=spectral)

    def summarize(self, reduced: LogitJacobianReduction, network: Network) -> Mapping[str, float]:
        """Five statistics of the margins.

        Raises:
            NotMeasurable: no sample is classified correctly, or the Jacobian is zero at a quarter
                of those that are.
        """
        margins = _margins(reduced, network)
        infinite = int(margins.isinf().sum())
        # The third quartile may lie between the last finite margin and an infinite one.
        if infinite and 4 * infinite >= len(margins) - 1:
            raise NotMeasurable(
                f"the Jacobian is zero at {infinite} of {len(margins)} correctly classified images"
            )
        statistics = quartile_signature(margins).tolist()
        return {f"input.{name}": value for name, value in zip(QUARTILES, statistics, strict=True)}

    def details(self, network: Network) -> dict[str, np.ndarray]:
        """The finite ones of the margins summarized, in the order of the training images."""
        margins = _margins(self.reduced(network), network)
        return {"input": margins[margins.isfinite()].cpu().numpy()}


def _margins(reduced: LogitJacobianReduction, network: Network) -> Tensor:
    margins = output_margins(reduced.logits(), network.train.labels)
    correct = margins > 0
    return math.sqrt(2) * margins[correct] / reduced.norms()[correct]


JACOBIAN_MARGIN_LOG = Predictor(
    "jacobian-margin-log",
    JacobianMargin(),
    regressor=log_least_squares(),
    paper="jiang2019",
    summary="least squares on the logs of the quartiles of the margin over the Jacobian's norm",
)
JACOBIAN_MARGIN_FROBENIUS_LOG = Predictor(
    "jacobian-margin-frobenius-log",
    JacobianMargin(norm="frobenius"),
    regressor=log_least_squares(),
    paper="jiang2019",
    summary="jacobian-margin-log with the Jacobian's Frobenius norm",
)
