"""Measuring a fixed sample of a network's images, and the standard errors that come of it."""

import functools
import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from demogen.errors import NotMeasurable, ZooError
from demogen.images.subsampling import fixed_sample
from demogen.measuring.cache_lines import Outcome
from demogen.measuring.predictor import Measure, Signature
from demogen.measuring.together import measure_together
from demogen.networks.network import Access, LabeledImages, Network
from demogen.schema.image_sets import IMAGE_SETS
from demogen.schema.records import Data

IMAGES = Access.TRAIN | Access.TEST_INPUTS
"""What a measure reads of the image set."""

GROUPS = 10
"""Disjoint groups that a sample is divided into, to see how much a signature varies."""

SMALLEST = 2 * GROUPS
"""Images of the smallest sample: two a group."""

STUDENT = 2.262
"""Standard errors of a 95 % interval: Student's t at 0.975 for `GROUPS` − 1 degrees of freedom."""

_ROUNDING = 1e-6
"""By which part of itself a feature may differ because images meet in other batches."""

_SEED = 1
"""Of the lottery. Not that of measures which draw images themselves: they would draw those that
stand first in the sample, and groups would not be random parts of it."""


def check_limit(limit: int | None) -> None:
    """Refuse a sample of too few images.

    Raises:
        ZooError: it cannot be divided into groups of two images.
    """
    if limit is not None and limit < SMALLEST:
        raise ZooError(
            f"a sample of {limit} images is too small: its standard error comes of {GROUPS} groups "
            f"of two or more; raise the image limit to {SMALLEST} at least"
        )


def limit_for(limit: int | None, measure: Measure, data: Data) -> int | None:
    """The limit, if it leaves out images that a measure reads of a network; else None.

    Of an image set whose size is not known by its name, it is taken to leave some out.
    """
    if limit is None or not measure.access & IMAGES:
        return None
    facts = IMAGE_SETS.get(data.images)
    if facts is None:
        return limit
    sizes = {Access.TRAIN: data.train_size or facts.train_size, Access.TEST_INPUTS: facts.test_size}
    return limit if any(limit < sizes[part] for part in measure.access & IMAGES) else None


@dataclass(frozen=True)
class ImageSample:
    """A network with a sample of its images, and with each of the groups that this falls into.

    Attributes:
        network: with at most so many training images, and so many test inputs.
        groups: the same network with the images of one group each.
        left_out: kind of images → the share of all images that is not in the sample.
    """

    network: Network
    groups: Sequence[Network]
    left_out: Mapping[Access, float]

    @classmethod
    def of(cls, network: Network, limit: int, access: Access) -> "ImageSample":
        """Draw by content: the sample is the same in whatever order the images come.

        Args:
            network: with access to everything.
            limit: how many images of a kind to take, at most.
            access: the kinds that are read; others are left as they are.
        """
        network = network.remembering()
        trains: list[LabeledImages | None] = [None] * (1 + GROUPS)
        inputs: list[Tensor | None] = [None] * (1 + GROUPS)
        left_out = {}
        if Access.TRAIN in access and network.why_without(Access.TRAIN) is None:
            train = network.train
            parts = _parts(train.images, limit)
            trains = [LabeledImages(train.images[part], train.labels[part]) for part in parts]
            left_out[Access.TRAIN] = 1 - len(parts[0]) / max(1, len(train))
        if Access.TEST_INPUTS in access and network.why_without(Access.TEST_INPUTS) is None:
            test_inputs = network.test_inputs
            parts = _parts(test_inputs, limit)
            inputs = [test_inputs[part] for part in parts]
            left_out[Access.TEST_INPUTS] = 1 - len(parts[0]) / max(1, len(test_inputs))
        sample, *groups = map(network.with_images, trains, inputs)
        return cls(sample, groups, left_out)


def _parts(images: Tensor, limit: int) -> list[Tensor]:
    """Indices of the sample, and of each of its groups."""
    order = fixed_sample(images, limit, _SEED)
    # Each group a stretch of the lottery's order, which is none of the images.
    return [order, *order.tensor_split(GROUPS)]


def measure_sample(
    measures: Mapping[str, Measure], network: Network, limit: int
) -> Iterator[tuple[str, Outcome]]:
    """What each of several measures gives on a sample of a network's images, with standard errors.

    Args:
        measures: by any key.
        network: with access to everything.
        limit: how many images of a kind the sample has, at most.

    Yields:
        Key and outcome, whose seconds are those of the sample and of its groups.
    """
    access = functools.reduce(operator.or_, (measure.access for measure in measures.values()))
    try:
        sample = ImageSample.of(network, limit, access)
    except (ZooError, NotMeasurable) as error:
        for key in measures:
            yield key, Outcome(None, str(error), 0.0, fault=isinstance(error, ZooError))
        return
    outcomes = measure_together(measures, sample.network)
    measured = {key: measures[key] for key, one in outcomes.items() if one.signature is not None}
    groups = [measure_together(measured, group) for group in sample.groups]
    for key, outcome in outcomes.items():
        left_out = [sample.left_out.get(part, 0.0) for part in measures[key].access]
        if outcome.signature is not None and any(left_out):
            found = [group[key].signature or {} for group in groups]
            taken = math.fsum(group[key].share_seconds or 0.0 for group in groups)
            outcome = replace(
                outcome,
                seconds=outcome.seconds + taken,
                share_seconds=(outcome.share_seconds or 0.0) + taken,
                errors=standard_errors(outcome.signature, found, max(left_out)),
            )
        yield key, outcome


def standard_errors(
    signature: Signature, groups: Sequence[Signature], left_out: float
) -> dict[str, float]:
    """Feature → standard error of its value on a sample, as an estimate of that on all images.

    With T on the sample and T_g on each of G groups, √(f Σ (T_g − T)² / (G (G − 1))): f is the
    share of all images that was left out, the correction for drawing without replacement.
    choice: about T and not about the mean of the T_g, which differs from T where a feature depends
    on how many images there are; the intervals then hold all images more often.

    Args:
        signature: of the sample.
        groups: signatures of its groups.
        left_out: the share f.

    Returns:
        Nothing of a feature that a group lacks, or that depends on how many images there are, as a
        norm of all images does, or their smallest margin: where T lies outside the 95 % interval
        about the mean of the T_g.
    """
    errors = {}
    for feature, value in signature.items():
        if not all(feature in group for group in groups):
            continue
        found = np.array([group[feature] for group in groups])
        of_mean = found.std(ddof=1) / math.sqrt(len(groups))
        rounding = _ROUNDING * abs(value)
        if abs(found.mean() - value) <= STUDENT * of_mean + rounding:
            squares = float(((found - value) ** 2).sum())
            errors[feature] = math.sqrt(left_out * squares / (len(groups) * (len(groups) - 1)))
    return errors
