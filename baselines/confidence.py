"""Confidence on unlabelled test inputs, and how steady it is when they are turned (2021 to 2022).

The papers estimate the accuracy on shifted data from a labelled sample that was held out. Nothing
is held out here: a zoo has training images and unlabelled test inputs, and training images stand
where the papers have their held-out sample. That is kinder to networks that have learnt by heart.
The definitions are from memory of the papers, whose text was not at hand.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import final

import torch
from torch import Tensor

from baselines.functional.confidences import (
    effective_invariance,
    largest_probability,
    mean_difference,
    negative_entropy,
    share_below_threshold,
)
from baselines.functional.losses import LogitReduction, logits_of, logits_of_test_inputs
from demogen.errors import NotMeasurable
from demogen.measuring.passes import Passes
from demogen.measuring.predictor import Measure, Predictor
from demogen.measuring.rows import Rows
from demogen.measuring.shared_measure import SharedMeasure
from demogen.networks.network import Access, Network

_IMAGES_AT_A_TIME = 1024
"""Images that are turned at once."""


@final
class AverageConfidence(SharedMeasure[LogitReduction]):
    """Mean over test inputs of the largest softmax probability, and of the negative entropy.

    The average confidence that Garg et al. 2022 compare with in section 5; a calibrated network
    is right as often as it says.
    """

    name = "average-confidence"
    access = Access.TEST_INPUTS
    cost = Passes(1)

    def reduction(self, network: Network) -> LogitReduction:
        """Logits of the test inputs."""
        return LogitReduction()

    def summarize(self, reduced: LogitReduction, network: Network) -> Mapping[str, float]:
        """Features `confidence`, and `negative_entropy` in nats."""
        logits = reduced.logits()
        return {
            "confidence": float(largest_probability(logits).mean()),
            "negative_entropy": float(negative_entropy(logits).mean()),
        }


@final
class ThresholdedConfidence(Measure):
    """Error on the test inputs, as confidences on the training images foretell it, minus theirs.

    `difference` is the difference of average confidences, training images minus test inputs
    (Guillory et al. 2021, section 3). `atc_confidence` and `atc_entropy` are of average
    thresholded confidence (Garg et al. 2022, section 4): the share of test inputs whose score lies
    below the threshold below which as many training images lie as are classified wrongly, minus
    the share of those. Scores are the largest probability, and the negative entropy.

    choice: the threshold is a training image's own score, the k-th smallest if k are wrong (k from
    0). So with no error at all every test input counts as wrong of which the network is less sure
    than of any training image.
    """

    name = "thresholded-confidence"
    access = Access.TRAIN | Access.TEST_INPUTS
    cost = Passes(1)

    def compute(self, network: Network) -> Mapping[str, float]:
        """Features `difference`, `atc_confidence` and `atc_entropy`."""
        train = network.train
        known = logits_of(network.module, train.images, network.batch_size)
        unseen = logits_of_test_inputs(network)
        correct = known.argmax(1) == train.labels.to(known.device)
        error = float((~correct).double().mean())
        sure = largest_probability(known), largest_probability(unseen)
        entropies = negative_entropy(known), negative_entropy(unseen)
        return {
            "difference": mean_difference(*sure),
            "atc_confidence": share_below_threshold(sure[0], correct, sure[1]) - error,
            "atc_entropy": share_below_threshold(entropies[0], correct, entropies[1]) - error,
        }


@final
class TurnedConsistency(Measure):
    """How steady the classes of test inputs are when the images are turned, or mirrored.

    `rotation` is the effective invariance to quarter turns (Deng, Gould and Zheng 2022, section 3):
    √(p·p') where the image and the turned one get one class, else 0, averaged over the three
    quarter turns and the test inputs. `flip` is the same for images mirrored left to right.
    """

    name = "turned-consistency"
    access = Access.TEST_INPUTS
    cost = Passes(5)

    def compute(self, network: Network) -> Mapping[str, float]:
        """Features `rotation` and `flip`.

        Raises:
            NotMeasurable: the images are not square, or are no images.
        """
        images = network.test_inputs
        if images.ndim != 4 or images.shape[2] != images.shape[3]:
            raise NotMeasurable("its inputs are no square images, which can be turned")

        def logits(turned: Callable[[Tensor], Tensor]) -> Tensor:
            rows = Rows(len(images))
            for part in images.split(_IMAGES_AT_A_TIME):
                rows.append(logits_of(network.module, turned(part), network.batch_size))
            return rows.all()

        upright = logits_of_test_inputs(network)
        turns = [
            effective_invariance(upright, logits(partial(torch.rot90, k=turn, dims=(2, 3)))).mean()
            for turn in (1, 2, 3)
        ]
        mirrored = effective_invariance(upright, logits(lambda x: x.flip(3)))
        return {"rotation": float(torch.stack(turns).mean()), "flip": float(mirrored.mean())}


AVERAGE_CONFIDENCE = Predictor(
    "average-confidence",
    AverageConfidence(),
    columns=("confidence",),
    paper="garg2022",
    summary="least squares on the mean confidence on test inputs",
)
CONFIDENCE_DIFFERENCE = Predictor(
    "confidence-difference",
    ThresholdedConfidence(),
    columns=("difference",),
    paper="guillory2021",
    summary="least squares on the mean confidence on training images minus that on test inputs",
)
THRESHOLDED_CONFIDENCE = Predictor(
    "thresholded-confidence",
    ThresholdedConfidence(),
    columns=("atc_confidence",),
    paper="garg2022",
    summary="least squares on the gap that thresholded confidence foretells",
)
THRESHOLDED_ENTROPY = Predictor(
    "thresholded-entropy",
    ThresholdedConfidence(),
    columns=("atc_entropy",),
    paper="garg2022",
    summary="least squares on the gap that thresholded negative entropy foretells",
)
ROTATION_INVARIANCE = Predictor(
    "rotation-invariance",
    TurnedConsistency(),
    columns=("rotation",),
    paper="deng2022",
    summary="least squares on the effective invariance of test inputs to quarter turns",
)
FLIP_INVARIANCE = Predictor(
    "flip-invariance",
    TurnedConsistency(),
    columns=("flip",),
    paper="deng2022",
    summary="least squares on the effective invariance of test inputs to mirroring",
)
