"""k-variance normalized margins (Chuang et al. 2021).

The paper's text was not at hand: definitions are from memory of it, and from the authors' code
(chingyaoc/kV-Margin, complexity.py at 0ab9068), which was read.
"""

from collections.abc import Mapping, Sequence
from typing import final

import torch
from torch import Tensor

from baselines.functional.k_variance import (
    KVarianceReduction,
    k_variance,
    median,
    normalizers,
    released_scores,
)
from baselines.functional.numbered_layers import first_strided, numbered_layers
from baselines.functional.tap_samples import hidden_among, outputs, sample_by_class
from demogen.errors import PredictorError
from demogen.images.subsampling import fixed_sample
from demogen.measuring.predictor import Predictor
from demogen.measuring.shared_measure import SharedMeasure
from demogen.networks.network import Access, Network
from demogen.schema.records import NetworkSpec

TAPS = ("h1", "h3")
"""Shallow and deep, as the paper compares the first and the eighth layer."""

RELEASED_LAYERS = {"shallow": (2, 3, 4, 5), "deep": (8, 9, 6, 7, 5, 4, 3, 2)}
"""Keras layers of which the release takes the first that has strides."""


@final
class KVarianceMargins(SharedMeasure[KVarianceReduction]):
    """Median margin over the k-variance of features (Chuang et al. 2021).

    Var_k is the expected Wasserstein distance W₁ between two independent samples of k features of a
    class, with features φ the activations at a tap. After the paper's section on its normalized
    margins, at taps h1 and h3:

    - <tap>.kv: median of ρ = f_y − max_{j≠y} f_j over all training images, divided by
      E_c[Lip_c Var_c], Lip_c the largest ‖∇_φ ρ‖₂ in class c, and E_c over the classes' shares;
    - <tap>.kv_gn: median of ρ / (‖∇_φ ρ‖₂ + ε) over all images, divided by E_c[Var_c].

    choice: one draw of Var_k, from two halves of a fixed sample of each class, so that k is at most
    per_class/2 (in the release 100 or so). A class of one image is left out of the expectations.

    As released: at the input of a layer chosen by its number, from at most 200 images a class drawn
    with numpy's seed 0, of which margins are taken in whole batches of 200; with the opposite sign.
    Features `shallow.` and `deep.` `kv` and `kv_gn`. Images come in the order of a lottery by
    content there, for the release's draws depend on the order.

    Args:
        released: as the release computes it; for chains of layers only.
        per_class: images of each class whose features are kept, a fixed sample by content.
        epsilon: ε.
        layer: where released, the number of the layer of `chain()`, from 0, whose input is taken
            in both places; None: as `RELEASED_LAYERS` says.
        seed: of the sample.
    """

    name = "k-variance-margins"
    access = Access.TRAIN
    cost = "1 forward + 1 backward, and 1 forward of per_class images of each class"

    def __init__(
        self,
        released: bool = False,
        per_class: int = 100,
        epsilon: float = 1e-6,
        layer: int | None = None,
        seed: int = 0,
    ) -> None:
        self.released = released
        self.per_class = per_class
        self.epsilon = epsilon
        self.layer = layer
        self.seed = seed

    def passes(self, spec: NetworkSpec, images: int) -> float | None:
        """Two, and those of the samples."""
        return 2 + min(self.per_class * spec.data.class_count, images) / images

    def reduction(self, network: Network) -> KVarianceReduction:
        """Margins and gradients; of no tap where it is read as released.

        Raises:
            NotMeasurable: the network has neither tap.
            PredictorError: `per_class` is below 2.
        """
        if self.per_class < 2:
            raise PredictorError(f"per_class must be at least 2, not {self.per_class}")
        taps = [] if self.released else hidden_among(network.module, TAPS)
        return KVarianceReduction(taps)

    def summarize(self, reduced: KVarianceReduction, network: Network) -> Mapping[str, float]:
        """Two features a place.

        Raises:
            NotMeasurable: features do not vary within classes, or no class has two images.
        """
        if self.released:
            return self._as_released(network)
        labels = network.train.labels
        shares, places = [], []
        for label in labels.unique():
            places.append(torch.nonzero(labels == label).flatten())
            shares.append(len(places[-1]) / len(labels))
        margins = reduced.margins()
        taps = hidden_among(network.module, TAPS)
        by_class = [self._variances(network, taps, own) for own in self._by_class(network)]
        signature = {}
        for tap, variances in zip(taps, zip(*by_class, strict=True), strict=True):
            norms = reduced.norms(tap)
            with_slopes, alone = normalizers(
                shares,
                variances,
                [float(norms[rows.to(norms.device)].max()) for rows in places],
            )
            signature[f"{tap}.kv"] = median(margins) / with_slopes
            signature[f"{tap}.kv_gn"] = median(margins / (norms + self.epsilon)) / alone
        return signature

    def _variances(self, network: Network, taps: Sequence[str], own: Tensor) -> list[float | None]:
        """Var_k of the images of a class at each tap: a class at a time, so that few are kept."""

        def run(x: Tensor) -> list[Tensor]:
            _, activations = network.module.forward_with_taps(x)
            return [activations[tap] for tap in taps]

        images = network.train.images[own]
        found = outputs(network.module, images, network.batch_size, run)
        return [k_variance(features) for features in found]

    def _by_class(self, network: Network) -> list[Tensor]:
        train = network.train
        return sample_by_class(train.images, train.labels, self.per_class, self.seed)

    def _as_released(self, network: Network) -> dict[str, float]:
        train, module, size = network.train, network.module, network.batch_size
        order = fixed_sample(train.images, len(train), self.seed)
        images, labels = train.images[order], train.labels[order]
        signature: dict[str, float] = {}
        for place, numbers in RELEASED_LAYERS.items():
            if self.layer is None:
                layers = numbered_layers(module)
                number = first_strided(layers, numbers)
            else:
                layers, number = [[part] for _, part in module.chain()], self.layer
            scores = released_scores(module, layers, number, images, labels, size)
            signature |= {f"{place}.{name}": score for name, score in scores.items()}
        return signature


K_VARIANCE_MARGIN = Predictor(
    "k-variance-margin",
    KVarianceMargins(),
    columns=("h1.kv",),
    paper="chuang2021",
    summary="least squares on the median margin over the k-variance and slope at h1",
)
K_VARIANCE_MARGIN_DEEP = Predictor(
    "k-variance-margin-deep",
    KVarianceMargins(),
    columns=("h3.kv",),
    paper="chuang2021",
    summary="least squares on the median margin over the k-variance and slope at h3",
)
K_VARIANCE_GN_MARGIN = Predictor(
    "k-variance-gn-margin",
    KVarianceMargins(),
    columns=("h1.kv_gn",),
    paper="chuang2021",
    summary="least squares on the median gradient-normalized margin over the k-variance at h1",
)
K_VARIANCE_GN_MARGIN_DEEP = Predictor(
    "k-variance-gn-margin-deep",
    KVarianceMargins(),
    columns=("h3.kv_gn",),
    paper="chuang2021",
    summary="least squares on the median gradient-normalized margin over the k-variance at h3",
)
