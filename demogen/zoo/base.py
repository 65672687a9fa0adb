"""What a zoo and a pool of zoos have in common: all that measuring and scoring need."""

import abc
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
import torch
from torch import Tensor

from demogen._util.draws import Draws
from demogen.errors import CorruptZooError, ZooError
from demogen.format.selection import levels_named, normalized, rows_where
from demogen.format.splits import Split
from demogen.format.table import copy_of
from demogen.images.image_set import ImageSet
from demogen.networks.network import Network
from demogen.schema.records import NetworkRecord

if TYPE_CHECKING:
    import pandas as pd


class NetworkSet(abc.ABC):
    """Trained networks with a table and standardized splits, read-only.

    Iterating gives `Network` after `Network` in the order of the table, the next ones read and
    checked meanwhile; `self[id]` gives one, `self[:10]`, `select` and `sample` a part. Pickling
    writes down where the networks lie, not the networks: whoever unpickles opens the same storage,
    once a process.
    """

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """What it is called in tables and messages."""

    @property
    @abc.abstractmethod
    def digest(self) -> str:
        """Hex sha256 that pins every byte of it."""

    @property
    @abc.abstractmethod
    def revision(self) -> str:
        """Commit on the Hub it is read from, or ""."""

    @property
    def table(self) -> "pd.DataFrame":
        """One row a network, index "id": factors, accuracies, cross-entropies, gap and more.

        Whoever asks gets one of their own: what is changed in it changes nothing here.
        """
        return copy_of(self._frame)

    @property
    @abc.abstractmethod
    def _frame(self) -> "pd.DataFrame":
        """The table that is kept; nobody changes it."""

    @property
    @abc.abstractmethod
    def splits(self) -> Mapping[str, Split]:
        """Standardized splits by name."""

    @property
    @abc.abstractmethod
    def image_sets(self) -> Mapping[str, str]:
        """Digests of the image sets that networks were trained on, by name."""

    @property
    @abc.abstractmethod
    def ids(self) -> list[str]:
        """Ids of all networks, in the order of the table."""

    @abc.abstractmethod
    def record(self, id: str) -> NetworkRecord:
        """What was asked for and what came out, of one network.

        Raises:
            ZooError: an unknown id.
            CorruptZooError: its row is no record.
        """

    @abc.abstractmethod
    def siblings(self, id: str) -> list[NetworkRecord]:
        """Records of the other networks of the same configuration, in the order of the table.

        Those of its whole zoo: a network has the same ones in every part of it.

        Raises:
            ZooError: an unknown id.
            CorruptZooError: a row is no record.
        """

    @abc.abstractmethod
    def image_set(self, name: str) -> ImageSet:
        """The image set that networks were trained on.

        Raises:
            ZooError: the images at hand are not the ones that they were trained on.
        """

    @abc.abstractmethod
    def attempts(
        self,
        ids: Sequence[str] | None = None,
        *,
        device: str | torch.device = "cpu",
        batch_size: int = 256,
    ) -> Iterator[Network | CorruptZooError]:
        """As `networks`, with an error in the place of each network that is corrupt."""

    @abc.abstractmethod
    def weights(self, ids: Sequence[str] | None = None) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Id and tensors of networks, checked by length and sha256; no network is built.

        Raises:
            ZooError: an unknown id, or the storage cannot be read.
            CorruptZooError: the bytes of a network are not what the zoo says, read twice.
        """

    def networks(
        self,
        ids: Sequence[str] | None = None,
        *,
        device: str | torch.device = "cpu",
        batch_size: int = 256,
        errors: Literal["raise", "skip"] = "raise",
    ) -> Iterator[Network]:
        """The networks with these ids (default all), in this order, read ahead in the background.

        Args:
            ids: which; neighbors in the table are read together.
            device: where they are put.
            batch_size: how many images a measure should take at a time.
            errors: what becomes of a corrupt network: "raise", or "skip" it and name it, with all
                others, in a RuntimeWarning at the end.

        Raises:
            ZooError: an unknown id, or the storage cannot be read.
            CorruptZooError: bytes, tensors or logits of a network are not what the zoo says, read
                twice.
        """
        skipped = []
        for network in self.attempts(ids, device=device, batch_size=batch_size):
            if isinstance(network, Network):
                yield network
            elif errors == "raise":
                raise network
            else:
                skipped.append(str(network))
        if skipped:
            warnings.warn(
                f"{len(skipped)} of {self.name}'s networks are corrupt and were skipped: "
                f"{'; '.join(skipped)}",
                RuntimeWarning,
                stacklevel=2,
            )

    @abc.abstractmethod
    def __len__(self) -> int:
        """How many networks there are."""

    def __iter__(self) -> Iterator[Network]:
        return self.networks()

    @abc.abstractmethod
    def part(self, ids: Sequence[str], what: str) -> "NetworkSet":
        """Some of its networks as a part (see `demogen.zoo.part`); itself where these are all.

        Args:
            ids: in the order of the table.
            what: which they are, in words; stands in the part's name.

        Raises:
            ZooError: none is left.
        """

    def select(self, condition: str) -> "NetworkSet":
        """The networks whose row of the table meets a condition.

        Args:
            condition: comparisons of columns, joined by and, or, not; it is parsed, never run.

        Raises:
            ZooError: it is no condition, names no column (near names are offered), or no network
                meets it.

        Example:
            zoo.select("width == 192 and corruption in (0, 0.2)")
        """
        met = rows_where(condition, self.table, self.name)
        ids = [id for id, chosen in zip(map(str, self.table.index), met, strict=True) if chosen]
        if not ids:
            held = levels_named(condition, self.table, self.name)
            raise ZooError(
                f"no network of {self.name} has {condition}" + (f": {held}" if held else "")
            )
        return self.part(ids, normalized(condition))

    def sample(self, count: int, seed: int = 0) -> "NetworkSet":
        """Networks drawn without replacement, in the order of the table.

        The draw depends on the ids and the seed alone, on every machine and version.

        Raises:
            ZooError: there are fewer networks, or the seed is negative.
        """
        if seed < 0:
            raise ZooError(f"seed is {seed}; it is 0 or more")
        if not 1 <= count <= len(self):
            raise ZooError(f"{self.name} has {len(self)} networks; {count} cannot be drawn")
        ids = sorted(self.ids)
        order = Draws(seed).permutation(np.arange(len(ids)))
        drawn = {ids[place] for place in order[:count]}
        return self.part([id for id in self.ids if id in drawn], f"sample {count}, seed {seed}")

    @overload
    def __getitem__(self, id: str) -> Network: ...

    @overload
    def __getitem__(self, id: slice) -> "NetworkSet": ...

    def __getitem__(self, id: str | slice) -> "Network | NetworkSet":
        if isinstance(id, slice):
            bounds = (id.start, id.stop) if id.step is None else (id.start, id.stop, id.step)
            what = ":".join("" if bound is None else str(bound) for bound in bounds)
            # A step backwards turns no table around: a part is in the order of the table.
            chosen = set(self.ids[id])
            return self.part([network for network in self.ids if network in chosen], what)
        return next(self.networks([id]))
