"""Measures × networks → tables of signatures: computed once, kept, continued if interrupted."""

import functools
import itertools
import warnings
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Unpack, overload

from demogen._util import paths, sending
from demogen._util.progress import track
from demogen._util.writable import check_can_write
from demogen.errors import CorruptZooError, NotMeasurable, ZooError
from demogen.measuring.cache_lines import Outcome
from demogen.measuring.epoch_cost import epoch_seconds
from demogen.measuring.image_sample import IMAGES, measure_sample
from demogen.measuring.options import Cache, MeasuringOptions
from demogen.measuring.predictor import Measure, Predictor
from demogen.measuring.predictor_names import as_predictor
from demogen.measuring.together import compute_signature, measure_in_turn
from demogen.measuring.work import Work
from demogen.networks.devices import find_device
from demogen.networks.network import Network
from demogen.networks.size import longest_first
from demogen.parallel import map_tasks
from demogen.zoo.base import NetworkSet

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Measurements:
    """What one measure gave on a zoo or a pool of zoos.

    Attributes:
        name: the measure's name.
        measure: the measure itself.
        table: one row a measured network (index "id", sorted), one float64 column a feature,
            sorted.
        failures: id → why that network has no signature.
        seconds: id → how long its signature took when it was computed; where measures ran together,
            what it would have taken alone.
        shares: id → its part of the seconds that all measures took that ran together.
        epochs: id → these seconds over those of one training epoch of the same network in the same
            process. Without networks that have no signature, those that were measured only by
            measures that read no images, and those whose training steps could not be taken (no
            memory for them, say).
        image_limit: how many images of a kind were measured, where networks have more; None: all.
        errors: where a sample was measured, the standard errors of the table's values, rows and
            columns as there, NaN where there is none; else None.
    """

    name: str
    measure: Measure
    table: "pd.DataFrame"
    failures: dict[str, str]
    seconds: dict[str, float]
    shares: dict[str, float]
    epochs: dict[str, float]
    image_limit: int | None = None
    errors: "pd.DataFrame | None" = None


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
        `.attrs["failures"]`. Where a sample of the images was measured, `.attrs["errors"]` has the
        standard errors, feature → id → error.

    Raises:
        NotMeasurable: the measure is not defined for this network.
        PredictorError: no predictor has this name; near names are listed.
        ZooError: no network of the zoo could be measured (the first reason is given).
    """
    chosen = as_predictor(predictor).measure
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
    if result.errors is not None:
        # No DataFrame: pandas compares attributes where it joins tables, and writes them as JSON.
        result.table.attrs["errors"] = result.errors.to_dict()
    return result.table


def measure_all(
    measures: Sequence[Measure],
    zoo: NetworkSet,
    *,
    workers: int = 1,
    ray: str | None = None,
    device: str = "cpu",
    batch_size: int = 256,
    image_limit: int | None = None,
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
            so few images are too few for a sample; or no network could be measured by any of the
            measures.
        DemogenError: the device is not there, or signatures cannot be kept in the cache.
    """
    work = Work.of(measures, zoo, cache, image_limit)
    needed = {work.measures[key].access for keys in work.missing.values() for key in keys}
    if any(access & IMAGES for access in needed):
        # Before anything is measured: missing images are one error, not one for each network.
        # Of a set that the zoo cannot name by digest, each network says that it comes without.
        for images in dict.fromkeys(work.records[id].spec.data.images for id in work.missing):
            if images in zoo.image_sets:
                zoo.image_set(images)
    if ray is None:
        find_device(device)
    if work.missing and cache is not False:
        remedy = "" if cache else "set DEMOGEN_HOME, or give --cache a folder"
        check_can_write(cache or paths.measurements(), folder=True, remedy=remedy)
    tasks = [
        _Task(
            zoo,
            id,
            tuple((key, work.measures[key]) for key in keys),
            frozenset(key for key in keys if (key, id) in work.sampled),
            image_limit,
            device,
            batch_size,
        )
        for id, keys in work.missing.items()
    ]
    outcomes = dict(work.known)
    with closing(_run(zoo, tasks, workers, ray, progress)) as running:
        for key, id, outcome in running:
            outcomes[key, id] = outcome
            work.keep(key, id, outcome)
    sampled = {key for key, _ in work.sampled}
    by_key = {
        key: _gather(
            measure,
            {id: outcomes[key, id] for id in sorted(zoo.ids)},
            image_limit if key in sampled else None,
        )
        for key, measure in work.measures.items()
    }
    _check_some_measured(by_key.values())
    return [by_key[key] for key in work.keys]


def _check_some_measured(measurements: Iterable[Measurements]) -> None:
    """Refuse to go on with nothing.

    Raises:
        ZooError: no measure has a value for any network; one reason is given.
    """
    failed = [(one.name, *min(one.failures.items())) for one in measurements if one.failures]
    if failed and not any(len(one.table) for one in measurements):
        name, id, reason = failed[0]
        raise ZooError(f"{name}: no network could be measured; {id}: {reason}")


@dataclass(frozen=True)
class _Task:
    """One network to measure; a worker that gets it opens the zoo or the pool once.

    `sampled` has the keys of the measures for which it has more than `image_limit` images.
    """

    zoo: NetworkSet
    id: str
    measures: tuple[tuple[str, Measure], ...]
    sampled: frozenset[str]
    image_limit: int | None
    device: str
    batch_size: int


def _run(
    zoo: NetworkSet, tasks: Sequence[_Task], workers: int, ray: str | None, progress: bool
) -> Generator[tuple[str, str, Outcome], None, None]:
    """Measure, and yield measure's key, network's id and outcome of each as soon as it is here."""
    if workers > 1 or ray is not None:
        for measure in dict(pair for task in tasks for pair in task.measures).values():
            sending.check_can_send(measure, f"the measure {measure.name}")
        tasks = longest_first(tasks, lambda task: zoo.record(task.id).spec)
        with closing(map_tasks(_measure_alone, tasks, workers=workers, ray=ray)) as running:
            for position, outcomes in track(running, "measure", len(tasks), enabled=progress):
                for key, outcome in outcomes.items():
                    yield key, tasks[position].id, outcome
        return
    if not tasks:
        return
    first = tasks[0]
    networks = zoo.attempts(
        [task.id for task in tasks], device=first.device, batch_size=first.batch_size
    )
    loaded = zip(tasks, networks, strict=True)
    for task, network in track(loaded, "measure", len(tasks), enabled=progress):
        for key, outcome in _measure_network(task, network):
            yield key, task.id, outcome


def _measure_alone(task: _Task) -> dict[str, Outcome]:
    attempts = task.zoo.attempts([task.id], device=task.device, batch_size=task.batch_size)
    return dict(_measure_network(task, next(attempts)))


def _measure_network(
    task: _Task, network: Network | CorruptZooError
) -> Iterator[tuple[str, Outcome]]:
    if isinstance(network, CorruptZooError):
        for key, _ in task.measures:
            yield key, Outcome(None, str(network), 0.0, fault=True)
        return
    measures = dict(task.measures)
    reads_images = any(measure.access & IMAGES for measure in measures.values())
    epoch = functools.cache(lambda: seconds_of_epoch(task.zoo, network))
    whole = {key: one for key, one in measures.items() if key not in task.sampled}
    outcomes = measure_in_turn(whole, network)
    if task.image_limit is not None and task.sampled:
        part = {key: one for key, one in measures.items() if key in task.sampled}
        outcomes = itertools.chain(outcomes, measure_sample(part, network, task.image_limit))
    for key, outcome in outcomes:
        if reads_images and outcome.signature is not None:
            outcome = replace(outcome, epoch_seconds=epoch())
        yield key, outcome


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


def _gather(
    measure: Measure, outcomes: Mapping[str, Outcome], image_limit: int | None
) -> Measurements:
    """A measure's outcomes (by id, sorted) as a table, with errors, failures and costs."""
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
    errors = None
    if image_limit is not None:
        known = {id: outcomes[id].errors or {} for id in table.index}
        errors = pd.DataFrame.from_dict(known, orient="index", dtype="float64")
        errors = errors.reindex(index=table.index, columns=table.columns)
        # Of a feature for which most networks have none, those of the others are chance.
        errors.loc[:, errors.notna().mean() <= 0.5] = float("nan")
    failures = {
        id: outcome.reason for id, outcome in outcomes.items() if outcome.reason is not None
    }
    seconds = {id: outcome.seconds for id, outcome in outcomes.items()}
    shares = {
        id: outcome.share_seconds
        for id, outcome in outcomes.items()
        if outcome.share_seconds is not None
    }
    epochs = {
        id: outcome.seconds / outcome.epoch_seconds
        for id, outcome in outcomes.items()
        if outcome.epoch_seconds
    }
    return Measurements(
        measure.name, measure, table, failures, seconds, shares, epochs, image_limit, errors
    )
