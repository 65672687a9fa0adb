"""The arrays that measures leave of single networks, which figures show."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

from demogen.errors import NotMeasurable, ZooError

if TYPE_CHECKING:
    import numpy as np

    from demogen.measuring.options import MeasuringOptions
    from demogen.measuring.predictor import Measure, Predictor
    from demogen.networks.network import LabeledImages, Network
    from demogen.zoo.base import NetworkSet

Arrays = dict[str, "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"]
"""Name → array, as `Measure.details` gives them."""

Seen = Callable[["NetworkSet", "Network"], "Network"]
"""A network of a zoo → what is measured instead of it."""


def as_it_is(zoo: "NetworkSet", network: "Network") -> "Network":
    """The network itself."""
    return network


def details_of(
    zoo: "NetworkSet",
    predictor: "str | Predictor",
    ids: Sequence[str],
    wanted: Sequence[str] = (),
    seen: Seen = as_it_is,
    options: "MeasuringOptions | None" = None,
) -> list[Arrays]:
    """The arrays that the measure of a predictor leaves of networks, in this order.

    Args:
        zoo: which the networks are of.
        predictor: or the name under which it is installed.
        ids: of the networks.
        wanted: arrays that must be among them.
        seen: what is measured instead of each network; a worker must be able to load it.
        options: how they are measured. Arrays are not kept, so that `cache` changes nothing.

    Raises:
        ZooError: an unknown id, or a network that cannot be read or measured, or that leaves no
            such array.
        PredictorError: no predictor is called so.
    """
    from demogen._util import sending
    from demogen._util.progress import track
    from demogen.measuring.predictor_names import as_predictor
    from demogen.parallel import map_tasks

    how = options or {}
    measure = as_predictor(predictor).measure
    device, batch_size = how.get("device", "cpu"), how.get("batch_size", 256)
    tasks = [
        _Task(zoo, network, measure, tuple(wanted), seen, device, batch_size) for network in ids
    ]
    workers, ray = how.get("workers", 1), how.get("ray")
    if workers > 1 or ray is not None:
        sending.check_can_send(measure, f"the measure {measure.name}")
    found: dict[int, Arrays] = {}
    with closing(map_tasks(_of_task, tasks, workers=workers, ray=ray)) as running:
        shown = how.get("progress", False)
        for position, arrays in track(running, "measure", len(tasks), enabled=shown):
            found[position] = arrays
    return [found[position] for position in range(len(tasks))]


@final
@dataclass(frozen=True)
class _Task:
    zoo: "NetworkSet"
    id: str
    measure: "Measure"
    wanted: tuple[str, ...]
    seen: Seen
    device: str
    batch_size: int


def _of_task(task: _Task) -> Arrays:
    (network,) = task.zoo.networks([task.id], device=task.device, batch_size=task.batch_size)
    return _details(task.measure, task.seen(task.zoo, network), task.wanted)


def _details(measure: "Measure", network: "Network", wanted: Sequence[str]) -> Arrays:
    from demogen.networks.torch_state import ordinary_state, own_random_numbers

    remedy = "choose other networks with --network"
    if reason := measure.applicable(network.module):
        raise ZooError(
            f"{measure.name} is not defined for network {network.id}: {reason}; {remedy}"
        )
    try:
        with ordinary_state(), own_random_numbers(0, network.device):
            found = measure.details(network.view(measure.access))
    except NotMeasurable as error:
        raise ZooError(f"{measure.name} on network {network.id}: {error}; {remedy}") from error
    if lacking := [name for name in wanted if name not in found]:
        raise ZooError(f"{measure.name} on network {network.id} has no {lacking[0]!r}; {remedy}")
    return found


def among_few(zoo: "NetworkSet", network: "Network", *, count: int) -> "Network":
    """The same network, with at most so many training images.

    Image sets stand in an order decided by a hash of pixels and label, so the first images are as
    good as any.
    """
    train = network.train
    return _with_images(
        network, replace(train, images=train.images[:count], labels=train.labels[:count])
    )


def untrained(zoo: "NetworkSet", network: "Network", *, count: int) -> "Network":
    """The network before training, with at most so many of the images that it was trained on.

    Raises:
        ZooError: its first weights cannot be made again.
    """
    from demogen.networks.network import Network

    train = network.train
    first = Network.of(
        network.initial, train.images, train.labels, batch_size=network.batch_size, id=network.id
    )
    return among_few(zoo, first, count=count)


def at_test_images(zoo: "NetworkSet", network: "Network", *, count: int) -> "Network":
    """The network with test images, and their labels, in the place of the training images.

    A figure may show what a predictor must not see: the loss of single test images.

    Args:
        zoo: where the network comes from.
        network: of the zoo.
        count: how many test images, the first.

    Raises:
        ZooError: the images at hand are not those of the zoo.
    """
    from demogen.networks.network import LabeledImages

    images = network.test_inputs[:count]
    labels = zoo.image_set(zoo.record(network.id).spec.data.images).test.labels[:count]
    return _with_images(network, LabeledImages(images, labels.to(images.device)))


def _with_images(network: "Network", train: "LabeledImages") -> "Network":
    from demogen.networks.network import Network

    return Network.of(
        network.module, train.images, train.labels, batch_size=network.batch_size, id=network.id
    )
