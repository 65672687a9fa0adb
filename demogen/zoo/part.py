"""Some networks of a zoo or a pool, as a zoo of their own: name, digest and splits are theirs."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor

from demogen._util.lookup import lookup
from demogen.errors import CorruptZooError, ZooError
from demogen.format.splits import Split, make_splits, pinned
from demogen.images.image_set import ImageSet
from demogen.schema.records import NetworkRecord, canonical_json, sha256
from demogen.zoo.base import NetworkSet

if TYPE_CHECKING:
    import pandas as pd

    from demogen.networks.network import Network


@final
class Part(NetworkSet):
    """Some networks of a zoo. Made by `zoo.select`, `zoo[:10]` and `zoo.sample`.

    Its splits are made anew from its networks. Its digest follows from that of the zoo and the ids,
    so that no result on a part is taken for one on the zoo.

    Args:
        whole: the zoo or the pool.
        ids: of the networks, in the order of its table.
        what: which they are, in words: the name of the part is that of the zoo with this behind.

    Raises:
        ZooError: no network is left.
    """

    def __init__(self, whole: NetworkSet, ids: Sequence[str], what: str) -> None:
        if not ids:
            raise ZooError(f"no network of {whole.name} is left by {what}")
        self._whole, self._ids, self._what = whole, tuple(ids), what
        self._known = dict.fromkeys(self._ids)

    @property
    def name(self) -> str:
        """The name of the whole, and in brackets which networks of it."""
        return f"{self._whole.name}[{self._what}]"

    @cached_property
    def digest(self) -> str:
        """Hex sha256 over the digest of the whole and the sorted ids."""
        content = {"part": self._whole.digest, "ids": sorted(self._ids)}
        return sha256(canonical_json(content).encode())

    @property
    def revision(self) -> str:
        """Of the whole."""
        return self._whole.revision

    @property
    def whole(self) -> NetworkSet:
        """What it is a part of."""
        return self._whole

    @cached_property
    def _frame(self) -> "pd.DataFrame":
        """The rows of its networks."""
        return self._whole.table.loc[list(self._ids)]

    @cached_property
    def splits(self) -> Mapping[str, Split]:
        """The splits made from its table, as those of a zoo are."""
        return pinned(make_splits(self.table), self.name, self.digest)

    @property
    def image_sets(self) -> Mapping[str, str]:
        """Digests of the image sets of the whole, by name."""
        return self._whole.image_sets

    @property
    def ids(self) -> list[str]:
        """Ids of its networks, in the order of the table."""
        return list(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def __repr__(self) -> str:
        return f"Part({self.name!r}, {len(self)} networks, sha256:{self.digest[:12]})"

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (self._whole, self._ids, self._what)

    def record(self, id: str) -> NetworkRecord:
        """What was asked for and what came out, of one network.

        Raises:
            ZooError: an unknown id.
            CorruptZooError: its row is no record.
        """
        return self._whole.record(self._checked(id))

    def siblings(self, id: str) -> list[NetworkRecord]:
        """Records of the other networks of the same configuration, in the order of the table.

        Raises:
            ZooError: an unknown id.
            CorruptZooError: a row is no record.
        """
        return self._whole.siblings(self._checked(id))

    def image_set(self, name: str) -> ImageSet:
        """The image set that networks were trained on.

        Raises:
            ZooError: the images at hand are not the ones that they were trained on.
        """
        return self._whole.image_set(name)

    def attempts(
        self,
        ids: Sequence[str] | None = None,
        *,
        device: str | torch.device = "cpu",
        batch_size: int = 256,
    ) -> "Iterator[Network | CorruptZooError]":
        """As `networks`, with an error in the place of each network that is corrupt."""
        return self._whole.attempts(self._chosen(ids), device=device, batch_size=batch_size)

    def weights(self, ids: Sequence[str] | None = None) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Id and tensors of networks, checked by length and sha256; no network is built.

        Raises:
            ZooError: an unknown id, or the storage cannot be read.
            CorruptZooError: the bytes of a network are not what the zoo says, read twice.
        """
        return self._whole.weights(self._chosen(ids))

    def part(self, ids: Sequence[str], what: str) -> NetworkSet:
        """Some of its networks, as a part of the whole; itself where these are all."""
        if len(ids) == len(self):
            return self
        return Part(self._whole, ids, f"{self._what}][{what}")

    def _chosen(self, ids: Sequence[str] | None) -> list[str]:
        return self.ids if ids is None else list(map(self._checked, ids))

    def _checked(self, id: str) -> str:
        lookup(id, self._known, f"network in {self.name}", ZooError)
        return id


def part_of(whole: NetworkSet, ids: Sequence[str], what: str) -> NetworkSet:
    """Some networks of a zoo as a part of it, or the zoo itself where these are all.

    Raises:
        ZooError: none is left.
    """
    return whole if len(ids) == len(whole) else Part(whole, ids, what)


def part_asked(zoo: NetworkSet, where: Sequence[str] = (), limit: int | None = None) -> NetworkSet:
    """The networks that a command asks for: those that meet all conditions, the first of them.

    Raises:
        ZooError: see `NetworkSet.select`.
    """
    for condition in where:
        zoo = zoo.select(condition)
    return zoo if limit is None else zoo[:limit]


@cache
def _again(whole: NetworkSet, ids: tuple[str, ...], what: str) -> Part:
    """The part that was pickled, made once a process."""
    return Part(whole, ids, what)
