"""Curvature and sharpness of the training loss at the parameters, and the Fisher-Rao norm.

Of the papers no text was at hand: the definitions are from memory. All are of a fixed sample of the
training images, chosen by content, and of the network as it is measured: in evaluation mode, with
all that was learnt (weights, biases, and scales and offsets of norms) as its parameters.
"""

import math
from collections.abc import Mapping
from typing import final

import torch

from baselines.functional.curvature import (
    Trace,
    Traces,
    gauss_newton_traces,
    leading_eigenvalues,
    linear_in_each_parameter,
    rest_traces,
    seeded,
)
from baselines.functional.loss_surface import LossSurface
from baselines.regressors import log_least_squares
from demogen._util.lookup import lookup
from demogen.errors import NotMeasurable, PredictorError
from demogen.images.subsampling import fixed_sample
from demogen.measuring.predictor import Measure, Predictor
from demogen.networks.network import Access, Network
from demogen.schema.records import NetworkSpec

PARAMETERS = {"all": False, "weights": True}
"""Parameters that are moved → whether those with fewer than two dimensions are left out."""


@final
class Curvature(Measure):
    """Trace and largest eigenvalue of the Hessian and of the Gauss-Newton matrix of the loss.

    The Hessian H of the mean cross-entropy, as Yao, Gholami, Keutzer and Mahoney 2020 look at it
    (section on methods: Hutchinson's estimator of the trace, iteration for the largest eigenvalue),
    and its positive part, the Gauss-Newton matrix G = (1/n) Σ Jᵀ (diag(p) − ppᵀ) J, which is the
    Fisher matrix of the network's own probabilities. ReLU networks have H almost everywhere.

    Largest eigenvalues are found by Lanczos iteration with full orthogonalization, until the
    residual is below `tolerance` times the eigenvalue, from which the error is some square: 1e-5 of
    it is usual at 0.01. Traces are estimates: features that end in `_se` are their standard errors.
    choice: tr G is exact on the subspace of the iteration, and estimated on what is left
    (Hutch++, Meyer et al. 2021); and tr H = tr G + tr(H − G), where the last is 0 for ReLU chains,
    in which every logit is linear in each single parameter, and Hutchinson's estimate for others.

    `magnitude_trace` is Σ wᵢ² H_ii: with noise of standard deviation σ|w| on every parameter w the
    loss rises by σ²/2 of it, to second order. That is the magnitude-aware sharpness of Jiang et al.
    2020 (appendix C) with the expected rise in the place of the search for σ, which the measure
    `flatness` makes.

    choice: a sample of 64 images, as the largest eigenvalue of all takes some fifteen passes. The
    random vectors are seeded by the network's id.

    Args:
        images: how many training images, a fixed sample by content; None: all.
        draws: random vectors for a trace, two at least.
        tolerance: of the residual, relative to the eigenvalue.
        parameters: "all", or "weights": biases, and what norms learn, stay as they are.
        seed: of the random vectors, besides the network's id.
    """

    name = "curvature"
    access = Access.TRAIN
    cost = "1 forward + about 40 backward, on a sample of the training images"

    def __init__(
        self,
        images: int | None = 64,
        draws: int = 10,
        tolerance: float = 0.01,
        parameters: str = "all",
        seed: int = 0,
    ) -> None:
        self.images = images
        self.draws = draws
        self.tolerance = tolerance
        self.parameters = parameters
        self.seed = seed

    def passes(self, spec: NetworkSpec, images: int) -> float | None:
        """About as many as `cost` says, over the sample: iterations end when they converge."""
        return 41 * _share(self.images, images)

    def compute(self, network: Network) -> Mapping[str, float]:
        """Features `<matrix>_max`, `<matrix>_trace`, `magnitude_trace`, and `_se` of each trace.

        The matrices are `hessian` and `gauss_newton`.

        Raises:
            NotMeasurable: there are no images, the logits or products with a matrix are not
                finite, the network has no such parameters or cannot be differentiated twice, or an
                iteration does not converge.
            PredictorError: fewer than two draws, or no known kind of parameters.
        """
        if self.draws < 2:
            raise PredictorError("curvature needs two draws at least, to know its standard error")
        surface = _surface(network, self.images, self.parameters)
        gauss_newton, hessian = leading_eigenvalues(
            surface, self.tolerance, self._generator(network, "start")
        )
        generator = self._generator(network, "gauss-newton")
        traces = gauss_newton_traces(surface, gauss_newton, self.draws, generator)
        rest = _NO_TRACES
        if not linear_in_each_parameter(network.module):
            rest = rest_traces(surface, self.draws, self._generator(network, "rest"))
        return {
            "gauss_newton_max": gauss_newton.value,
            "gauss_newton_trace": traces.plain.value,
            "gauss_newton_trace_se": traces.plain.error,
            "hessian_max": hessian.value,
            **_summed("hessian_trace", traces.plain, rest.plain),
            **_summed("magnitude_trace", traces.in_proportion, rest.in_proportion),
        }

    def _generator(self, network: Network, what: str) -> torch.Generator:
        return seeded(network.id, self.seed, what)


@final
class SamSharpness(Measure):
    """How much the loss rises at the nearest point uphill, in the distance of SAM or of ASAM.

    `sam_sharpness` is L(w + ρ ∇L/‖∇L‖₂) − L(w), of Foret, Kleiner, Mobahi and Neyshabur 2021,
    section 2 (Eq. 2 for p = 2): the step which SAM takes to approximate the largest loss within a
    distance of ρ. `asam_sharpness` is L(w + ρ_a w² ∇L/‖w ∇L‖₂) − L(w), products by element, of
    Kwon, Kim, Park and Choi 2021 (ASAM, the step of its section on adaptive sharpness): the same
    where a parameter's distance counts in proportion to its size, so that it does not change when a
    ReLU unit's incoming weights are multiplied and its outgoing ones divided by the same. choice: L
    is the mean cross-entropy of one sample of the training images in place of a mini-batch, without
    weight decay, and ASAM's step has no η added to |w|.

    Args:
        rho: ρ, the length of the step; theirs is 0.05.
        rho_adaptive: ρ_a; theirs is 0.5.
        images: how many training images, a fixed sample by content; None: all.
    """

    name = "sam-sharpness"
    access = Access.TRAIN
    cost = "3 forward + 1 backward, on a sample of the training images"

    def __init__(
        self, rho: float = 0.05, rho_adaptive: float = 0.5, images: int | None = 256
    ) -> None:
        self.rho = rho
        self.rho_adaptive = rho_adaptive
        self.images = images

    def passes(self, spec: NetworkSpec, images: int) -> float | None:
        """Four over the sample."""
        return 4 * _share(self.images, images)

    def compute(self, network: Network) -> Mapping[str, float]:
        """Features `sam_sharpness` and `asam_sharpness`.

        Raises:
            NotMeasurable: there are no images, the logits are not finite (here or there), or the
                gradient is zero.
        """
        surface = _surface(network, self.images)
        loss, gradient = surface.loss_and_gradient()
        w = surface.parameters
        length, adaptive_length = float(gradient.norm()), float((w * gradient).norm())
        if length == 0:
            raise NotMeasurable("the gradient of its loss is zero, so that no way leads uphill")
        uphill = w + self.rho / length * gradient
        # Where only parameters that are zero have a slope, none of the others leads uphill.
        share = self.rho_adaptive / adaptive_length if adaptive_length else 0.0
        adaptive = w + share * w.square() * gradient
        return {
            "sam_sharpness": surface.loss_at(uphill) - loss,
            "asam_sharpness": surface.loss_at(adaptive) - loss,
        }


@final
class FisherRao(Measure):
    """‖w‖_fr = √(wᵀ I w), the norm of the parameters by the Fisher matrix I of the network.

    Liang, Poggio, Rakhlin and Stokes 2019, section 3 (the definition of the Fisher-Rao norm).
    `fisher_rao` takes I = mean ∇ℓ ∇ℓᵀ over the training images with the labels trained on, which
    is the definition on the data at hand; `fisher_rao_model` takes the labels from the network's
    own probabilities, so that I is the Gauss-Newton matrix. Neither needs I: wᵀ∇ℓ is the change of
    the loss along w, which one derivative of the logits along w gives for every image.

    It does not change when a ReLU unit's incoming weights are multiplied and its outgoing ones
    divided by the same. Without biases w·∇f = (number of layers)·f (their theorem 3.1).

    Args:
        images: how many training images, a fixed sample by content; None: all.
    """

    name = "fisher-rao"
    access = Access.TRAIN
    cost = "1 forward + 3 backward, on a sample of the training images"

    def __init__(self, images: int | None = 256) -> None:
        self.images = images

    def passes(self, spec: NetworkSpec, images: int) -> float | None:
        """Four over the sample: the derivative of a pass backward counts as two."""
        return 4 * _share(self.images, images)

    def compute(self, network: Network) -> Mapping[str, float]:
        """Features `fisher_rao` and `fisher_rao_model`.

        Raises:
            NotMeasurable: there are no images, the logits are not finite, or the network cannot be
                differentiated twice.
        """
        surface = _surface(network, self.images)
        squares = surface.squared_slopes(surface.parameters)
        return {
            "fisher_rao": math.sqrt(squares.with_labels),
            "fisher_rao_model": math.sqrt(squares.of_the_network),
        }


_NO_TRACES = Traces(Trace(0.0, 0.0), Trace(0.0, 0.0))


def _summed(name: str, first: Trace, second: Trace) -> dict[str, float]:
    """The sum of two independent estimates, and its standard error."""
    return {
        name: first.value + second.value,
        f"{name}_se": math.hypot(first.error, second.error),
    }


def _surface(network: Network, images: int | None, parameters: str = "all") -> LossSurface:
    train = network.train
    count = len(train) if images is None else images
    sample = fixed_sample(train.images, count)
    return LossSurface(
        network.module,
        train.images[sample],
        train.labels[sample.to(train.labels.device)],
        network.batch_size,
        lookup(parameters, PARAMETERS, "parameters", PredictorError),
    )


def _share(wanted: int | None, images: int) -> float:
    """Of all images, the part that a sample is."""
    return 1.0 if wanted is None else min(wanted, images) / images


HESSIAN_TRACE_LOG = Predictor(
    "hessian-trace-log",
    Curvature(),
    columns=("hessian_trace",),
    regressor=log_least_squares(),
    paper="yao2020",
    summary="least squares on the log of the trace of the Hessian of the training loss",
)
HESSIAN_MAX_LOG = Predictor(
    "hessian-max-log",
    Curvature(),
    columns=("hessian_max",),
    regressor=log_least_squares(),
    paper="yao2020",
    summary="least squares on the log of the largest eigenvalue of the Hessian",
)
GAUSS_NEWTON_TRACE_LOG = Predictor(
    "gauss-newton-trace-log",
    Curvature(),
    columns=("gauss_newton_trace",),
    regressor=log_least_squares(),
    paper="yao2020",
    summary="hessian-trace-log with the Gauss-Newton matrix; the same on ReLU chains",
)
GAUSS_NEWTON_MAX_LOG = Predictor(
    "gauss-newton-max-log",
    Curvature(),
    columns=("gauss_newton_max",),
    regressor=log_least_squares(),
    paper="yao2020",
    summary="hessian-max-log with the Gauss-Newton matrix",
)
MAGNITUDE_SHARPNESS_LOG = Predictor(
    "magnitude-sharpness-log",
    Curvature(),
    columns=("magnitude_trace",),
    regressor=log_least_squares(),
    paper="jiang2020",
    summary="least squares on the log of how much the loss rises by noise in proportion to weights",
)
ASAM_SHARPNESS = Predictor(
    "asam-sharpness",
    SamSharpness(),
    columns=("asam_sharpness",),
    paper="kwon2021",
    summary="sam-sharpness with distances in proportion to the parameters, a step of 0.5",
)
SAM_SHARPNESS = Predictor(
    "sam-sharpness",
    SamSharpness(),
    columns=("sam_sharpness",),
    paper="foret2021",
    summary="least squares on how much the loss rises a step of 0.05 uphill",
)
FISHER_RAO_LOG = Predictor(
    "fisher-rao-log",
    FisherRao(),
    columns=("fisher_rao",),
    regressor=log_least_squares(),
    paper="liang2019",
    summary="least squares on the log of the Fisher-Rao norm, with the labels trained on",
)
FISHER_RAO_MODEL_LOG = Predictor(
    "fisher-rao-model-log",
    FisherRao(),
    columns=("fisher_rao_model",),
    regressor=log_least_squares(),
    paper="liang2019",
    summary="least squares on the log of the Fisher-Rao norm, with labels from the network",
)
