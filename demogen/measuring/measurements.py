"""Measures × networks → tables of signatures: computed once, kept, continued if interrupted."""

import warnings
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack, overload

from demogen._util import paths, sending
from demogen._util.progress import track
from demogen._util.writable import check_can_write
from demogen.errors import CorruptZooError, NotMeasurable, ZooError
from demogen.measuring.cache import Outcome, SignatureCache, measure_key, network_key
from demogen.measuring.code_digest import NotDigestibleError
from demogen.measuring.epoch_cost import epoch_seconds
from demogen.measuring.options import Cache, MeasuringOptions
from demogen.measuring.predictor import Measure, Predictor
from demogen.measuring.predictor_names import as_predictor
from demogen.measuring.together import compute_signature, measure_together
from demogen.networks.devices import find_device
from demogen.networks.network import Access, Network
from demogen.networks.size import longest_first
from demogen.parallel import map_tasks
from demogen.schema.records import NetworkRecord
from demogen.zoo.base import NetworkSet

if TYPE_CHECKING:
    import pandas as pd

IMAGES = Access.TRAIN | Access.TEST_INPUTS
"""What a measure reads of the image set."""


@dataclass(frozen=True)
class Measurements:
    """What one measure gave on a zoo or a pool of zoos.

    Attributes:
        name: the measure's name.
        measure: the measure itself.
        table: one row a measured network (index "id", sorted), one float64 column a feature,
            sorted.
        failures: id → why that network has no signature.
        seconds: id → how long its signature took when it was computed.
        epochs: id → these seconds over those of one training epoch of the same network in the same
            process. Without networks that were measured only by measures that read no images, and
            those whose training steps could not be taken (no memory for them, say).
    """

    name: str
    measure: Measure
    table: "pd.DataFrame"
    failures: dict[str, str]
    seconds: dict[str, float]
    epochs: dict[str, float]


@overload
def measure(predictor: str | Measure | Predictor, of: Network) -> dict[str, float]: ...
@overload
def measure(
    predictor: str | Measure | Predictor, of: NetworkSet, **options: Unpack[MeasuringOptions]
) -> "pd.DataFrame": ...
def measure(
    predictor: str | Measure | Predictor,
    of: Network | NetworkSet,
    **options: Unpack[MeasuringOptions],
) -> "dict[str, float] | pd.DataFrame":
    """Measure one network, or every network of a zoo or a pool of zoos.

    Args:
        predictor: the measure, a predictor that has one, or the name of an installed predictor.
        of: what is measured.
        options: see `demogen.measuring.MeasuringOptions`; a single network takes none.

    Returns:
        For a network its signature. Else a DataFrame (index "id", one column a feature); networks
        that could not be measured are left out, named in a warning and, with the reason, in
        `.attrs["failures"]`.

    Raises:
        NotMeasurable: the measure is not defined for this network.
        PredictorError: no predictor has this name; near names are listed.
        ZooError: no network of the zoo could be measured (the first reason is given).
    """
    chosen = predictor if isinstance(predictor, Measure) else as_predictor(predictor).measure
    if isinstance(of, Network):
        if options:
            raise TypeError(
                f"measure() of a single network takes no options, and got {min(options)!r}: it is "
                "measured in this process, on its own device"
            )
        return dict(compute_signature(chosen, of))
    result = measure_all([chosen], of, **options)[0]
    if result.failures:
        first, reason = min(result.failures.items())
        count = f"{len(result.failures)} of {len(of)} networks"
        warnings.warn(
            f"{chosen.name}: {count} not measured; {first}: {reason}", RuntimeWarning, stacklevel=2
        )
    result.table.attrs["failures"] = result.failures
    return result.table


def measure_all(
    measures: Sequence[Measure],
    zoo: NetworkSet,
    *,
    workers: int = 1,
    ray: str | None = None,
    device: str = "cpu",
    batch_size: int = 256,
    cache: Cache = None,
    progress: bool = False,
) -> list[Measurements]:
    """Measure a zoo with several measures; each network is loaded once, equal measures run once.

    Each signature is written to the cache as soon as it is computed, so that an interrupted call
    goes on where it stopped. Where a measure fails on a network, that is reported with the reason,
    and the other networks are measured. The signatures of a pool's networks are cached as those of
    its zoos, so that the pool finds what was measured on a zoo alone, and a zoo what on the pool.

    Where a measure reads images, four training steps of a copy of the network follow, which tell
    how long an epoch takes (see `demogen.measuring.epoch_cost`). choice: no steps for measures that
    read none; a count of parameters takes next to nothing, and needs no images.

    The keyword options are those of `demogen.measuring.MeasuringOptions`; see there.

    Returns:
        One `Measurements` for each measure given, in that order.

    Raises:
        ZooError: a measure reads images, and those at hand are not the zoo's, or there are none;
            or no network could be measured by any of the measures.
        DemogenError: the device is not there, or signatures cannot be kept in the cache.
    """
    keys, not_kept = _keys(measures)
    distinct = dict(zip(keys, measures, strict=True))
    caches = {
        key: SignatureCache(None if key in not_kept else _folder(cache), key) for key in distinct
    }
    records, outcomes = _records(zoo, distinct)
    cache_keys = {
        (key, id): network_key(record, zoo.image_sets, measure.access)
        for key, measure in distinct.items()
        for id, record in records.items()
    }
    for (key, id), cache_key in cache_keys.items():
        if (outcome := caches[key].get(cache_key)) is not None:
            outcomes[key, id] = outcome
    missing = {
        id: [key for key in distinct if (key, id) not in outcomes]
        for id in records
        if any((key, id) not in outcomes for key in distinct)
    }
    needed = {distinct[key].access for keys in missing.values() for key in keys}
    if any(access & IMAGES for access in needed):
        # Before anything is measured: missing images are one error, not one for each network.
        # Of a set that the zoo cannot name by digest, each network says that it comes without.
        for images in dict.fromkeys(records[id].spec.data.images for id in missing):
            if images in zoo.image_sets:
                zoo.image_set(images)
    if ray is None:
        find_device(device)
    if missing and cache is not False:
        remedy = "" if cache else "set DEMOGEN_HOME, or give --cache a folder"
        check_can_write(cache or paths.measurements(), folder=True, remedy=remedy)
    tasks = [
        _Task(zoo, id, tuple((key, distinct[key]) for key in keys), device, batch_size)
        for id, keys in missing.items()
    ]
    with closing(_run(zoo, tasks, workers, ray)) as running:
        for id, measured in track(running, "measure", len(tasks), enabled=progress):
            for key, outcome in measured.items():
                outcomes[key, id] = outcome
                if not outcome.fault:
                    caches[key].put(cache_keys[key, id], outcome)
    by_key = {
        key: _gather(measure, {id: outcomes[key, id] for id in sorted(zoo.ids)})
        for key, measure in distinct.items()
    }
    _check_some_measured(by_key.values())
    return [by_key[key] for key in keys]


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
            stacklevel=3,
        )
    return keys, set(not_kept)


def _check_some_measured(measurements: Iterable[Measurements]) -> None:
    """Refuse to go on with nothing.

    Raises:
        ZooError: no measure has a value for any network; one reason is given.
    """
    failed = [(one.name, *min(one.failures.items())) for one in measurements if one.failures]
    if failed and not any(len(one.table) for one in measurements):
        name, id, reason = failed[0]
        raise ZooError(f"{name}: no network could be measured; {id}: {reason}")


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


@dataclass(frozen=True)
class _Task:
    """One network to measure; a worker that gets it opens the zoo or the pool once."""

    zoo: NetworkSet
    id: str
    measures: tuple[tuple[str, Measure], ...]
    device: str
    batch_size: int


def _run(
    zoo: NetworkSet, tasks: Sequence[_Task], workers: int, ray: str | None
) -> Generator[tuple[str, dict[str, Outcome]], None, None]:
    if workers > 1 or ray is not None:
        for measure in dict(pair for task in tasks for pair in task.measures).values():
            sending.check_can_send(measure, f"the measure {measure.name}")
        tasks = longest_first(tasks, lambda task: zoo.record(task.id).spec)
        for position, outcomes in map_tasks(_measure_alone, tasks, workers=workers, ray=ray):
            yield tasks[position].id, outcomes
        return
    if not tasks:
        return
    first = tasks[0]
    networks = zoo.attempts(
        [task.id for task in tasks], device=first.device, batch_size=first.batch_size
    )
    for task, network in zip(tasks, networks, strict=True):
        yield task.id, _measure_network(task, network)


def _measure_alone(task: _Task) -> dict[str, Outcome]:
    attempts = task.zoo.attempts([task.id], device=task.device, batch_size=task.batch_size)
    return _measure_network(task, next(attempts))


def _measure_network(task: _Task, network: Network | CorruptZooError) -> dict[str, Outcome]:
    if isinstance(network, CorruptZooError):
        return {key: Outcome(None, str(network), 0.0, fault=True) for key, _ in task.measures}
    outcomes = measure_together(dict(task.measures), network)
    reads_images = any(measure.access & IMAGES for _, measure in task.measures)
    if not reads_images or all(outcome.signature is None for outcome in outcomes.values()):
        return outcomes
    epoch = seconds_of_epoch(task.zoo, network)
    return {key: replace(outcome, epoch_seconds=epoch) for key, outcome in outcomes.items()}


def seconds_of_epoch(zoo: NetworkSet, network: Network) -> float | None:
    """Seconds of a training epoch, or None where training steps cannot be taken here.

    The batch is the spec's, or as many images as measures take at a time where that is less: a user
    who lowers that number lacks the memory for more.
    """
    data = network.spec.data
    try:
        batch_size = min(network.spec.trained.batch_size, network.batch_size)
        # Not `network.train`, which standardizes all images and sends them to the device.
        image_set = zoo.image_set(data.images)
        return epoch_seconds(
            network.module,
            image_set.inputs(image_set.train.images[:batch_size], data),
            image_set.train.labels[:batch_size],
            batch_size=batch_size,
            train_size=data.train_size or len(image_set.train),
        )
    except (ZooError, NotMeasurable, RuntimeError, ValueError):
        # The signatures are computed; that an epoch cannot be timed is no reason to lose them.
        return None


def _gather(measure: Measure, outcomes: Mapping[str, Outcome]) -> Measurements:
    """A measure's outcomes (by id, sorted) as a table, with failures and costs."""
    import pandas as pd

    rows = {
        id: outcome.signature for id, outcome in outcomes.items() if outcome.signature is not None
    }
    table = pd.DataFrame.from_dict(rows, orient="index", dtype="float64")
    if rows and not table.columns.size:
        table = pd.DataFrame(index=pd.Index(list(rows)))
    if measure.absent is not None:
        table = table.fillna(measure.absent)
    table = table.reindex(sorted(table.columns), axis=1).rename_axis("id")
    failures = {
        id: outcome.reason for id, outcome in outcomes.items() if outcome.reason is not None
    }
    seconds = {id: outcome.seconds for id, outcome in outcomes.items()}
    epochs = {
        id: outcome.seconds / outcome.epoch_seconds
        for id, outcome in outcomes.items()
        if outcome.epoch_seconds
    }
    return Measurements(measure.name, measure, table, failures, seconds, epochs)


def _folder(cache: Cache) -> Path | None:
    if cache is False:
        return None
    return paths.measurements() if cache is None else cache
