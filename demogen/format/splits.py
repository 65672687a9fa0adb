"""Standardized splits: made once from a zoo's table, stored by id, cited by digest."""

import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, final

from demogen._util.limits import JSON_VALUES, SPLIT_PLACES
from demogen._util.lookup import lookup
from demogen._util.parsing import UnreadableError, json_data
from demogen.errors import UnknownSplitError, ZooError
from demogen.schema.records import Frozen, ZooManifest, canonical_json, parse, sha256

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["partition", "levels", "holdout"]
"""How folds come about.

"partition": every network is tested exactly once. "levels": likewise, and the folds are the levels
of a factor; they differ by design, so that a mean over them says nothing and only all predictions
together are scored. "holdout": repeated divisions.
"""

Key = TypeVar("Key", str, int)

SMALL_ZOO = 20
"""Zoos of fewer networks have leave-one-out only."""

MOST_LEVELS = 10
"""A factor with more levels is not left out level by level: they are points of a scale."""


_ID_LINE = 24


class SplitFile(Frozen):
    """splits/<name>.json: the ids of the zoo and the test ids of each fold."""

    name: str
    kind: Kind
    ids: tuple[str, ...]
    tests: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Fold:
    """Ids of the networks that a regressor is fitted on, and of those that it is tested on."""

    train: tuple[str, ...]
    test: tuple[str, ...]


@final
@dataclass(frozen=True)
class Split:
    """A named list of folds over the networks of a zoo.

    Attributes:
        name: "kfold-10", say.
        kind: "partition", "levels" or "holdout".
        ids: all networks, sorted.
        tests: test ids of each fold, sorted within a fold.
        zoo: name and digest of the zoo it was read from, for the citation.

    Raises:
        ZooError: when made from folds that overlap, leave a gap, are empty or name unknown ids.
    """

    name: str
    kind: Kind
    ids: tuple[str, ...]
    tests: tuple[tuple[str, ...], ...]
    zoo: str = ""

    def __post_init__(self) -> None:
        known = set(self.ids)
        if list(self.ids) != sorted(known):
            raise ZooError(f"split {self.name}: its ids are not sorted, or one stands twice")
        if not self.tests:
            raise ZooError(f"split {self.name} has no folds")
        for number, test in enumerate(self.tests):
            if not test or len(test) == len(known):
                raise ZooError(f"split {self.name}: fold {number} leaves nothing to test or to fit")
            if len(set(test)) < len(test):
                raise ZooError(f"split {self.name}: fold {number} tests a network twice")
            if unknown := set(test) - known:
                raise ZooError(f"split {self.name}: fold {number} has unknown id {min(unknown)}")
        if self.kind != "holdout":
            tested = [network for test in self.tests for network in test]
            if len(tested) != len(known) or set(tested) != known:
                raise ZooError(f"split {self.name}: its folds overlap or leave networks out")

    @cached_property
    def folds(self) -> tuple[Fold, ...]:
        """Train and test ids of each fold."""
        return tuple(
            Fold(tuple(i for i in self.ids if i not in test), tuple(sorted(test)))
            for test in map(set, self.tests)
        )

    @cached_property
    def digest(self) -> str:
        """Hex sha256 over name, kind, ids and folds."""
        content = {"name": self.name, "kind": self.kind, "ids": self.ids, "tests": self.tests}
        return sha256(canonical_json(content).encode())

    def citation(self) -> str:
        """One line that pins the split: its name, the zoo and both digests."""
        origin = f" of zoo {self.zoo}" if self.zoo else ""
        return f"split {self.name}{origin}, {len(self.tests)} folds, sha256:{self.digest}"

    def to_json(self) -> bytes:
        """The stored form; the same split always gives the same bytes."""
        content = SplitFile(name=self.name, kind=self.kind, ids=self.ids, tests=self.tests)
        return (json.dumps(content.model_dump(), indent=1, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, text: bytes, zoo: str = "") -> "Split":
        """Read a stored split back, validated as when it was made.

        Raises:
            ZooError: not such a file, or not a valid split.
        """
        where = f"a stored split of {zoo or 'a zoo'}"
        try:
            # Of many networks a file is long: a line with an id has more signs than this.
            content = json_data(text, values=max(JSON_VALUES, len(text) // _ID_LINE))
        except UnreadableError as error:
            raise ZooError(f"{where} cannot be read: {error}") from error
        stored = parse(SplitFile, content, where)
        folds, networks = len(stored.tests), len(stored.ids)
        if folds * networks > max(SPLIT_PLACES, 100 * networks):
            raise ZooError(
                f"{where} has {folds:,} folds of {networks:,} networks; above 100 folds, "
                f"their product may be {SPLIT_PLACES:,}"
            )
        return cls(stored.name, stored.kind, stored.ids, stored.tests, zoo)


def folder_splits(folder: Path, manifest: ZooManifest) -> dict[str, Split]:
    """The splits of the zoo in a folder by name.

    Raises:
        OSError: a file cannot be read.
        ZooError: a file is no split.
    """
    zoo = f"{manifest.name}@{sha256(manifest.to_json())[:12]}"
    splits = [
        Split.from_json((folder / path).read_bytes(), zoo)
        for path in sorted(manifest.files)
        if path.startswith("splits/")
    ]
    return {split.name: split for split in splits}


def make_splits(
    table: "pd.DataFrame", seed: int = 0, factors: Sequence[str] | None = None
) -> dict[str, Split]:
    """The standardized splits of a zoo, from the ids, configurations and factors in its table.

    kfold-10 (the papers' 90/10), grouped-kfold-10 (copies of one configuration stay together),
    holdout-100 (100 divisions 90/10) and leave-<factor>-out (each level of a factor held out in
    turn, in sorted order); leave-one-out alone for fewer than 20 networks. They depend on ids,
    configurations, factors and the seed only, not on the order of the rows.

    Args:
        table: one row a network, index "id".
        seed: of the shuffles; leaving levels out has no chance in it.
        factors: columns whose levels are left out, where there are at least two; None: those of
            `factors_to_leave_out`.
    """
    from demogen.format.factors import coded

    chosen = factors_to_leave_out(table) if factors is None else factors
    return splits_of(
        list(map(str, table.index)),
        list(map(str, table["configuration"])),
        {factor: coded(table, factor).codes.tolist() for factor in chosen},
        seed,
    )


def splits_of(
    networks: Sequence[str],
    configurations: Sequence[str],
    levels: Mapping[str, Sequence[int]],
    seed: int = 0,
) -> dict[str, Split]:
    """The splits that `make_splits` tells of, of networks that need not lie in a zoo.

    Args:
        networks: ids, in any order.
        configurations: of each network; copies have the same.
        levels: factor to leave out → number of each network's level, from 0 on.
        seed: of the shuffles.
    """
    ids = sorted(networks)
    if len(ids) < 2:
        return {}
    if len(ids) < SMALL_ZOO:
        return {"leave-one-out": _partition("leave-one-out", ids, [[network] for network in ids])}
    copies = _grouped(networks, configurations)
    groups = [sorted(copies[key]) for key in sorted(copies)]
    splits = [
        _partition("kfold-10", ids, _deal([[network] for network in ids], 10, seed)),
        _holdout("holdout-100", ids, 100, seed),
    ]
    if len(groups) >= 10:
        splits.append(_partition("grouped-kfold-10", ids, _deal(groups, 10, seed)))
    for factor, of_networks in levels.items():
        by_level = _grouped(networks, of_networks)
        if len(by_level) > 1:
            tests = [by_level[level] for level in sorted(by_level)]
            splits.append(_partition(leave_out_name(factor), ids, tests, "levels"))
    by_name: dict[str, Split] = {}
    for split in splits:
        # Of two factors whose names differ in signs alone, the first has the split.
        by_name.setdefault(split.name, split)
    return by_name


def leave_out_name(factor: str) -> str:
    """The split that leaves a factor's levels out.

    >>> leave_out_name("batch_norm"), leave_out_name("config.activation")
    ('leave-batch-norm-out', 'leave-config-activation-out')
    """
    return f"leave-{re.sub('[^A-Za-z0-9]+', '-', factor).strip('-')}-out"


def factors_to_leave_out(table: "pd.DataFrame", factors: Sequence[str] | None = None) -> list[str]:
    """Factors with two to ten levels in a table, of those that `varying` gives.

    Args:
        table: one row a network.
        factors: columns to look at; None: those of the specs.
    """
    from demogen.format.factors import ZOO, varying

    return [
        factor
        for factor, (_, levels) in varying(table, factors).items()
        if len(levels) <= MOST_LEVELS and (factors is not None or factor != ZOO)
    ]


def _grouped(networks: Iterable[str], keys: Iterable[Key]) -> dict[Key, list[str]]:
    groups: dict[Key, list[str]] = {}
    for network, key in zip(networks, keys, strict=True):
        groups.setdefault(key, []).append(network)
    return groups


def _deal(groups: Sequence[Sequence[str]], folds: int, seed: int) -> list[list[str]]:
    """Deal shuffled groups out, each to the fold that has the fewest networks so far."""
    shuffled = list(groups)
    random.Random(seed).shuffle(shuffled)
    dealt: list[list[str]] = [[] for _ in range(folds)]
    for group in shuffled:
        min(dealt, key=len).extend(group)
    return dealt


def _partition(
    name: str, ids: list[str], tests: Sequence[Sequence[str]], kind: Kind = "partition"
) -> Split:
    return Split(name, kind, tuple(ids), tuple(tuple(sorted(test)) for test in tests))


def _holdout(name: str, ids: list[str], divisions: int, seed: int) -> Split:
    generator = random.Random(seed)
    size = max(1, round(len(ids) / 10))
    tests = [tuple(sorted(generator.sample(ids, size))) for _ in range(divisions)]
    return Split(name, "holdout", tuple(ids), tuple(tests))


@final
class StoredSplits(Mapping[str, Split]):
    """The splits of a zoo by name, sorted; each is read and checked when first asked for.

    Args:
        names: of the splits.
        read: gives the split of a name.
        zoo: name of the zoo, in messages.

    Raises:
        UnknownSplitError: when asked for another name; near names are offered.
    """

    def __init__(self, names: Iterable[str], read: Callable[[str], Split], zoo: str = "") -> None:
        self._zoo = zoo
        self._read: dict[str, Split | None] = dict.fromkeys(sorted(names))
        self._reader = read

    def __getitem__(self, name: str) -> Split:
        kind = f"split of zoo {self._zoo}" if self._zoo else "split"
        split = lookup(name, self._read, kind, UnknownSplitError)
        if split is None:
            split = self._read[name] = self._reader(name)
        return split

    def __contains__(self, name: object) -> bool:
        return name in self._read

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)

    def __repr__(self) -> str:
        return f"StoredSplits({', '.join(self)})"


def pinned(splits: Mapping[str, Split], zoo: str, digest: str) -> StoredSplits:
    """Splits that were made and not read, with the zoo that they are of for their citations."""
    return StoredSplits(splits, lambda name: replace(splits[name], zoo=f"{zoo}@{digest[:12]}"), zoo)
