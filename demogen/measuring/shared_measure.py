"""Measures that share their passes over the images with others."""

from abc import abstractmethod
from typing import Generic, TypeVar, final

from torch import Tensor

from demogen.measuring.predictor import Measure, Signature
from demogen.measuring.sweep import Reduction, reduce_images
from demogen.networks.network import Access, Network

Reduced = TypeVar("Reduced", bound=Reduction)


class SharedMeasure(Measure, Generic[Reduced]):
    """A measure of one sweep over the training images, or over the test inputs.

    It says what it makes of a batch (`reduction`) and of all batches (`summarize`), and leaves the
    passes to `demogen.measuring.sweep`, which takes those of all measures together. `access`
    decides over which images: training images, where it declares them.
    """

    @abstractmethod
    def reduction(self, network: Network) -> Reduced:
        """A new reduction for the images of a network.

        Raises:
            NotMeasurable: the measure has no value for this network; the message says why.
            PredictorError: a parameter is out of its range.
        """

    @abstractmethod
    def summarize(self, reduced: Reduced, network: Network) -> Signature:
        """The signature, from a reduction that has seen all images.

        Raises:
            NotMeasurable: the measure has no value for this network; the message says why.
        """

    @final
    def compute(self, network: Network) -> Signature:
        """The signature, by a sweep of its own."""
        return self.summarize(self.reduced(network), network)

    @final
    def reduced(self, network: Network) -> Reduced:
        """A reduction that has seen all images, in a sweep of its own."""
        images, labels = images_of(self, network)
        reduction = self.reduction(network)
        return reduce_images(network.module, images, labels, reduction, network.batch_size)


def images_of(measure: Measure, network: Network) -> tuple[Tensor, Tensor | None]:
    """The images that a shared measure is swept over, and their labels if it may read them."""
    if Access.TRAIN in measure.access:
        train = network.train
        return train.images, train.labels
    return network.test_inputs, None
