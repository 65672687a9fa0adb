"""Training loss of the normalized network (Liao et al. 2018)."""

import math
from collections.abc import Mapping
from typing import final

from baselines.functional.losses import logits_of, normalized_cross_entropy
from demogen.homogeneity import affine_layers, log_norms, why_not_homogeneous
from demogen.network import Access, Network
from demogen.predictor import Measure, Predictor
from demogen.tapped import TappedModule


@final
class NormalizedLoss(Measure):
    """Training cross-entropy of f̃, the network with every layer's weights divided by their norm.

    Batch norm is folded into the layer before it; the first layer's norm includes its bias.

    Args:
        p: of the entrywise ℓp norm; 2 is Frobenius.
        divisor: each norm is divided by it. The papers take 100 with p = 1, whose norms are large.
    """

    name = "normalized-loss"
    access = Access.TRAIN

    def __init__(self, p: float = 2.0, divisor: float = 1.0) -> None:
        self.p = p
        self.divisor = divisor

    def applicable(self, module: TappedModule) -> str | None:
        """Why the network is not positively homogeneous, or None."""
        return why_not_homogeneous(module)

    def compute(self, network: Network) -> Mapping[str, float]:
        """Feature `normalized_loss`, nats.

        Raises:
            NotMeasurable: a layer's weights are all zero, or the logits are not finite.
        """
        images, labels = network.train.images, network.train.labels
        logits = logits_of(network.module, images, network.batch_size)
        layers = affine_layers(network.module, tuple(images.shape[1:]))
        norms = log_norms(layers, self.p) - math.log(self.divisor)
        return {"normalized_loss": normalized_cross_entropy(logits, labels, norms)}


NORMALIZED_LOSS = Predictor(
    "normalized-loss",
    NormalizedLoss(),
    paper="liao2018",
    summary="least squares on the training loss after dividing each layer by its norm",
)
