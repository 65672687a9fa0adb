"""The four importers: an archive in, zoos out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, Unpack

from demogen._util import paths
from demogen.errors import ArchiveError
from zoo_recipes.importing.demogen_archive import DemogenCollection, collections_in
from zoo_recipes.importing.formats.archives import Archive, open_archive
from zoo_recipes.importing.found import Source
from zoo_recipes.importing.modelzoo import ModelZoo, experiments_in
from zoo_recipes.importing.pgdl import chosen_task
from zoo_recipes.importing.running import Imported, reading
from zoo_recipes.importing.smallcnn import LAST_STEP, SmallCnnZoo, zoos_in


class ImportOptions(TypedDict, total=False):
    """What all importers take.

    Attributes:
        folder: of all zoos; each is written into a folder of its name there, and image sets into
            the folder "images" beside them (default: where zoos are found by name).
        images: folder of published image sets; accuracies are measured on those of the networks.
        measure: False: accuracies stay as they are stated, whatever images are at hand.
        device: where accuracies are measured.
        workers: threads (default: one a core).
        limit: at most so many networks of each zoo.
        progress: show how many networks are done, on standard error.
    """

    folder: Path | str | None
    images: Path | str | None
    measure: bool
    device: str
    workers: int | None
    limit: int | None
    progress: bool


def import_demogen(archive: Path | str, **options: Unpack[ImportOptions]) -> list[Imported]:
    """The DEMOGEN archive (Jiang et al. 2019): a zoo for each of its collections that is there.

    They are called nin-cifar10, resnet32-cifar10 and resnet32-cifar100.

    Args:
        archive: a folder, .tar, .tar.gz or .zip; the collections lie anywhere in it.
        options: see `ImportOptions`.

    Raises:
        ArchiveError: no network can be imported; the first reason is given.
    """
    with open_archive(archive) as opened:
        sources = [DemogenCollection(opened, name) for name in collections_in(opened)]
        return _import(opened, sources, {"kind": "demogen"}, options)


def import_pgdl(
    archive: Path | str, task: str | None = None, **options: Unpack[ImportOptions]
) -> list[Imported]:
    """One task of the PGDL competition, with its images.

    Args:
        archive: the public data, or the folder of one task; or a .tar, .tar.gz or .zip of it.
        task: name of the task; None: the only one.
        options: see `ImportOptions`.

    Raises:
        ArchiveError: there is no such task, or no network can be imported.
    """
    with open_archive(archive) as opened:
        source = chosen_task(opened, task)
        return _import(opened, [source], {"kind": "pgdl", "task": task}, options)


def import_modelzoo(
    archive: Path | str, epoch: int | None = None, **options: Unpack[ImportOptions]
) -> list[Imported]:
    """Model Zoos (Schürholt et al. 2022): a zoo for each experiment.

    Args:
        archive: a folder, .tar, .tar.gz or .zip with experiments, or of one.
        epoch: checkpoint of each trial; None: its last.
        options: see `ImportOptions`.

    Raises:
        ArchiveError: there is no trial, or no network can be imported.
    """
    with open_archive(archive) as opened:
        sources = [ModelZoo(opened, place, epoch) for place in experiments_in(opened)]
        return _import(opened, sources, {"kind": "modelzoo", "epoch": epoch}, options)


def import_smallcnn(
    archive: Path | str,
    step: int | None = LAST_STEP,
    where: Mapping[str, Sequence[Any]] | None = None,
    image_set: str | None = None,
    **options: Unpack[ImportOptions],
) -> list[Imported]:
    """The Small CNN Zoo (Unterthiner et al. 2020): a zoo for each matrix of weights.

    Args:
        archive: a folder, .tar, .tar.gz or .zip with weights.npy, metrics.csv.gz and layout.csv.
        step: of the checkpoints to take; None: all.
        where: column of metrics.csv.gz → levels: only networks that have one of them.
        image_set: name of the images trained on, where the folder's name does not say it.
        options: see `ImportOptions`.

    Raises:
        ArchiveError: a file is missing or no network is asked for, or none can be imported.
    """
    with open_archive(archive) as opened:
        sources = [SmallCnnZoo(opened, place, step, where, image_set) for place in zoos_in(opened)]
        levels = {
            column: [str(level) for level in levels] for column, levels in (where or {}).items()
        }
        identity = {"kind": "smallcnn", "step": step, "where": levels, "image_set": image_set}
        return _import(opened, sources, identity, options)


def _import(
    archive: Archive,
    sources: Sequence[Source],
    identity: Mapping[str, Any],
    options: ImportOptions,
) -> list[Imported]:
    """Each source in turn; one from which nothing can be had does not keep the others.

    While one is packed, which takes one thread, the next is read.
    """
    folder = options.get("folder")
    images = options.get("images")
    chosen: dict[str, Any] = {
        **options,
        "folder": paths.zoos() if folder is None else paths.expanded(folder),
        "images": None if images is None else paths.expanded(images),
    }
    _check_names(archive, sources)
    origin = {**identity, "archive": str(archive.path.resolve())}
    imported: list[Imported] = []
    faults: list[ArchiveError] = []
    packed: list[Callable[[], Imported]] = []
    with ExitStack() as stack, ThreadPoolExecutor(1, thread_name_prefix="pack") as packing:
        for source in sources:
            try:
                pack = stack.enter_context(reading(source, identity=origin, **chosen))
            except ArchiveError as error:
                packed.append(partial(_raise, error))
                continue
            # The last in this thread, where it can be interrupted.
            packed.append(pack if source is sources[-1] else packing.submit(pack).result)
        for result in packed:
            try:
                imported.append(result())
            except ArchiveError as error:
                faults.append(error)
    if not imported:
        raise faults[0]
    return [*imported, *(Imported(None, {}, str(fault)) for fault in faults)]


def _raise(error: ArchiveError) -> Imported:
    raise error


def _check_names(archive: Archive, sources: Sequence[Source]) -> None:
    names: Iterator[str] = (source.about.zoo for source in sources)
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ArchiveError(
                f"{archive.path} holds two collections called {name}; import their folders one by "
                "one"
            )
        seen.add(name)
