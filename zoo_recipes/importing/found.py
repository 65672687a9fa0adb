"""What an importer finds: networks under the names that their archive gives them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from demogen.schema.architectures import AnyFamily
from demogen.schema.records import Data, Paper, Training


@dataclass(frozen=True)
class Stated:
    """What the source states of a network: accuracies from 0 to 1, cross-entropies in nats."""

    train_accuracy: float | None = None
    test_accuracy: float | None = None
    train_cross_entropy: float | None = None
    test_cross_entropy: float | None = None


@dataclass(frozen=True)
class Found:
    """A network of an archive in the terms of this package.

    Attributes:
        name: what the archive calls it.
        architecture: the family's description.
        data: images that it was trained on, as far as they are known.
        weights: tensors by the names of the architecture, in memory of the source: they are valid
            until the same thread reads another network.
        read: sha256 over all that was read of it.
        stated: what its source states.
        initial: its initial weights, where the source has them.
        training: settings, where the source says them all.
        copy_number: which of the networks that differ in nothing else.
        factors: the source's own names and levels.
        steps_run: of the optimizer.
        epochs_run: likewise, epochs.
    """

    name: str
    architecture: AnyFamily
    data: Data
    weights: Mapping[str, Tensor]
    read: str
    stated: Stated
    initial: Mapping[str, Tensor] | None = None
    training: Training | None = None
    copy_number: int = 1
    factors: Mapping[str, Any] = field(default_factory=dict)
    steps_run: int | None = None
    epochs_run: int | None = None


@dataclass(frozen=True)
class About:
    """What a zoo says of its origin.

    Attributes:
        zoo: name of the zoo.
        archive: name of the archive, "pgdl/task1_v4", say.
        paper: where the networks were published.
        license: as the authors write it.
        notes: what a reader must know, a sentence each.
        planned: networks in the whole collection; None: as many as there are.
        printed_results: the paper's own numbers.
    """

    zoo: str
    archive: str
    paper: Paper
    license: str = ""
    notes: tuple[str, ...] = ()
    planned: int | None = None
    printed_results: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class OwnImages:
    """An image set that is to be written beside the zoo.

    Attributes:
        name: of the set, as the networks' `Data.images` calls it.
        arrays: as `demogen.images.own_sets.write` takes them.
        classes: how many there are.
        read: sha256 over what was read of the archive for it; "": nothing was.
    """

    name: str
    arrays: Mapping[str, Any]
    classes: int
    read: str = ""


class Source(ABC):
    """The networks of one zoo in an archive."""

    @property
    @abstractmethod
    def about(self) -> About:
        """What the zoo will say of its origin."""

    @abstractmethod
    def networks(self, done: Container[str]) -> Iterator[tuple[str, Callable[[], Found]]]:
        """Name, and how to read it, of every network that is not done, in a fixed order.

        Reading raises ArchiveError where the network cannot be read or does not fit.
        """

    def own_images(self, images: Path | None) -> Iterator[OwnImages]:
        """Image sets to write beside the zoo, one after the other; none by default.

        Args:
            images: folder of published image sets to make them from, if there is one.
        """
        yield from ()
