"""Accuracy on images mixed with others, as a curve (Schiff et al. 2021).

The paper's text was not at hand: definitions are from memory of it and from the caption of its
figure 1. No code of the authors was read.
"""

import hashlib
from collections.abc import Mapping
from typing import final

import numpy as np
import torch
from torch import Tensor

from baselines.functional.perturbation_response import (
    gi_score,
    pal_score,
    partners,
    response_curve,
)
from baselines.functional.tap_samples import hidden_among
from demogen.errors import NotMeasurable, PredictorError
from demogen.images.subsampling import fixed_sample
from demogen.measuring.predictor import Measure, Predictor
from demogen.networks.network import Access, Network
from demogen.networks.tapped_module import INPUT
from demogen.schema.records import NetworkSpec

KINDS = {"intra": True, "inter": False}
"""Kinds of mixtures: whether the other image is of the same class."""


@final
class PerturbationResponse(Measure):
    """Gi-score and Pal-score of accuracies on mixtures with another image (Schiff et al. 2021).

    After the section on perturbation response (PR) curves, from memory and the caption of figure 1:
    A(a) is the accuracy on a sample of training images perturbed with magnitude a, here on mixtures
    (1 − a/2) x + (a/2) x' under the label of x, so that magnitudes a are scaled to [0, 1] and an
    image keeps at least half of itself; x' is another image of the same class ("intra") or of any
    other class ("inter"). The perturbation cumulative density (PCD) is P(a) = ∫₀ᵃ A, and a for an
    idealized network, which is always right.

    - <kind>.gi: ∫₀¹ (a − P(a)) da, the area between both, after the Gini coefficient;
    - <kind>.pal: ∫_{0.4}^1 P / ∫_0^{0.1} P, after the Palma ratio.

    choice: A is linear between the magnitudes measured, and both integrals are exact for that. The
    paper's sample is a tenth of the training images; this one is of so many. One partner for each
    image, the same at all magnitudes, drawn among all training images. An image that is alone in
    its class is left out of the curve within classes.

    Args:
        tap: the place where activations are mixed; "input": the images themselves.
        images: how many training images are perturbed, a fixed sample by content.
        magnitudes: at how many magnitudes from 0 to 1.
        seed: of the sample; of partners together with the network's id.
    """

    name = "perturbation-response"
    access = Access.TRAIN
    cost = "2 magnitudes forward, on a sample of the training images"

    def __init__(
        self, tap: str = INPUT, images: int = 500, magnitudes: int = 11, seed: int = 0
    ) -> None:
        self.tap = tap
        self.images = images
        self.magnitudes = magnitudes
        self.seed = seed

    def passes(self, spec: NetworkSpec, images: int) -> float | None:
        """A pass for each magnitude and kind, over the sample."""
        del spec
        return 2 * self.magnitudes * min(self.images, images) / images

    def compute(self, network: Network) -> Mapping[str, float]:
        """Features `intra.gi`, `intra.pal`, `inter.gi` and `inter.pal`.

        Raises:
            NotMeasurable: there is one class, none has two images, the network lacks the tap, or it
                is never right at the smallest magnitudes.
            PredictorError: there are fewer than two magnitudes.
        """
        signature = {}
        for kind, accuracies in self._curves(network).items():
            signature[f"{kind}.gi"] = gi_score(accuracies)
            signature[f"{kind}.pal"] = pal_score(accuracies)
        return signature

    def details(self, network: Network) -> dict[str, np.ndarray]:
        """The curves: `magnitude`, and accuracies `intra` and `inter`, shape (magnitudes,) each."""
        curves = {kind: np.array(curve) for kind, curve in self._curves(network).items()}
        return {"magnitude": np.linspace(0, 1, self.magnitudes), **curves}

    def _curves(self, network: Network) -> dict[str, list[float]]:
        if self.magnitudes < 2:
            raise PredictorError(f"magnitudes must be at least 2, not {self.magnitudes}")
        train, module = network.train, network.module
        if not len(train):
            raise NotMeasurable("there are no images to measure it on")
        (tap,) = hidden_among(module, [self.tap])
        order = fixed_sample(train.images, len(train), self.seed)
        curves = {}
        for kind in KINDS:
            first, second = self._pairs(train.labels[order], kind, network.id)
            curves[kind] = response_curve(
                module,
                train.images,
                train.labels,
                order[first.to(order.device)],
                order[second.to(order.device)],
                tap,
                self.magnitudes,
                network.batch_size,
            )
        return curves

    def _pairs(self, labels: Tensor, kind: str, id: str) -> tuple[Tensor, Tensor]:
        """Places of images and of their partners in the order of the lottery."""
        digest = hashlib.sha256(f"{id}/{self.seed}/{kind}".encode()).digest()
        # numpy keeps what RandomState gives for good (NEP 19).
        random = np.random.RandomState(int.from_bytes(digest[:4], "big"))
        count = min(self.images, len(labels))
        pairs = partners(labels.cpu().numpy(), count, KINDS[kind], random.random_sample(count))
        if len(pairs[0]) == 0:
            raise NotMeasurable(
                "no class has two training images, which could be mixed"
                if KINDS[kind]
                else "its training images are of one class, so there are no others to mix with"
            )
        first, second = map(torch.from_numpy, pairs)
        return first, second


GI_SCORE_INTRA = Predictor(
    "gi-score-intra",
    PerturbationResponse(),
    columns=("intra.gi",),
    paper="schiff2021",
    summary="least squares on the Gi-score of accuracies on mixtures within classes",
)
PAL_SCORE_INTRA = Predictor(
    "pal-score-intra",
    PerturbationResponse(),
    columns=("intra.pal",),
    paper="schiff2021",
    summary="least squares on the Pal-score of accuracies on mixtures within classes",
)
GI_SCORE_INTER = Predictor(
    "gi-score-inter",
    PerturbationResponse(),
    columns=("inter.gi",),
    paper="schiff2021",
    summary="least squares on the Gi-score of accuracies on mixtures between classes",
)
PAL_SCORE_INTER = Predictor(
    "pal-score-inter",
    PerturbationResponse(),
    columns=("inter.pal",),
    paper="schiff2021",
    summary="least squares on the Pal-score of accuracies on mixtures between classes",
)
