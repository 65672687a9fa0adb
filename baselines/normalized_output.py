"""Output margins of the normalized network (Generalization Puzzles in Deep Networks, 2019)."""

from collections.abc import Mapping
from typing import Any, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline
from torch import Tensor

from baselines.functional.losses import LogitReduction
from baselines.functional.margins import QUARTILES, quartile_signature
from baselines.functional.normalized import normalized_output_margins
from demogen.measuring.least_squares import LeastSquares
from demogen.measuring.passes import Passes
from demogen.measuring.predictor import Predictor
from demogen.measuring.shared_measure import SharedMeasure
from demogen.networks.homogeneity import CHAINS, log_product_norm, why_not_homogeneous
from demogen.networks.network import Access, Network
from demogen.networks.tapped_module import TappedModule


@final
class NormalizedOutputMargin(SharedMeasure[LogitReduction]):
    """Output margins η_n = f̃_y − max_{j≠y} f̃_j over the training set: the smallest and a box plot.

    Generalization Puzzles in Deep Networks (2019), appendices A and J. f̃ = f / ∏ρ_k is the network
    of `NormalizedLoss`. Features `output.<statistic>`: smallest, and lower_fence, q1, median, q3,
    upper_fence as in Jiang et al. 2019, section 3.2.

    choice: all samples count, misclassified ones with their negative margin. The paper's networks
    classify every training sample correctly.

    Args:
        p: of the entrywise ℓp norm; 2 is Frobenius.
        divisor: each norm is divided by it.
    """

    name = "normalized-output-margin"
    access = Access.TRAIN
    cost = Passes(1)
    applies_to = CHAINS

    def __init__(self, p: float = 2.0, divisor: float = 1.0) -> None:
        self.p = p
        self.divisor = divisor

    def applicable(self, module: TappedModule) -> str | None:
        """Why the network is not positively homogeneous, or None."""
        return why_not_homogeneous(module)

    def reduction(self, network: Network) -> LogitReduction:
        """Logits of the training images.

        Raises:
            NotMeasurable: a layer's weights are all zero or not finite.
            ValueError: a parameter is out of its range.
        """
        log_product_norm(
            network.module,
            self.p,
            self.divisor,
            # Before any pass: what is wrong with a weight says more than its logits.
        )
        return LogitReduction()

    def summarize(self, reduced: LogitReduction, network: Network) -> Mapping[str, float]:
        """Six statistics of the signed margins.

        Raises:
            NotMeasurable: a layer's weights are all zero or not finite, or the divided margins
                leave the range of a double.
            ValueError: p < 1, or a divisor that is not positive.
        """
        margins = self._margins(reduced, network)
        statistics = quartile_signature(margins).tolist()
        box = {f"output.{name}": value for name, value in zip(QUARTILES, statistics, strict=True)}
        return {"output.smallest": float(margins.min()), **box}

    def details(self, network: Network) -> dict[str, np.ndarray]:
        """The margins that the signature summarizes, in the order of the training images."""
        return {"output": self._margins(self.reduced(network), network).cpu().numpy()}

    def _margins(self, reduced: LogitReduction, network: Network) -> Tensor:
        log_norm = log_product_norm(network.module, self.p, self.divisor)
        return normalized_output_margins(reduced.logits(), network.train.labels, log_norm)


@final
class BoundedInverse(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """1 / η in units of the largest such value fitted, η₀ / max(η, η₀): in (0, 1], elementwise.

    η₀ is the smallest positive margin among the networks fitted, so on networks that classify
    every training sample correctly this is 1 / η up to a constant factor, as in appendix J of
    Generalization Puzzles in Deep Networks (2019).

    choice: a network with η ≤ 0, where the paper's bound says nothing, counts as the worst one that
    has a positive margin. The transform then never increases with η and has no pole.
    """

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Find η₀ of each column; 1 for a column without positive values, which then is constant.

        Args:
            X: margins, shape (networks, columns).
            y: ignored.
        """
        margins = np.asarray(X, dtype=np.float64)
        smallest = np.where(margins > 0, margins, np.inf).min(axis=0)
        self.smallest_ = np.where(np.isfinite(smallest), smallest, 1.0)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """η₀ / max(η, η₀), shape (networks, columns)."""
        inverse: NDArray[np.float64] = self.smallest_ / np.maximum(
            np.asarray(X, dtype=np.float64), self.smallest_
        )
        return inverse


NORMALIZED_OUTPUT_MARGIN = Predictor(
    "normalized-output-margin",
    NormalizedOutputMargin(),
    columns=("output.smallest", "output.q1", "output.median", "output.q3"),
    paper="puzzles2019",
    summary="least squares on the smallest normalized output margin and the quartiles",
)
INVERSE_MARGIN = Predictor(
    "inverse-margin",
    NormalizedOutputMargin(),
    columns=("output.smallest",),
    regressor=make_pipeline(BoundedInverse(), LeastSquares()),
    paper="puzzles2019",
    summary="least squares on one over the smallest normalized output margin",
)
