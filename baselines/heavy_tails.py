"""Heavy tails of the spectra of weights (Martin and Mahoney 2021), from the weights alone."""

from collections.abc import Callable, Mapping
from typing import final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from baselines.functional.heavy_tails import (
    FEWEST,
    RELEASED_ZERO,
    ZERO,
    PowerLaw,
    kept_layers,
    kept_layers_released,
    layer_spectra,
    power_law,
    power_law_released,
    tail_metrics,
)
from demogen._util.lookup import lookup
from demogen.errors import NotMeasurable, PredictorError
from demogen.measuring.passes import Passes
from demogen.measuring.predictor import Measure, Predictor
from demogen.networks.network import Network
from demogen.networks.tapped_module import TappedModule

WITH_A_TAIL = "networks with a layer of eight eigenvalues or more"
"""In words: the networks that have a layer to look at."""

Layers = Callable[[nn.Module], Mapping[str, nn.Conv2d | nn.Linear]]

VARIANTS: dict[str, Layers] = {"paper": kept_layers, "released": kept_layers_released}
"""Variant → the layers that it looks at."""


@final
class HeavyTails(Measure):
    """Means over the layers of power-law exponents, norms and stable ranks of their weights.

    Martin, Peng and Mahoney 2021, section "Methods" (from memory, the text was not at hand): λ are
    the eigenvalues of WᵀW of a layer, and α is the exponent of a power law fitted to their tail as
    Clauset, Shalizi and Newman 2009 do, at the λ_min nearest to it by the distance of Kolmogorov
    and Smirnov. Features are means over the layers of what `tail_metrics` of
    `baselines.functional.heavy_tails` gives: α, α̂ = α·log₁₀ λ_max, log₁₀ Σ λ^α, log₁₀ Σ λ,
    log₁₀ λ_max, Σ λ / λ_max, and the distance.

    choice: a convolution counts as one layer, with the eigenvalues of all its matrices (one for
    each position of the kernel) together; layers with fewer than 8 are left out; both as in
    weightwatcher, the authors' package; transposed convolutions do not count, and of a grouped one
    the groups' matrices stand one below the other. λ below 1e-10 of the layer's largest count as
    zero, so that α and the stable rank do not depend on the scale of a layer. Batch norm is not
    folded in, and biases do not count.

    Args:
        variant: "paper", or "released": weightwatcher 0.7.7's `analyze` and `get_summary` (on a
            CPU, with their defaults), read in its source and reproduced to 1e-12: λ of
            convolutions are halved and those below 1e-5 count as zero, which depends on the
            weights' scale; the distance is the one-sided one; below 20 eigenvalues α is corrected
            for their number and its tail holds 8 of them; where no law can be fitted α is −1 in
            the mean; very large layers are left out.
    """

    name = "heavy-tails"
    cost = Passes()
    applies_to = WITH_A_TAIL

    def __init__(self, variant: str = "paper") -> None:
        self.variant = variant

    def applicable(self, module: TappedModule) -> str | None:
        """Why there is no layer to look at, or None."""
        if self._kept(module):
            return None
        return f"no convolution or dense layer has {FEWEST} eigenvalues, which a tail needs"

    def compute(self, network: Network) -> Mapping[str, float]:
        """Features as `tail_metrics` names them.

        Raises:
            NotMeasurable: a weight is not finite; a layer's weights are all zero, or all of its
                eigenvalues are the same and follow no law.
            PredictorError: there is no such variant.
        """
        layers = [tail_metrics(*layer) for layer in self._layers(network).values()]
        return {
            feature: float(np.mean([metrics[feature] for metrics in layers]))
            for feature in layers[0]
        }

    def details(self, network: Network) -> dict[str, np.ndarray]:
        """Of each layer, shape (layers,): `layer`, its name; λ_min, `xmin`; and the features."""
        layers = self._layers(network)
        rows = [
            {"xmin": law.smallest, **tail_metrics(eigenvalues, law)}
            for eigenvalues, law in layers.values()
        ]
        arrays = {key: np.array([row[key] for row in rows]) for key in rows[0]}
        return {"layer": np.array(list(layers)), **arrays}

    def _kept(self, module: nn.Module) -> Mapping[str, nn.Conv2d | nn.Linear]:
        return lookup(self.variant, VARIANTS, "variant", PredictorError)(module)

    def _layers(self, network: Network) -> dict[str, tuple[NDArray[np.float64], PowerLaw]]:
        """Layer → its eigenvalues, and the law fitted to them."""
        spectra, layers = network.once(layer_spectra), {}
        for name, layer in self._kept(network.module).items():
            eigenvalues = spectra[name]
            if not eigenvalues.any():
                raise NotMeasurable(f"the weights of layer {name!r} are all zero")
            if self.variant == "released":
                if isinstance(layer, nn.Conv2d):
                    eigenvalues = eigenvalues / 2
                law = power_law_released(eigenvalues[eigenvalues > RELEASED_ZERO])
            else:
                law = _law(name, eigenvalues)
            layers[name] = eigenvalues, law
        return layers


def _law(name: str, eigenvalues: NDArray[np.float64]) -> PowerLaw:
    found = power_law(eigenvalues[eigenvalues > ZERO * eigenvalues[-1]])
    if found is None:
        raise NotMeasurable(
            f"all eigenvalues of layer {name!r} that are not zero are the same; no power law fits"
        )
    return found


HEAVY_TAIL_ALPHA = Predictor(
    "heavy-tail-alpha",
    HeavyTails(),
    columns=("alpha",),
    paper="martin2021",
    summary="least squares on the mean power-law exponent of the layers' spectra",
)
HEAVY_TAIL_ALPHA_HAT = Predictor(
    "heavy-tail-alpha-hat",
    HeavyTails(),
    columns=("alpha_weighted",),
    paper="martin2021",
    summary="least squares on the mean of the exponent times log₁₀ of the largest eigenvalue",
)
HEAVY_TAIL_LOG_ALPHA_NORM = Predictor(
    "heavy-tail-log-alpha-norm",
    HeavyTails(),
    columns=("log_alpha_norm",),
    paper="martin2021",
    summary="least squares on the mean log₁₀ of the sum of eigenvalues, each to the power α",
)
HEAVY_TAIL_LOG_NORM = Predictor(
    "heavy-tail-log-norm",
    HeavyTails(),
    columns=("log_norm",),
    paper="martin2021",
    summary="least squares on the mean log₁₀ of the layers' squared Frobenius norms",
)
HEAVY_TAIL_LOG_SPECTRAL_NORM = Predictor(
    "heavy-tail-log-spectral-norm",
    HeavyTails(),
    columns=("log_spectral_norm",),
    paper="martin2021",
    summary="least squares on the mean log₁₀ of the layers' largest eigenvalues",
)
HEAVY_TAIL_STABLE_RANK = Predictor(
    "heavy-tail-stable-rank",
    HeavyTails(),
    columns=("stable_rank",),
    paper="martin2021",
    summary="least squares on the mean stable rank of the layers",
)
HEAVY_TAIL_ALPHA_RELEASED = Predictor(
    "heavy-tail-alpha-released",
    HeavyTails(variant="released"),
    columns=("alpha",),
    paper="martin2021",
    summary="heavy-tail-alpha as weightwatcher 0.7.7 computes it",
)
HEAVY_TAIL_ALPHA_HAT_RELEASED = Predictor(
    "heavy-tail-alpha-hat-released",
    HeavyTails(variant="released"),
    columns=("alpha_weighted",),
    paper="martin2021",
    summary="heavy-tail-alpha-hat as weightwatcher 0.7.7 computes it",
)
