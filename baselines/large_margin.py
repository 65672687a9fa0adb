"""The large margin loss at the input and hidden layers (Elsayed et al. 2018)."""

from collections.abc import Mapping
from typing import final

import numpy as np
from torch import Tensor

from baselines.functional.logit_gradients import ClassDistanceReduction
from demogen._util.lookup import lookup
from demogen.errors import PredictorError
from demogen.measuring.batches import sizes
from demogen.measuring.passes import Passes
from demogen.measuring.predictor import Predictor
from demogen.measuring.shared_measure import SharedMeasure
from demogen.networks.network import Access, Network

_ARE_PROBABILITIES = {"probabilities": True, "logits": False}
_COLUMNS = ("input.loss", "h1.loss", "h2.loss", "h3.loss")


@final
class LargeMargin(SharedMeasure[ClassDistanceReduction]):
    """Mean over samples of Σ_i [max{0, γ − max{d_i, (1 − α)γ}} − γ] at every tap.

    A baseline of Jiang et al. 2019 (section 4.1): the loss of Elsayed et al. 2018 at the taps, with
    d_i = (f_y − f_i) / (‖∇f_y − ∇f_i‖₂ + ε) the distance to the boundary with another class i, to
    first order (Jiang et al. 2019, Eq. 3), negative for misclassified samples, which stay in.
    Features `<tap>.loss`.

    choice: the paper's loss is Σ_i max{0, γ − d_i}. The authors' release also bounds d_i from below
    by (1 − α)γ, so that no sample counts for more than αγ, and subtracts γ from each term: what
    is left is minus the distance, clipped to [(1 − α)γ, γ]. It is computed as such, because γ is
    large against most distances. Least squares does not see the constant.

    Args:
        output: f are softmax "probabilities", as in the release, or "logits".
        classes: i runs over so many of the highest-scoring classes other than y; None: over all.
        gamma: γ > 0, the distance from which on a sample costs nothing, in units of the tap.
        alpha: α > 0.
        epsilon: ε, added to the norm of the gradient. In a saturated softmax that norm is far
            below ε, and the distance is governed by ε and γ.
    """

    name = "large-margin"
    access = Access.TRAIN
    cost = Passes(1, backward=1)

    def __init__(
        self,
        output: str = "probabilities",
        classes: int | None = 1,
        gamma: float = 1e4,
        alpha: float = 2.0,
        epsilon: float = 1e-8,
    ) -> None:
        self.output = output
        self.classes = classes
        self.gamma = gamma
        self.alpha = alpha
        self.epsilon = epsilon

    def reduction(self, network: Network) -> ClassDistanceReduction:
        """Distances to the other classes at the training images.

        Raises:
            PredictorError: a parameter is out of its range.
        """
        if not (self.gamma > 0 and self.alpha > 0 and self.epsilon >= 0):
            raise PredictorError(
                f"{self!r}: gamma and alpha have to be above 0, epsilon at least 0"
            )
        if self.classes is not None and self.classes < 1:
            raise PredictorError(f"{self!r}: classes has to be at least 1, or None for all")
        others = self.classes or sizes(network.module, network.train.images).classes - 1
        return ClassDistanceReduction(
            probabilities=lookup(self.output, _ARE_PROBABILITIES, "output", PredictorError),
            classes=others,
            epsilon=self.epsilon,
        )

    def summarize(self, reduced: ClassDistanceReduction, network: Network) -> Mapping[str, float]:
        """One number a tap."""
        losses = self._losses(reduced)
        return {f"{tap}.loss": float(loss.mean()) for tap, loss in losses.items()}

    def details(self, network: Network) -> dict[str, np.ndarray]:
        """Tap → the loss of each training image, in their order."""
        return {
            tap: loss.cpu().numpy() for tap, loss in self._losses(self.reduced(network)).items()
        }

    def _losses(self, reduced: ClassDistanceReduction) -> dict[str, Tensor]:
        least = (1 - self.alpha) * self.gamma
        return {
            tap: -distance.clamp(least, self.gamma).sum(dim=1)
            for tap, distance in reduced.distances().items()
        }


LARGE_MARGIN_LINEAR = Predictor(
    "large-margin-linear",
    LargeMargin(),
    columns=_COLUMNS,
    paper="jiang2019",
    summary="least squares on the large margin loss of the probabilities at four taps",
)
LARGE_MARGIN_LOGITS_LINEAR = Predictor(
    "large-margin-logits-linear",
    LargeMargin(output="logits"),
    columns=_COLUMNS,
    paper="jiang2019",
    summary="least squares on the large margin loss of the logits at four taps",
)
