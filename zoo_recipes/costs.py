"""What a collection costs: size on disk and arithmetic of training, before anything is trained."""

from collections.abc import Iterable
from dataclasses import dataclass

from demogen.networks.size import network_size
from demogen.schema.image_sets import facts
from demogen.schema.records import NetworkSpec

_TRAINED_IMAGE = 3
"""Passes an image costs in training: one forward, and two backward (by inputs and by weights)."""


@dataclass(frozen=True)
class Cost:
    """Of training some networks and keeping their weights.

    Attributes:
        networks: how many.
        bytes: of their weights, 4 a number.
        operations: floating-point operations if all train as long as they may; stopping rules
            only make it less.
    """

    networks: int
    bytes: int
    operations: int


def plan_cost(specs: Iterable[NetworkSpec]) -> Cost:
    """What training these networks costs; architectures are looked at once each, without memory.

    Counted are forward and backward passes over all images of all epochs (or steps), pretraining
    and the evaluations for snapshots included, and one forward pass over training and test images
    at the end. An iteration of L-BFGS counts as two passes over the training images, where its line
    search is content with its first step; else it takes more.

    Raises:
        ZooError: an image set is unknown, or its images are too small for a network.
    """
    networks = stored = operations = 0
    for spec in specs:
        size = network_size(spec)
        networks += 1
        stored += 4 * (size.parameters + size.buffers)
        operations += size.forward * image_passes(spec)
    return Cost(networks, stored, operations)


def image_passes(spec: NetworkSpec) -> int:
    """Forward passes of single images that training and evaluating take; a backward one is two."""
    training, images = spec.trained, facts(spec.data.images)
    train_size = spec.data.train_size or images.train_size
    trained = (training.pretrain_epochs or 0) * train_size
    epochs = training.epochs or 0
    if training.steps is None:
        trained += epochs * train_size
    elif training.optimizer == "lbfgs":
        epochs = training.steps
        trained += 2 * training.steps * train_size
    else:
        steps_an_epoch = -(-train_size // training.batch_size)
        epochs = -(-training.steps // steps_an_epoch)
        # The last batch of an epoch has what is left of the images.
        whole, left = divmod(training.steps, steps_an_epoch)
        trained += whole * train_size + left * training.batch_size
    evaluated = train_size + images.test_size
    if training.snapshot_loss is not None:
        evaluated += epochs * train_size
    return _TRAINED_IMAGE * trained + evaluated
