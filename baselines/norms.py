"""Norms of weights, alone and over the margin (Jiang et al. 2020, Dziugaite et al. 2020).

Features bear the names of the published table of Dziugaite et al. 2020 (complexity.<feature>), and
hold what stands there: the measure itself, not yet divided by the number of training images m.
Equation numbers of Jiang et al. 2020 are those that the code of Dziugaite et al. gives
(nitarshan/robust-generalization-measures, data/generation/experiment_config.py at 8e90129).
Neither paper's text was at hand: definitions are from that code and from memory.
"""

import math
import sys
from collections.abc import Mapping
from typing import final

from torch import Tensor

from baselines.functional.losses import LogitReduction, logits_of
from baselines.functional.margins import output_margins
from baselines.functional.spectra import spectral_norms as norms_of_maps
from baselines.functional.weight_norms import (
    VARIANTS,
    frobenius_norms,
    log_squares,
    log_sum,
    log_sum_of_ratios,
    margin_of_tenth,
    moved,
    path_norm,
    spectral_norms,
    sum_of_squares,
)
from baselines.regressors import root_least_squares
from demogen._util.lookup import lookup
from demogen.errors import NotMeasurable, PredictorError
from demogen.measuring.least_squares import LeastSquares
from demogen.measuring.passes import Passes
from demogen.measuring.predictor import Measure, Predictor
from demogen.measuring.shared_measure import SharedMeasure
from demogen.networks.folding import folded_copy
from demogen.networks.homogeneity import FOLDED, AffineLayer, affine_layers, why_not_folded
from demogen.networks.network import Access, Network
from demogen.networks.tapped_module import TappedModule


@final
class WeightNorms(Measure):
    """Products, sums and ratios of the layers' squared norms, and the path norm.

    Jiang et al. 2020, appendix C. With W the weights of one of d layers, w all of them:
    `params` (Eq. 20) their number; `l2` ‖w‖₂; `param_norm` (Eq. 42) Σ ‖W‖_F²; `log_prod_of_spec`
    (Eq. 32) Σ ln ‖W‖₂²; `log_sum_of_spec` (Eq. 35) ln d·(∏ ‖W‖₂²)^(1/d); `log_prod_of_fro` and
    `log_sum_of_fro` (Eqs. 37 and 39) the same of ‖W‖_F; `fro_over_spec` (Eq. 33) Σ ‖W‖_F²/‖W‖₂²;
    `path_norm` (Eq. 44) the sum of the logits for an input of ones, all parameters squared.

    choice: batch norm is folded in first, and biases count in the path norm alone, both as in the
    authors' code. The spectral norm of a convolution is that of the linear map which it is; its
    Frobenius norm is that of its kernel.

    Args:
        variant: "paper"; "released": as the authors' code does it, where ‖W‖₂ of a convolution is
            that of the kernel as a matrix (out, in·h·w), and folded batch norm still divides by
            √(1 + eps); "released-fft": the code's second set, where ‖W‖₂ is found by Fourier
            transform as if every layer had stride 1 and the images' size.
    """

    name = "weight-norms"
    cost = Passes()
    applies_to = FOLDED

    def __init__(self, variant: str = "paper") -> None:
        self.variant = variant

    def applicable(self, module: TappedModule) -> str | None:
        """Why the network is no chain of layers, or None."""
        return why_not_folded(module)

    def compute(self, network: Network) -> Mapping[str, float]:
        """The nine features.

        Raises:
            NotMeasurable: a layer's weights are all zero, or not finite.
            PredictorError: there is no such variant.
        """
        layers, shape = _layers(network, self.variant), network.input_shape
        frobenius = frobenius_norms(layers)
        log_frobenius = log_squares(frobenius, layers)
        log_spectral = _log_spectral(network, layers, self.variant)
        squares = sum_of_squares(frobenius)
        return {
            "params": float(sum(layer.weight.numel() for layer in layers)),
            "l2": squares**0.5,
            "param_norm": squares,
            **_products(log_spectral, log_frobenius),
            "fro_over_spec": float((log_frobenius - log_spectral).exp().sum()),
            "path_norm": network.once(path_norm, shape, self.variant),
        }


@final
class InitialDistances(Measure):
    """How far the weights have moved from where they started.

    Jiang et al. 2020, appendix C. `l2_dist` is ‖w − w⁰‖₂; `fro_dist` (Eq. 40) Σ ‖W − W⁰‖_F²;
    `dist_spec_init` (Eq. 41) Σ ‖W − W⁰‖₂². Weights and norms are those of `WeightNorms`. choice:
    batch norm of the initial network is folded in as well, with its initial statistics, as in the
    authors' code.

    Args:
        variant: of the spectral norm, as in `WeightNorms`.
    """

    name = "initial-distances"
    access = Access.INITIAL
    cost = Passes()
    applies_to = FOLDED

    def __init__(self, variant: str = "paper") -> None:
        self.variant = variant

    def applicable(self, module: TappedModule) -> str | None:
        """Why the network is no chain of layers, or None."""
        return why_not_folded(module)

    def compute(self, network: Network) -> Mapping[str, float]:
        """The three features.

        Raises:
            NotMeasurable: a weight is not finite.
            PredictorError: there is no such variant.
        """
        differences = moved(_layers(network, self.variant), _initial_layers(network))
        squares = sum_of_squares(frobenius_norms(differences))
        spectral = spectral_norms(differences, self.variant, network.input_shape)
        return {
            "l2_dist": squares**0.5,
            "fro_dist": squares,
            "dist_spec_init": sum_of_squares(spectral),
        }


@final
class MarginNorms(SharedMeasure[LogitReduction]):
    """One over the squared margin, and the norms of `WeightNorms` over it.

    Jiang et al. 2020, appendix C. `inverse_margin` (Eq. 22) is 1/γ². `log_prod_of_spec_over_margin`
    (Eq. 31), `log_sum_of_spec_over_margin` (Eq. 34), the same two of Frobenius norms (Eqs. 36 and
    38) and `path_norm_over_margin` (Eq. 43) are the norms with ∏ ‖W‖² / γ² in the place of
    ∏ ‖W‖²; `log_spec_orig_main` (Eq. 30) is ln (∏ ‖W‖₂² / γ² · Σ ‖W‖_F² / ‖W‖₂²).

    γ is the margin f_y − max_{k≠y} f_k that a tenth of the training samples do not reach, the
    ⌊m/10⌋-th smallest. choice: its absolute value, as in the authors' code, where a network is
    wrong on more than a tenth; so only a margin of zero has no value.

    Args:
        variant: as in `WeightNorms`; the released ones take the margin of the network whose folded
            batch norm still divides by √(1 + eps), at the cost of one more pass.
    """

    name = "margin-norms"
    access = Access.TRAIN
    cost = Passes(1)
    applies_to = FOLDED

    def __init__(self, variant: str = "paper") -> None:
        self.variant = variant

    def applicable(self, module: TappedModule) -> str | None:
        """Why the network is no chain of layers, or None."""
        return why_not_folded(module)

    def reduction(self, network: Network) -> LogitReduction:
        """Logits of the training images.

        Raises:
            NotMeasurable: a layer's weights are all zero, or not finite.
            PredictorError: there is no such variant.
        """
        # Before any pass: what is wrong with a weight says more than its logits.
        _log_frobenius(network, self.variant)
        return LogitReduction()

    def summarize(self, reduced: LogitReduction, network: Network) -> Mapping[str, float]:
        """The seven features.

        Raises:
            NotMeasurable: a layer's weights are all zero or not finite, or the margin is zero, or
                its square is out of range.
        """
        layers, log_frobenius = _log_frobenius(network, self.variant)
        log_spectral = _log_spectral(network, layers, self.variant)
        margin = _margin(reduced, network, self.variant)
        if not sys.float_info.min <= margin * margin < math.inf:
            raise NotMeasurable(f"the square of its margin, {margin:.3g}, is out of range")
        products = _products(log_spectral, log_frobenius, 2 * math.log(margin))
        ratio = float((log_frobenius - log_spectral).logsumexp(dim=0))
        path = network.once(path_norm, network.input_shape, self.variant)
        return {
            "inverse_margin": margin**-2,
            **{f"{name}_over_margin": value for name, value in products.items()},
            "log_spec_orig_main": products["log_prod_of_spec"] + ratio,
            "path_norm_over_margin": path / margin**2,
        }


@final
class MarginDistance(SharedMeasure[LogitReduction]):
    """Ln (∏ ‖W‖₂² / γ² · Σ ‖W − W⁰‖_F² / ‖W‖₂²), the main term of a spectral bound.

    Jiang et al. 2020, Eq. 29; `log_spec_init_main` differs from `log_spec_orig_main` of
    `MarginNorms` in that weights are measured from where they started. Norms, margin and choices
    are those of `MarginNorms` and `InitialDistances`.

    Args:
        variant: as in `MarginNorms`.
    """

    name = "margin-distance"
    access = Access.TRAIN | Access.INITIAL
    cost = Passes(1)
    applies_to = FOLDED

    def __init__(self, variant: str = "paper") -> None:
        self.variant = variant

    def applicable(self, module: TappedModule) -> str | None:
        """Why the network is no chain of layers, or None."""
        return why_not_folded(module)

    def reduction(self, network: Network) -> LogitReduction:
        """Logits of the training images.

        Raises:
            NotMeasurable: a layer's weights are all zero, or not finite.
            PredictorError: there is no such variant.
        """
        _log_frobenius(network, self.variant)
        return LogitReduction()

    def summarize(self, reduced: LogitReduction, network: Network) -> Mapping[str, float]:
        """Feature `log_spec_init_main`.

        Raises:
            NotMeasurable: as for `MarginNorms`, or no layer has moved from its initial weights.
        """
        layers = _layers(network, self.variant)
        log_spectral = _log_spectral(network, layers, self.variant)
        distances = frobenius_norms(moved(layers, _initial_layers(network)))
        ratio = log_sum_of_ratios(distances, log_spectral)
        log_margin = 2 * math.log(_margin(reduced, network, self.variant))
        return {"log_spec_init_main": float(log_spectral.sum()) - log_margin + ratio}


def _layers(network: Network, variant: str) -> list[AffineLayer]:
    lookup(variant, dict.fromkeys(VARIANTS), "variant", PredictorError)
    return affine_layers(network.module, network.input_shape)


def _initial_layers(network: Network) -> list[AffineLayer]:
    return affine_layers(network.initial, network.input_shape)


def _log_frobenius(network: Network, variant: str) -> tuple[list[AffineLayer], Tensor]:
    layers = _layers(network, variant)
    return layers, log_squares(frobenius_norms(layers), layers)


def _log_spectral(network: Network, layers: list[AffineLayer], variant: str) -> Tensor:
    if variant == "paper":
        norms = network.once(norms_of_maps, network.input_shape)
    else:
        norms = spectral_norms(layers, variant, network.input_shape)
    return log_squares(norms, layers)


def _margin(reduced: LogitReduction, network: Network, variant: str) -> float:
    train = network.train
    logits = reduced.logits()
    if variant != "paper":
        released = folded_copy(network.module, keep_norms=True)
        logits = logits_of(released, train.images, network.batch_size)
    return margin_of_tenth(output_margins(logits, train.labels))


def _products(spectral: Tensor, frobenius: Tensor, log_margin: float = 0.0) -> dict[str, float]:
    """Logs of products and "sums" of squared norms over e^log_margin, from the norms' logs."""
    features = {}
    for kind, norms in (("spec", spectral), ("fro", frobenius)):
        product = float(norms.sum()) - log_margin
        features[f"log_prod_of_{kind}"] = product
        features[f"log_sum_of_{kind}"] = log_sum(product, len(norms))
    return features


def _predictor(
    name: str, measure: Measure, feature: str, what: str, paper: str = "jiang2020"
) -> Predictor:
    logarithm = feature.startswith("log_")
    return Predictor(
        name,
        measure,
        columns=(feature,),
        regressor=LeastSquares() if logarithm else root_least_squares(),
        paper=paper,
        summary=f"least squares on the {'log' if logarithm else 'root'} of {what}",
    )


_WEIGHTS, _DISTANCES, _MARGINS = WeightNorms(), InitialDistances(), MarginNorms()

WEIGHT_COUNT = _predictor("weight-count", _WEIGHTS, "params", "the number of weights")
L2 = _predictor("l2", _WEIGHTS, "l2", "the norm of all weights", "dziugaite2020")
PARAM_NORM = _predictor("param-norm", _WEIGHTS, "param_norm", "the squared norm of all weights")
LOG_PROD_OF_SPEC = _predictor(
    "log-prod-of-spec", _WEIGHTS, "log_prod_of_spec", "the product of squared spectral norms"
)
LOG_SUM_OF_SPEC = _predictor(
    "log-sum-of-spec",
    _WEIGHTS,
    "log_sum_of_spec",
    "the number of layers times the geometric mean of squared spectral norms",
)
LOG_PROD_OF_FRO = _predictor(
    "log-prod-of-fro", _WEIGHTS, "log_prod_of_fro", "the product of squared Frobenius norms"
)
LOG_SUM_OF_FRO = _predictor(
    "log-sum-of-fro",
    _WEIGHTS,
    "log_sum_of_fro",
    "the number of layers times the geometric mean of squared Frobenius norms",
)
FRO_OVER_SPEC = _predictor(
    "fro-over-spec", _WEIGHTS, "fro_over_spec", "the sum of squared Frobenius over spectral norms"
)
PATH_NORM = _predictor("path-norm", _WEIGHTS, "path_norm", "the path norm")

L2_DIST = _predictor(
    "l2-dist",
    _DISTANCES,
    "l2_dist",
    "the distance of all weights from initial ones",
    "dziugaite2020",
)
FRO_DIST = _predictor(
    "fro-dist", _DISTANCES, "fro_dist", "the squared distance of all weights from initial ones"
)
DIST_SPEC_INIT = _predictor(
    "dist-spec-init",
    _DISTANCES,
    "dist_spec_init",
    "the sum of squared spectral distances of layers from initial ones",
)

INVERSE_SQUARED_MARGIN = _predictor(
    "inverse-squared-margin", _MARGINS, "inverse_margin", "one over the squared output margin"
)
LOG_PROD_OF_SPEC_OVER_MARGIN = _predictor(
    "log-prod-of-spec-over-margin",
    _MARGINS,
    "log_prod_of_spec_over_margin",
    "the product of squared spectral norms over the squared margin",
)
LOG_SUM_OF_SPEC_OVER_MARGIN = _predictor(
    "log-sum-of-spec-over-margin",
    _MARGINS,
    "log_sum_of_spec_over_margin",
    "log-sum-of-spec with the product over the squared margin",
)
LOG_PROD_OF_FRO_OVER_MARGIN = _predictor(
    "log-prod-of-fro-over-margin",
    _MARGINS,
    "log_prod_of_fro_over_margin",
    "the product of squared Frobenius norms over the squared margin",
)
LOG_SUM_OF_FRO_OVER_MARGIN = _predictor(
    "log-sum-of-fro-over-margin",
    _MARGINS,
    "log_sum_of_fro_over_margin",
    "log-sum-of-fro with the product over the squared margin",
)
LOG_SPEC_ORIG_MAIN = _predictor(
    "log-spec-orig-main",
    _MARGINS,
    "log_spec_orig_main",
    "the main term of a spectral bound over the squared margin, measured from zero",
)
LOG_SPEC_INIT_MAIN = _predictor(
    "log-spec-init-main",
    MarginDistance(),
    "log_spec_init_main",
    "the main term of a spectral bound over the squared margin, measured from initial weights",
)
PATH_NORM_OVER_MARGIN = _predictor(
    "path-norm-over-margin",
    _MARGINS,
    "path_norm_over_margin",
    "the path norm over the squared margin",
)
