"""Several zoos as one thing to benchmark: does a predictor hold across them?"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor

from demogen._util.lookup import lookup
from demogen.errors import CorruptZooError, ZooError
from demogen.format.splits import Split, make_splits, pinned
from demogen.images.image_set import ImageSet
from demogen.networks.network import Network
from demogen.schema.records import NetworkRecord, canonical_json, sha256
from demogen.zoo.base import NetworkSet
from demogen.zoo.part import part_of
from demogen.zoo.zoo import Zoo, load_zoo

if TYPE_CHECKING:
    import pandas as pd

ACROSS = ("zoo", "family", "images")
"""Columns left out level by level: zoos, architectures and image sets (Jiang et al. 2019, App. D).

choice: a column stands here by its own name even where it divides the networks as another does
(each zoo an architecture of its own, say), so that a split is found by what it asks. What the specs
of one collection vary is not left out: width 64 is not the same thing in another architecture.
"""


@final
class Pool(NetworkSet):
    """Zoos that are measured, split and scored together; their order does not matter.

    Args:
        zoos: two or more, no network in two of them, and trained on the same images where they name
            the same image set.

    Raises:
        ZooError: fewer than two zoos; a network that is in two; two image sets of one name.
    """

    def __init__(self, zoos: Sequence[Zoo]) -> None:
        if len(zoos) < 2:
            raise ZooError(f"a pool takes two zoos or more, not {len(zoos)}; use a zoo by itself")
        self._zoos = tuple(sorted(zoos, key=lambda zoo: (zoo.name, zoo.digest)))
        self._zoo_of = _zoo_by_network(self._zoos)
        self._image_sets = _image_sets(self._zoos)

    @property
    def name(self) -> str:
        """The names of its zoos, sorted, with "+" between them.

        Zoos of one name (parts of a collection, say) are told apart by 12 digits of their digests.
        """
        return "+".join(self._names)

    @cached_property
    def digest(self) -> str:
        """Hex sha256 over the sorted digests of its zoos."""
        return sha256(canonical_json({"pool": sorted(zoo.digest for zoo in self._zoos)}).encode())

    @property
    def revision(self) -> str:
        """Commits of its zoos in the order of their names, with "+" between; "" if none has one."""
        revisions = [zoo.revision for zoo in self._zoos]
        return "+".join(revisions) if any(revisions) else ""

    @cached_property
    def _frame(self) -> "pd.DataFrame":
        """The tables of its zoos one below the other, the name of the zoo in a column "zoo"."""
        import pandas as pd

        parts = []
        for name, zoo in zip(self._names, self._zoos, strict=True):
            part = zoo.table
            part.insert(0, "zoo", pd.Series(name, part.index, dtype=object))
            parts.append(part)
        return pd.concat(parts)

    @cached_property
    def splits(self) -> Mapping[str, Split]:
        """The splits made from its table, and leave-zoo-out, leave-family-out, leave-images-out.

        The last two where there are several architectures or image sets.
        """
        splits = make_splits(self.table, factors=ACROSS)
        return pinned(splits, self.name, self.digest)

    @property
    def image_sets(self) -> Mapping[str, str]:
        """Digests of the image sets of all its zoos, by name."""
        return self._image_sets

    @property
    def ids(self) -> list[str]:
        """Ids of all networks, zoo after zoo."""
        return list(self._zoo_of)

    @property
    def zoos(self) -> tuple[Zoo, ...]:
        """Its zoos, sorted by name and digest."""
        return self._zoos

    def __len__(self) -> int:
        return len(self._zoo_of)

    def __repr__(self) -> str:
        return f"Pool({self.name!r}, {len(self)} networks, sha256:{self.digest[:12]})"

    def __reduce__(self) -> tuple[object, ...]:
        return _repool, (self._zoos,)

    def zoo_of(self, id: str) -> Zoo:
        """The zoo that a network lies in.

        Raises:
            ZooError: an unknown id.
        """
        return lookup(id, self._zoo_of, f"network in {self.name}", ZooError)

    def record(self, id: str) -> NetworkRecord:
        """What was asked for and what came out, of one network.

        Raises:
            ZooError: an unknown id.
            CorruptZooError: its row is no record.
        """
        return self.zoo_of(id).record(id)

    def siblings(self, id: str) -> list[NetworkRecord]:
        """Records of the other networks of the same configuration, in the order of the table.

        Raises:
            ZooError: an unknown id.
            CorruptZooError: a row is no record.
        """
        return self.zoo_of(id).siblings(id)

    def image_set(self, name: str) -> ImageSet:
        """The image set of that name, which every zoo that was trained on it finds at hand.

        Raises:
            ZooError: no zoo was, or the images at hand are not the ones that one was trained on.
        """
        lookup(name, self._image_sets, f"image set in {self.name}", ZooError)
        image_sets = [zoo.image_set(name) for zoo in self._zoos if name in zoo.image_sets]
        return image_sets[0]

    def attempts(
        self,
        ids: Sequence[str] | None = None,
        *,
        device: str | torch.device = "cpu",
        batch_size: int = 256,
    ) -> Iterator[Network | CorruptZooError]:
        """As `networks`, with an error in the place of each network that is corrupt."""
        for zoo, ids_in_zoo in self._by_zoo(ids):
            yield from zoo.attempts(ids_in_zoo, device=device, batch_size=batch_size)

    def weights(self, ids: Sequence[str] | None = None) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Id and tensors of networks, checked by length and sha256; no network is built.

        Raises:
            ZooError: an unknown id, or the storage cannot be read.
            CorruptZooError: the bytes of a network are not what its zoo says, read twice.
        """
        for zoo, ids_in_zoo in self._by_zoo(ids):
            yield from zoo.weights(ids_in_zoo)

    part = part_of

    def _by_zoo(self, ids: Sequence[str] | None) -> list[tuple[Zoo, list[str]]]:
        """Ids in their order, as runs of networks that lie in one zoo and are read together."""
        chosen = self.ids if ids is None else ids
        return [(zoo, list(ids_in_zoo)) for zoo, ids_in_zoo in groupby(chosen, self.zoo_of)]

    @cached_property
    def _names(self) -> list[str]:
        names = [zoo.name for zoo in self._zoos]
        return [
            zoo.name if names.count(zoo.name) == 1 else f"{zoo.name}@{zoo.digest[:12]}"
            for zoo in self._zoos
        ]


def open_zoos(
    sources: Sequence[str], revision: str | None = None, *, images: str | Path | None = None
) -> Zoo | Pool:
    """The zoo that is named, or the pool of several.

    Args:
        sources: as `demogen.load_zoo` takes them.
        revision: of a single zoo on the Hub; of several each says its own as owner/name@revision.
        images: folder with the image sets (see `demogen.load_images`).

    Raises:
        ZooError: there is no such zoo, they make no pool, or a revision is given for several.
    """
    if len(sources) == 1:
        return load_zoo(sources[0], revision, images=images)
    if revision is not None:
        raise ZooError(f"--revision {revision} is for one zoo; of several write owner/name@REV")
    return Pool([load_zoo(source, images=images) for source in sources])


@cache
def _repool(zoos: tuple[Zoo, ...]) -> Pool:
    """The pool that was pickled; its zoos are opened once a process, so it is made once."""
    return Pool(zoos)


def _zoo_by_network(zoos: Sequence[Zoo]) -> dict[str, Zoo]:
    zoo_of: dict[str, Zoo] = {}
    for zoo in zoos:
        for id in zoo.ids:
            if id in zoo_of:
                raise ZooError(
                    f"network {id} is in {_named(zoo_of[id])} and in {_named(zoo)}; a pool holds "
                    "each network once: leave one of these zoos out"
                )
            zoo_of[id] = zoo
    return zoo_of


def _image_sets(zoos: Sequence[Zoo]) -> dict[str, str]:
    digests: dict[str, str] = {}
    for zoo in zoos:
        for name, digest in zoo.image_sets.items():
            if (known := digests.setdefault(name, digest)) != digest:
                raise ZooError(
                    f"zoo {_named(zoo)} was trained on other {name} images ({digest[:12]}) than "
                    f"the zoos before it ({known[:12]}); only zoos on the same images make a pool"
                )
    return dict(sorted(digests.items()))


def _named(zoo: Zoo) -> str:
    return f"{zoo.name} (sha256 {zoo.digest[:12]})"
