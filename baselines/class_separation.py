"""Separation of classes and mixing within them: the winner of PGDL (Natekar and Sharma 2020).

The paper's text was not at hand: definitions are from memory of it, and from the authors' code
(parthnatekar/pgdl, complexitymeasures.py at fadc470), which was read.
"""

from collections.abc import Iterator, Mapping
from typing import final

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.functional.class_mixtures import mean_mixture_accuracy
from baselines.functional.clusters import davies_bouldin
from baselines.functional.numbered_layers import first_strided, input_of_layer, numbered_layers
from baselines.functional.tap_samples import hidden_among, outputs, sample_by_class
from demogen.errors import NotMeasurable, PredictorError
from demogen.images.subsampling import fixed_sample
from demogen.measuring.predictor import Measure, Predictor
from demogen.networks.network import Access, Network
from demogen.networks.tapped_module import TappedModule
from demogen.schema.records import NetworkSpec

_RELEASED_DRAWS = (10, 120)
"""Draws of the index, and samples of each, in the release."""

_RELEASED_GROUPS = (10, 10)
"""Batches of mixtures, and samples of each class in them on average, in the release."""

_RELEASED_LAYERS = (0, 1, 2)


@final
class ClassSeparation(Measure):
    """Davies-Bouldin index of the classes at a hidden tap, and errors on mixtures within a class.

    Natekar and Sharma 2020, the sections on consistency and on robustness of representations:

    - davies_bouldin: mean over classes of max_j (S_i + S_j) / ‖μ_i − μ_j‖₂, S_i the root of the
      mean squared distance of a class's activations from their mean μ_i;
    - mixup_error: 1 − the accuracy on (x + x')/2 for pairs x, x' of a class, averaged over classes;
    - product: of both.

    choice: at the first hidden tap, as the release takes the first layer with strides; each image
    of a fixed sample of a class is mixed with a few others of it, which says more than all pairs of
    fewer images. A class of one image has no pairs and is left out of the error.

    As released: distances are averaged and not their squares; activations are max-pooled 4×4; the
    index is a mean over ten draws of 120 samples, and mixtures come in ten batches of ten a class.
    The draws here are the first of a lottery by content, where the release shuffles (it takes "the
    first" for mixtures, which depends on a folder's order).

    Args:
        released: as the release computes it; for chains of layers only.
        tap: the place, where not released.
        images: how many images the index is of, a fixed sample by content.
        per_class: how many images of each class are mixed, a fixed sample by content.
        partners: with how many others each of them is.
        layer: where released, the number of the layer of `chain()`, from 0, whose output is read;
            None: the first with strides of Keras's layers 0, 1, 2.
        seed: of the samples.
    """

    name = "class-separation"
    access = Access.TRAIN
    cost = "1 forward of a sample of images, and partners forward of per_class images of each class"

    def __init__(
        self,
        released: bool = False,
        tap: str = "h1",
        images: int = 1000,
        per_class: int = 100,
        partners: int = 4,
        layer: int | None = None,
        seed: int = 0,
    ) -> None:
        self.released = released
        self.tap = tap
        self.images = images
        self.per_class = per_class
        self.partners = partners
        self.layer = layer
        self.seed = seed

    def passes(self, spec: NetworkSpec, images: int) -> float | None:
        """A pass, and the mixtures."""
        classes = spec.data.class_count
        if self.released:
            groups, each = _RELEASED_GROUPS
            mixtures = groups * each * (each - 1) / 2
        else:
            mixed = min(self.per_class, images / classes)
            mixtures = mixed * min(self.partners, mixed / 2)
        return (min(self.images, images) + mixtures * classes) / images

    def compute(self, network: Network) -> Mapping[str, float]:
        """Features `davies_bouldin`, `mixup_error` and `product`.

        Raises:
            NotMeasurable: there is one class, two have the same mean, or none has two images.
            PredictorError: a parameter leaves no two images to compare.
        """
        train, module, size = network.train, network.module, network.batch_size
        if min(self.images, self.per_class) < 2 or self.partners < 1:
            raise PredictorError(
                "images and per_class must be at least 2 and partners 1, not "
                f"{self.images}, {self.per_class} and {self.partners}"
            )
        if not len(train):
            raise NotMeasurable("there are no images to measure it on")
        if self.released:
            order = fixed_sample(train.images, len(train), self.seed)
            index = released_index(
                module, train.images, train.labels, _draws(order), self.layer, size
            )
            groups = _groups(order, int(train.labels.max()) + 1)
            partners = None
        else:
            sample = fixed_sample(train.images, self.images, self.seed)
            index = davies_bouldin(self._activations(network, sample))
            by_class = sample_by_class(train.images, train.labels, self.per_class, self.seed)
            groups = [torch.cat(by_class)]
            partners = self.partners
        accuracy = mean_mixture_accuracy(module, train.images, train.labels, groups, partners, size)
        if accuracy is None:
            raise NotMeasurable("no class has two images in every batch, which could be mixed")
        error = 1 - accuracy
        return {"davies_bouldin": index, "mixup_error": error, "product": index * error}

    def _activations(self, network: Network, sample: Tensor) -> Iterator[Tensor]:
        """Those of a sample at the tap, class by class."""
        train, module = network.train, network.module
        [tap] = hidden_among(module, [self.tap])
        labels = train.labels[sample]
        for label in labels.unique():
            images = train.images[sample[labels == label]]
            [at_tap] = outputs(
                module, images, network.batch_size, lambda x: [module.forward_to(tap, x)]
            )
            yield at_tap


def released_index(
    module: TappedModule,
    images: Tensor,
    labels: Tensor,
    draws: list[Tensor],
    layer: int | None = None,
    batch_size: int = 256,
) -> float:
    """The Davies-Bouldin index as the release computes it, on given draws.

    Args:
        module: a chain of layers, in evaluation mode.
        images: (n, c, h, w).
        labels: (n,).
        draws: indices of the images of each draw.
        layer: see `ClassSeparation`.
        batch_size: images a pass, at most.

    Raises:
        NotMeasurable: the network is no chain, or its first three layers have no strides.
    """
    if layer is None:
        layers = numbered_layers(module)
        number = first_strided(layers, _RELEASED_LAYERS)
    else:
        layers, number = [[part] for _, part in module.chain()], layer
    used = torch.cat(draws).unique()
    maps = input_of_layer(module, layers, number + 1, images[used], batch_size)
    if maps.ndim != 4 or min(maps.shape[2:]) < 4:
        raise NotMeasurable("the released code pools 4×4, and its first maps are smaller")
    pooled = F.max_pool2d(maps, 4).flatten(1).double()
    rows = [torch.searchsorted(used, draw) for draw in draws]
    found = [
        davies_bouldin(
            [pooled[row[labels[draw] == label]] for label in labels[draw].unique()], exponent=1
        )
        for row, draw in zip(rows, draws, strict=True)
    ]
    return sum(found) / len(found)


def _draws(order: Tensor) -> list[Tensor]:
    draws, samples = _RELEASED_DRAWS
    places = torch.arange(draws * samples, device=order.device) % len(order)
    return list(order[places].split(samples))


def _groups(order: Tensor, classes: int) -> list[Tensor]:
    groups, each = _RELEASED_GROUPS
    places = torch.arange(groups * each * classes, device=order.device) % len(order)
    return list(order[places].split(each * classes))


DAVIES_BOULDIN_MIXUP = Predictor(
    "davies-bouldin-mixup",
    ClassSeparation(),
    columns=("product",),
    paper="natekar2020",
    summary="least squares on the Davies-Bouldin index at h1 times the error on mixtures",
)
LABEL_WISE_MIXUP = Predictor(
    "label-wise-mixup",
    ClassSeparation(),
    columns=("mixup_error",),
    paper="natekar2020",
    summary="least squares on the error on means of two training images of a class",
)
