"""PAC-Bayes bounds and flatness by the noise that weights bear (Jiang et al. 2020).

Features bear the names of the published table of Dziugaite et al. 2020 (complexity.<feature>);
equation numbers are those that its code gives (nitarshan/robust-generalization-measures,
data/generation/experiment_config.py at 8e90129). The paper's text was not at hand: definitions are
from that code and from memory.
"""

import math
from collections.abc import Mapping
from typing import final

from baselines.functional.weight_noise import STEPS, Search, log_ratio, roots_of_sigma
from baselines.functional.weight_norms import frobenius_norms, moved, sum_of_squares
from baselines.regressors import root_least_squares
from demogen._util.lookup import lookup
from demogen.errors import PredictorError
from demogen.measuring.predictor import Measure, Predictor
from demogen.networks.homogeneity import FOLDED, affine_layers, why_not_folded
from demogen.networks.network import Access, Network
from demogen.networks.tapped_module import TappedModule
from demogen.schema.records import NetworkSpec

VARIANTS = ("paper", "released")

RELEASED_DRAWS = 10

_COST = "at most 2 × (1 + 15 × draws) forward, on a sample"


@final
class Flatness(Measure):
    """How little noise of the weights it takes to change the training accuracy by 0.1.

    Jiang et al. 2020, appendix C: `pacbayes_flatness` (Eq. 53) is 1/σ² for noise N(0, σ²) of every
    weight, `pacbayes_mag_flatness` (Eq. 61) the same for noise N(0, σ²w² + ε²) of a weight w, with
    ε = 1e-3; `pacbayes_orig` (Eq. 49) is the bound ‖w‖²/4σ² + ln(m/σ) + 10, with m training images.
    `sigma` and `sigma_mag` are the two σ. Noise is added to weights and biases, norms are of
    weights, batch norm is folded in first, all as in the authors' code.

    The root of σ is looked for between 0 and 2, by halving and then by interpolation, until the
    accuracy has changed by 0.1 ± 0.01 on average over the draws, at 15 points at most. choice: on
    a sample of the training images, chosen by content; the same draws serve every σ, so that the
    change is a smooth function of it; draws are seeded by the network's id. Units get their noise
    in the order of their norms, so that the number is the same in whatever order they are written.

    Args:
        variant: "paper"; "released": as the authors' code does it, where noise has the standard
            deviation σ², and σ²w² + ε² in proportion to weights, so that σ is about the root of
            the paper's; batch norm that was folded in stays in the network and gets noise as well;
            accuracy is of all training images, over ten draws. Their code draws anew for every σ
            and halves to the end.
        images: how many training images, a fixed sample by content; None: all.
        draws: of noise.
        seed: of the noise, besides the network's id.
    """

    name = "flatness"
    access = Access.TRAIN
    cost = _COST
    applies_to = FOLDED

    def __init__(
        self, variant: str = "paper", images: int | None = 64, draws: int = 6, seed: int = 0
    ) -> None:
        self.variant = variant
        self.images = images
        self.draws = draws
        self.seed = seed

    def applicable(self, module: TappedModule) -> str | None:
        """Why the network is no chain of layers, or None."""
        return why_not_folded(module)

    def passes(self, spec: NetworkSpec, images: int) -> float | None:
        """Passes over all images of two searches that go to the end."""
        return _passes(self, images)

    def compute(self, network: Network) -> Mapping[str, float]:
        """The five features.

        Raises:
            NotMeasurable: there are no images, or a weight or a logit is not finite.
            PredictorError: a parameter is out of its range.
        """
        norms = frobenius_norms(affine_layers(network.module, network.input_shape))
        sigma, sigma_mag = _sigmas(self, network)
        squares = sum_of_squares(norms)
        return {
            "sigma": sigma,
            "sigma_mag": sigma_mag,
            "pacbayes_orig": _bound(squares, sigma, network),
            "pacbayes_flatness": sigma**-2,
            "pacbayes_mag_flatness": sigma_mag**-2,
        }


@final
class PacBayes(Measure):
    """PAC-Bayes bounds whose prior is at the initial weights, or in proportion to weights.

    Jiang et al. 2020, appendix C. With σ of `Flatness`, σ' that of noise in proportion to weights,
    ω the number of weights and d = w − w⁰: `pacbayes_init` (Eq. 48) is ‖d‖²/4σ² + ln(m/σ) + 10;
    `pacbayes_mag_init` (Eq. 56) ¼ Σᵢ ln((ε² + (σ'² + 1)‖d‖²/ω) / (ε² + σ'²dᵢ²)) + ln(m/σ') + 10;
    `pacbayes_mag_orig` (Eq. 57) the same with ‖w‖ in the place of ‖d‖, and dᵢ all the same, as in
    the authors' code.

    Args:
        variant: as in `Flatness`.
        images: likewise.
        draws: likewise.
        seed: likewise.
    """

    name = "pac-bayes"
    access = Access.TRAIN | Access.INITIAL
    cost = _COST
    applies_to = FOLDED

    def __init__(
        self, variant: str = "paper", images: int | None = 64, draws: int = 6, seed: int = 0
    ) -> None:
        self.variant = variant
        self.images = images
        self.draws = draws
        self.seed = seed

    def applicable(self, module: TappedModule) -> str | None:
        """Why the network is no chain of layers, or None."""
        return why_not_folded(module)

    def passes(self, spec: NetworkSpec, images: int) -> float | None:
        """Passes over all images of two searches that go to the end."""
        return _passes(self, images)

    def compute(self, network: Network) -> Mapping[str, float]:
        """The three features.

        Raises:
            NotMeasurable: there are no images, or a weight or a logit is not finite.
            PredictorError: a parameter is out of its range.
        """
        layers = affine_layers(network.module, network.input_shape)
        differences = moved(layers, affine_layers(network.initial, network.input_shape))
        norm, distance = (math.hypot(*frobenius_norms(of)) for of in (layers, differences))
        sigma, sigma_mag = _sigmas(self, network)
        parts = [layer.weight for layer in differences]
        return {
            "pacbayes_init": _bound(distance * distance, sigma, network),
            "pacbayes_mag_init": _bound(0.0, sigma_mag, network)
            + log_ratio(distance, parts, sigma_mag) / 4,
            "pacbayes_mag_orig": _bound(0.0, sigma_mag, network)
            + log_ratio(norm, parts, sigma_mag) / 4,
        }


def _bound(squares: float, sigma: float, network: Network) -> float:
    return squares / (4 * sigma**2) + math.log(len(network.train) / sigma) + 10


def _sigmas(measure: Flatness | PacBayes, network: Network) -> tuple[float, float]:
    """σ of plain noise and of noise in proportion to weights."""
    lookup(measure.variant, dict.fromkeys(VARIANTS), "variant", PredictorError)
    if measure.draws < 1 or (measure.images is not None and measure.images < 1):
        raise PredictorError(
            f"{measure.draws} draws on {measure.images} images: both have to be at least 1"
        )
    released = measure.variant == "released"
    images, draws = _size(measure)
    key = f"{network.id}:{measure.seed}"
    search = Search.on(network.train, images, draws, key, released, network.batch_size)
    roots = network.once(roots_of_sigma, search)
    plain, magnitude = roots if released else (root**2 for root in roots)
    return plain, magnitude


def _size(measure: Flatness | PacBayes) -> tuple[int | None, int]:
    """Images and draws of a search."""
    if measure.variant == "released":
        return None, RELEASED_DRAWS
    return measure.images, measure.draws


def _passes(measure: Flatness | PacBayes, images: int) -> float:
    limit, draws = _size(measure)
    sampled = images if limit is None else min(limit, images)
    return 2 * (1 + STEPS * draws) * sampled / images


def _predictor(name: str, measure: Measure, feature: str, what: str) -> Predictor:
    return Predictor(
        name,
        measure,
        columns=(feature,),
        regressor=root_least_squares(),
        paper="jiang2020",
        summary=f"least squares on the root of {what}",
    )


PACBAYES_FLATNESS = _predictor(
    "pacbayes-flatness",
    Flatness(),
    "pacbayes_flatness",
    "one over σ², the noise of weights that changes the accuracy by 0.1",
)
PACBAYES_MAG_FLATNESS = _predictor(
    "pacbayes-mag-flatness",
    Flatness(),
    "pacbayes_mag_flatness",
    "one over σ², with noise in proportion to the weights",
)
PACBAYES_ORIG = _predictor(
    "pacbayes-orig", Flatness(), "pacbayes_orig", "the PAC-Bayes bound from the origin"
)
PACBAYES_INIT = _predictor(
    "pacbayes-init", PacBayes(), "pacbayes_init", "the PAC-Bayes bound from initial weights"
)
PACBAYES_MAG_INIT = _predictor(
    "pacbayes-mag-init",
    PacBayes(),
    "pacbayes_mag_init",
    "the PAC-Bayes bound from initial weights, with noise in proportion to the weights",
)
PACBAYES_MAG_ORIG = _predictor(
    "pacbayes-mag-orig",
    PacBayes(),
    "pacbayes_mag_orig",
    "the PAC-Bayes bound from the origin, with noise in proportion to the weights",
)
