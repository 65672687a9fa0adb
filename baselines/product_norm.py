"""Product of the layers' norms (Liao et al. 2018)."""

from collections.abc import Mapping
from typing import final

from demogen.measuring.passes import Passes
from demogen.measuring.predictor import Measure, Predictor
from demogen.networks.homogeneity import CHAINS, log_product_norm, why_not_homogeneous
from demogen.networks.network import Network
from demogen.networks.tapped_module import TappedModule


@final
class ProductNorm(Measure):
    """Log ∏ρ_k, the product of the norms of all layers, from the weights alone.

    Liao et al. 2018, Eq. 2 and section 5; Generalization Puzzles in Deep Networks (2019), appendix
    E. The norms are those of `NormalizedLoss`: batch norm folded in, the first layer with its bias.

    choice: the logarithm is the feature, where the papers plot the product, because the product of
    many norms is no double and differs by orders of magnitude even among like networks.

    Args:
        p: of the entrywise ℓp norm; 2 is Frobenius.
        divisor: each norm is divided by it.
    """

    name = "product-norm"
    cost = Passes()
    applies_to = CHAINS

    def __init__(self, p: float = 2.0, divisor: float = 1.0) -> None:
        self.p = p
        self.divisor = divisor

    def applicable(self, module: TappedModule) -> str | None:
        """Why the network is not positively homogeneous, or None."""
        return why_not_homogeneous(module)

    def compute(self, network: Network) -> Mapping[str, float]:
        """Feature `log_product_norm`.

        Raises:
            NotMeasurable: a layer's weights are all zero, or not finite.
            ValueError: p < 1, or a divisor that is not positive.
        """
        return {"log_product_norm": log_product_norm(network.module, self.p, self.divisor)}


PRODUCT_NORM = Predictor(
    "product-norm",
    ProductNorm(),
    paper="liao2018",
    summary="least squares on the log of the product of the layers' norms",
)
