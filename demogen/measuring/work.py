"""Measures × networks: what is known already, and what is still to be measured."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from demogen._util import paths
from demogen.errors import CorruptZooError
from demogen.measuring.cache import Outcome, SignatureCache, measure_key, network_key
from demogen.measuring.code_digest import NotDigestibleError
from demogen.measuring.image_sample import check_limit, limit_for
from demogen.measuring.options import Cache
from demogen.measuring.predictor import Measure
from demogen.networks.network import Access
from demogen.schema.records import NetworkRecord
from demogen.zoo.base import NetworkSet


@dataclass(frozen=True)
class Work:
    """What several measures have to do on a zoo or a pool of zoos.

    Attributes:
        keys: of the measures, in the order they were given; equal measures have equal keys.
        measures: key → measure.
        records: id → record, of the networks that are not corrupt.
        known: (key, id) → outcome: what is kept, and the faults of corrupt networks.
        sampled: (key, id) of the measures and networks of which a sample of the images is measured.
    """

    keys: list[str]
    measures: dict[str, Measure]
    records: dict[str, NetworkRecord]
    known: dict[tuple[str, str], Outcome]
    sampled: frozenset[tuple[str, str]]
    _caches: Mapping[str, SignatureCache]
    _network_keys: Mapping[tuple[str, str], str]

    @classmethod
    def of(
        cls,
        measures: Sequence[Measure],
        zoo: NetworkSet,
        cache: Cache,
        image_limit: int | None = None,
    ) -> "Work":
        """Look up what is kept; a RuntimeWarning names measures of which nothing can be kept.

        Raises:
            ZooError: so few images are too few.
        """
        check_limit(image_limit)
        keys, not_kept = _keys(measures)
        distinct = dict(zip(keys, measures, strict=True))
        folder = None if cache is False else cache or paths.measurements()
        caches = {key: SignatureCache(None if key in not_kept else folder, key) for key in distinct}
        records, known = _records(zoo, distinct)
        sampled, network_keys = set(), {}
        for key, measure in distinct.items():
            for id, record in records.items():
                limit = limit_for(image_limit, measure, record.spec.data)
                if limit is not None:
                    sampled.add((key, id))
                read = measure.access
                siblings = zoo.siblings(id) if Access.SIBLINGS in read else ()
                network_keys[key, id] = network_key(record, zoo.image_sets, read, limit, siblings)
        for (key, id), network in network_keys.items():
            if (outcome := caches[key].get(network)) is not None:
                known[key, id] = outcome
        return cls(keys, distinct, records, known, frozenset(sampled), caches, network_keys)

    @cached_property
    def missing(self) -> dict[str, list[str]]:
        """Id → keys of the measures that the network lacks, of those that lack any."""
        lacking = {
            id: [key for key in self.measures if (key, id) not in self.known] for id in self.records
        }
        return {id: keys for id, keys in lacking.items() if keys}

    def keep(self, key: str, id: str, outcome: Outcome) -> None:
        """Keep an outcome on disk, unless it is an error of the measure or of the zoo."""
        if not outcome.fault:
            self._caches[key].put(self._network_keys[key, id], outcome)


def _keys(measures: Sequence[Measure]) -> tuple[list[str], set[str]]:
    """Keys of measures, and those among them under which nothing may be kept, told in one line."""
    keys: list[str] = []
    not_kept: dict[str, str] = {}
    for number, measure in enumerate(measures):
        try:
            keys.append(measure_key(measure))
        except NotDigestibleError as error:
            keys.append(f"{measure.name} {number}")
            not_kept[keys[-1]] = f"{measure.name} ({error} may change unseen)"
    if not_kept:
        warnings.warn(
            f"measured every time, and not kept: {'; '.join(not_kept.values())}",
            RuntimeWarning,
            stacklevel=4,
        )
    return keys, set(not_kept)


def _records(
    zoo: NetworkSet, keys: Iterable[str]
) -> tuple[dict[str, NetworkRecord], dict[tuple[str, str], Outcome]]:
    """Records by id, and for corrupt ones the outcome of every measure: (key, id) → the fault."""
    records: dict[str, NetworkRecord] = {}
    corrupt: dict[tuple[str, str], Outcome] = {}
    for id in zoo.ids:
        try:
            records[id] = zoo.record(id)
        except CorruptZooError as error:
            corrupt |= {(key, id): Outcome(None, str(error), 0.0, fault=True) for key in keys}
    return records, corrupt
