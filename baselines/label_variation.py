"""Label variation in latent geometry graphs: third place of PGDL (Lassance et al. 2020).

The paper's text was not at hand: definitions are from memory of it, and from the authors' code
(cadurosar/pgdl, VR, WCV, VPM_1 and VPM_80 at d116a17), which was read.
"""

import hashlib
import itertools
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import final

import numpy as np
import torch
from torch import Tensor

from baselines.functional.latent_graphs import (
    cosine_variation,
    mixed,
    nearest_variation,
    one_hot,
)
from baselines.functional.numbered_layers import input_of_layer, numbered_layers, through
from baselines.functional.tap_samples import hidden_among, outputs, sample_by_class
from demogen.errors import NotMeasurable, PredictorError
from demogen.images.subsampling import fixed_sample
from demogen.measuring.batches import finite
from demogen.measuring.predictor import Measure, Predictor
from demogen.networks.network import Access, Network
from demogen.networks.tapped_module import TappedModule
from demogen.schema.records import NetworkSpec

TAPS = ("h2", "h3")
"""The last hidden places, where the release takes the last layers."""

GRAPH = 500
"""Images of a graph: of all classes together where there are ten."""

_ROUNDING = 1e-12
"""Relative difference of two variations that sums of float64 numbers may make."""

_RELEASED_GRAPHS = 11
_RELEASED_COSINE, _RELEASED_NEAREST = 100_000, 2_000
"""What variations are divided by in the release."""

_RELEASED_CLASSES, _RELEASED_EACH = 10, 50


@final
class LabelVariation(Measure):
    """How labels vary over near neighbors in the last latent spaces (Lassance et al. 2020).

    The label variation tr(YᵀLY) of one-hot labels Y, over the number of samples of the graph (the
    paper's section on its three scores):

    - vr: of the graph of cosines to 20 neighbors, at h2, at h3 and of the logits; the mean absolute
      difference of successive ones, and the median over graphs of 500 images each;
    - wcv: of the graph of nearest neighbors with its normalized Laplacian, for 50 images of each of
      ten classes (500 in all); the larger of those at h2 and h3;
    - vpm: the same at h3 for 500 mixtures λx_i + (1 − λ)x_j, λ of Beta(2, 2) for each, and of their
      labels likewise; the median over graphs, drawn anew.

    As released: at the inputs of the last two layers (vr), of the last ⌊L/3⌋ + 1 of L (wcv) and
    of the last (vpm), whose neighbors are not made mutual; over 100,000 and 2,000 whatever the
    number of samples; wcv of ten classes with 50 images only. Images are the first of a lottery by
    content, where the release takes the first of its files.

    Args:
        released: as the release computes it; for chains of layers only.
        graphs: how many graphs vr is the median of, at most; where released up to 11.
        mixtures: how many graphs vpm is the median of.
        seed: of samples and mixtures; of mixtures together with the network's id.
    """

    name = "label-variation"
    access = Access.TRAIN
    cost = "1 forward of 500 images or mixtures for each graph"

    def __init__(
        self, released: bool = False, graphs: int = 4, mixtures: int = 3, seed: int = 0
    ) -> None:
        self.released = released
        self.graphs = graphs
        self.mixtures = mixtures
        self.seed = seed

    def passes(self, spec: NetworkSpec, images: int) -> float | None:
        """Of all graphs: those of vr, that of wcv, and those of vpm."""
        del spec
        once = min(GRAPH, images)
        return (min(self.graphs * GRAPH, images) + (1 + self.mixtures) * once) / images

    def compute(self, network: Network) -> Mapping[str, float]:
        """Features `vr`, `wcv` and `vpm`.

        Raises:
            NotMeasurable: there are too few images; or, where released, no chain of layers.
            PredictorError: a number of graphs is below 1.
        """
        train, module = network.train, network.module
        if self.graphs < 1 or self.mixtures < 1:
            raise PredictorError(
                f"graphs and mixtures must be at least 1, not {self.graphs} and {self.mixtures}"
            )
        if not len(train):
            raise NotMeasurable("there are no images to measure it on")
        if len(train) < 2:
            raise NotMeasurable("it has one training image, so no neighbors")
        if self.released:
            return self._as_released(network)
        taps = hidden_among(module, TAPS)
        size = network.batch_size

        def last_spaces(images: Tensor) -> list[Tensor]:
            def run(x: Tensor) -> list[Tensor]:
                logits, activations = module.forward_with_taps(x)
                return [*(activations[tap] for tap in taps), finite(logits)]

            return outputs(module, images, size, run)

        sample = fixed_sample(train.images, self.graphs * GRAPH, self.seed)
        balanced = torch.cat(self._balanced(network))
        targets = one_hot(train.labels[balanced])
        hidden = last_spaces(train.images[balanced])[:-1]
        worst = max(nearest_variation(space, targets) for space in hidden)

        def deepest(x: Tensor) -> Tensor:
            return module.forward_to(taps[-1], x)

        return {
            "vr": variation_rate(last_spaces, train.images[sample], train.labels[sample]),
            "wcv": worst / len(balanced),
            "vpm": self._of_mixtures(network, deepest, released=False),
        }

    def _balanced(self, network: Network, draw: int = 0) -> list[Tensor]:
        """Indices of as many images of each class, of 500 together; others in each draw."""
        train = network.train
        each = max(1, GRAPH // max(1, len(train.labels.unique())))
        return sample_by_class(train.images, train.labels, each, self.seed + draw)

    def _of_mixtures(
        self, network: Network, space: Callable[[Tensor], Tensor], released: bool
    ) -> float:
        """The feature vpm, in the space that a function makes of a batch of images."""
        train, module = network.train, network.module
        found = []
        for graph in range(self.mixtures):
            by_class = self._balanced(network, graph)
            # The release goes round the images of a class that has too few.
            each = max(1, GRAPH // len(by_class))
            chosen = torch.cat([_round(own, each) if released else own for own in by_class])
            partners, shares = drawn_mixtures(network.id, self.seed, graph, len(chosen))
            images = mixed(train.images[chosen], partners.to(chosen.device), shares)
            targets = mixed(one_hot(train.labels[chosen]), partners.to(chosen.device), shares)
            [features] = outputs(module, images, network.batch_size, lambda x: [space(x)])
            variation = nearest_variation(features, targets, symmetric=not released)
            found.append(variation / (_RELEASED_NEAREST if released else len(chosen)))
        return statistics.median(found)

    def _as_released(self, network: Network) -> dict[str, float]:
        train, module, size = network.train, network.module, network.batch_size
        layers = numbered_layers(module)
        if len(layers) < 2:
            raise NotMeasurable("it has one layer, and the released code reads two")
        order = fixed_sample(train.images, _RELEASED_GRAPHS * GRAPH, self.seed)
        by_class = sample_by_class(train.images, train.labels, _RELEASED_EACH, self.seed)
        return {
            "vr": released_variation_rate(
                module, train.images[order], train.labels[order], batch_size=size
            ),
            "wcv": released_worst_variation(module, train.images, train.labels, by_class, size),
            "vpm": self._of_mixtures(network, partial(through, layers[:-1]), released=True),
        }


def _round(rows: Tensor, count: int) -> Tensor:
    """So many of them, from the first on again where there are fewer."""
    return rows[torch.arange(count, device=rows.device) % len(rows)]


def variation_rate(
    spaces: Callable[[Tensor], Sequence[Tensor]],
    images: Tensor,
    labels: Tensor,
    size: int = GRAPH,
    scale: float | None = None,
) -> float:
    """Mean absolute difference of the label variation in successive spaces; median over graphs.

    Args:
        spaces: images of a graph ↦ their features in each space, (n, ...).
        images: (n, ...).
        labels: (n,).
        size: samples of a graph; those that do not fill one are left out, unless there is none.
        scale: what variations are divided by; None: the samples of a graph.
    """
    whole = max(1, len(labels) // size)
    differences = []
    for graph in range(whole):
        part = slice(graph * size, (graph + 1) * size)
        targets = one_hot(labels[part])
        found = [cosine_variation(space, targets) for space in spaces(images[part])]
        steps = [_difference(before, after) for before, after in itertools.pairwise(found)]
        differences.append(sum(steps) / len(steps) / (scale or len(targets)))
    return statistics.median(differences)


def _difference(before: float, after: float) -> float:
    """Of two variations; none where rounding alone may have made it."""
    difference = abs(after - before)
    return difference if difference > _ROUNDING * max(abs(before), abs(after)) else 0.0


def released_variation_rate(
    module: TappedModule,
    images: Tensor,
    labels: Tensor,
    size: int = GRAPH,
    batch_size: int = 256,
) -> float:
    """VR as the release computes it, for images in a given order.

    Args:
        module: a chain of layers, in evaluation mode.
        images: (n, ...).
        labels: (n,).
        size: samples of a graph, 500 in the release.
        batch_size: images a pass, at most.

    Raises:
        NotMeasurable: the network is no chain, or there are fewer images than a graph has.
    """
    if len(images) < size:
        raise NotMeasurable(f"the released code takes graphs of {size} images, and it has fewer")
    layers = numbered_layers(module)

    def spaces(images: Tensor) -> list[Tensor]:
        return [
            input_of_layer(module, layers, number, images, batch_size)
            for number in (len(layers) - 2, len(layers) - 1, len(layers))
        ]

    return variation_rate(spaces, images, labels, size, _RELEASED_COSINE)


def released_worst_variation(
    module: TappedModule,
    images: Tensor,
    labels: Tensor,
    by_class: Sequence[Tensor],
    batch_size: int = 256,
) -> float:
    """WCV as the release computes it, for given images of each class.

    Args:
        module: a chain of layers, in evaluation mode.
        images: (n, ...).
        labels: (n,).
        by_class: indices of the images of each class.
        batch_size: images a pass, at most.

    Raises:
        NotMeasurable: the network is no chain, or there are not 50 images of each of ten classes.
    """
    if len(by_class) < _RELEASED_CLASSES or min(map(len, by_class)) < _RELEASED_EACH:
        raise NotMeasurable(
            "the released code takes 50 images of each of ten classes, it has fewer"
        )
    chosen = torch.cat(list(by_class[:_RELEASED_CLASSES]))
    targets = one_hot(labels[chosen])
    layers = numbered_layers(module)
    numbers = range(max(0, len(layers) - len(layers) // 3 - 1), len(layers))
    return max(
        nearest_variation(
            input_of_layer(module, layers, number, images[chosen], batch_size), targets
        )
        / _RELEASED_NEAREST
        for number in numbers
    )


def drawn_mixtures(id: str, seed: int, graph: int, count: int) -> tuple[Tensor, Tensor]:
    """Partners and λ of Beta(2, 2) of the mixtures of a graph, by the network's id.

    Returns:
        int64 and float64, shape (count,) each.
    """
    digest = hashlib.sha256(f"{id}/{seed}/{graph}".encode()).digest()
    # numpy keeps what RandomState gives for good (NEP 19).
    random = np.random.RandomState(int.from_bytes(digest[:4], "big"))
    partners = random.permutation(count).astype(np.int64)
    return torch.from_numpy(partners), torch.from_numpy(random.beta(2.0, 2.0, count))


VARIATION_RATE = Predictor(
    "label-variation-rate",
    LabelVariation(),
    columns=("vr",),
    paper="lassance2020",
    summary="least squares on how label variation changes over the last latent spaces",
)
WORST_VARIATION = Predictor(
    "worst-label-variation",
    LabelVariation(),
    columns=("wcv",),
    paper="lassance2020",
    summary="least squares on the larger label variation over nearest neighbors at h2 and h3",
)
MIXTURE_VARIATION = Predictor(
    "mixture-label-variation",
    LabelVariation(),
    columns=("vpm",),
    paper="lassance2020",
    summary="least squares on the label variation over nearest neighbors at h3 of mixtures",
)
