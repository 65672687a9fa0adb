"""Training loss of the normalized network (Liao et al. 2018)."""

import math
from collections.abc import Mapping
from typing import final

import numpy as np

from baselines.functional.losses import LogitReduction
from baselines.functional.normalized import (
    largest_outputs,
    log_output_norm,
    normalized_cross_entropy,
)
from demogen.images.subsampling import fixed_sample
from demogen.measuring.passes import Passes
from demogen.measuring.predictor import Predictor
from demogen.measuring.shared_measure import SharedMeasure
from demogen.networks.homogeneity import CHAINS, log_product_norm, why_not_homogeneous
from demogen.networks.network import Access, Network
from demogen.networks.tapped_module import TappedModule


@final
class NormalizedLoss(SharedMeasure[LogitReduction]):
    """Training cross-entropy of R·f̃, f̃ the network with every layer divided by its norm ρ_k.

    f̃ = f / ∏ρ_k (Liao et al. 2018, section 3.2 and Eq. 2). Batch norm is folded into the layer
    before it, as in Fig. 1; the first layer's norm includes its bias, an input of constant one
    (section 3.2). The loss is the mean over samples. R is of Eq. 6 of the later version,
    Generalization Puzzles in Deep Networks (2019).

    choice: biases of later layers, which the paper has none of, are in no norm and are divided by
    the norms of the layers up to theirs, so that f̃ is a multiple of f.

    Args:
        p: of the entrywise ℓp norm; 2 is Frobenius.
        divisor: each norm is divided by it. The papers take 100 with p = 1, whose norms are large.
        scale: R; 1 in all of the papers' experiments.
    """

    name = "normalized-loss"
    version = 2
    access = Access.TRAIN
    cost = Passes(1)
    applies_to = CHAINS

    def __init__(self, p: float = 2.0, divisor: float = 1.0, scale: float = 1.0) -> None:
        self.p = p
        self.divisor = divisor
        self.scale = scale

    def applicable(self, module: TappedModule) -> str | None:
        """Why the network is not positively homogeneous, or None."""
        return why_not_homogeneous(module)

    def reduction(self, network: Network) -> LogitReduction:
        """Logits of the training images.

        Raises:
            NotMeasurable: a layer's weights are all zero or not finite.
            ValueError: a parameter is out of its range.
        """
        self._log_norm(
            network
            # Before any pass: what is wrong with a weight says more than its logits.
        )
        return LogitReduction()

    def summarize(self, reduced: LogitReduction, network: Network) -> Mapping[str, float]:
        """Feature `normalized_loss`, nats.

        Raises:
            NotMeasurable: a layer's weights are all zero or not finite, or the logits after the
                division are not finite.
            ValueError: p < 1, or a divisor or scale that is not positive.
        """
        loss = normalized_cross_entropy(
            reduced.logits(), network.train.labels, self._log_norm(network)
        )
        return {"normalized_loss": loss}

    def details(self, network: Network) -> dict[str, np.ndarray]:
        """`largest_output`: of each training image, R·f̃ of the class that is most likely."""
        largest = largest_outputs(self.reduced(network).logits(), self._log_norm(network))
        return {"largest_output": largest.cpu().numpy()}

    def _log_norm(self, network: Network) -> float:
        return log_product_norm(network.module, self.p, self.divisor) - math.log(self.scale)


@final
class NormalizedLossOutput(SharedMeasure[LogitReduction]):
    """Training cross-entropy of f / ‖f(x₀)‖₂, x₀ one fixed training image, for any network.

    Generalization Puzzles in Deep Networks (2019), appendix H, where residual networks have no
    product of norms to divide by.

    choice: x₀, in the paper one image chosen at random, is the one that a hash of the pixels
    puts first. So it is the same for all networks that see the same images, in whatever order; only
    then are their losses comparable. Networks trained on other images have another x₀.
    """

    name = "normalized-loss-output"
    access = Access.TRAIN
    cost = Passes(1)

    def reduction(self, network: Network) -> LogitReduction:
        """Logits of the training images."""
        return LogitReduction()

    def summarize(self, reduced: LogitReduction, network: Network) -> Mapping[str, float]:
        """Feature `normalized_loss`, nats.

        Raises:
            NotMeasurable: f(x₀) is zero.
        """
        logits = reduced.logits()
        log_norm = log_output_norm(logits[_reference_image(network)])
        labels = network.train.labels
        return {"normalized_loss": normalized_cross_entropy(logits, labels, log_norm)}

    def details(self, network: Network) -> dict[str, np.ndarray]:
        """Index of x₀ among the training images, shape (1,)."""
        return {"reference_image": np.array([_reference_image(network)])}


def _reference_image(network: Network) -> int:
    return int(fixed_sample(network.train.images, 1))


NORMALIZED_LOSS = Predictor(
    "normalized-loss",
    NormalizedLoss(),
    paper="liao2018",
    summary="least squares on the training loss after dividing each layer by its norm",
)
NORMALIZED_LOSS_L1 = Predictor(
    "normalized-loss-l1",
    NormalizedLoss(p=1.0, divisor=100.0),
    paper="liao2018",
    summary="least squares on the training loss after dividing each layer by its ℓ1 norm / 100",
)
NORMALIZED_LOSS_OUTPUT = Predictor(
    "normalized-loss-output",
    NormalizedLossOutput(),
    paper="puzzles2019",
    summary="least squares on the training loss after dividing the output by its norm on one image",
)
