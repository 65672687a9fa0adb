"""One zoo out of an archive: read what is missing, keep it, pack it. Safe to stop at any moment."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from demogen._util import paths
from demogen._util.progress import track
from demogen._util.writable import check_can_write
from demogen.errors import ArchiveError, CorruptZooError, ZooError
from demogen.images import own_sets
from demogen.images.image_set import ImageSet, load_images
from demogen.networks.devices import find_device
from demogen.parallel import cores
from demogen.schema.image_sets import IMAGE_SETS
from demogen.schema.records import Archive, sha256
from demogen.zoo.beside import IMAGES
from demogen.zoo.writing import Collection, write_zoo
from demogen.zoo.zoo import Zoo
from zoo_recipes.importing.found import Found, Source
from zoo_recipes.importing.keeping import ImportFolder, Kept, Read
from zoo_recipes.importing.recording import copies, record
from zoo_recipes.locks import working_on

AHEAD = 2
"""Networks under way for each thread."""


@dataclass(frozen=True)
class Imported:
    """A zoo that was imported, and the networks of the archive that are not in it.

    Attributes:
        zoo: the zoo; None: none of its networks could be imported, though others of the archive.
        failed: name in the archive → why it is not there.
        fault: why there is no zoo; "": there is one.
    """

    zoo: Zoo | None
    failed: Mapping[str, str]
    fault: str = ""


@contextmanager
def reading(
    source: Source,
    folder: Path,
    identity: Mapping[str, Any],
    *,
    images: Path | None = None,
    measure: bool = True,
    device: str = "cpu",
    workers: int | None = None,
    limit: int | None = None,
    progress: bool = False,
) -> Iterator[Callable[[], Imported]]:
    """Read the networks of a zoo, to be packed as `<folder>/<its name>`, in place of any zoo there.

    Args:
        source: the networks.
        folder: of all zoos.
        identity: what is imported and how, so that an interrupted import goes on with the same.
        images: folder of published image sets; on those of the networks accuracies are measured.
        measure: False: image sets are written, but accuracies stay as they are stated.
        device: where accuracies are measured.
        workers: threads (default: one a core).
        limit: at most so many networks.
        progress: show how many networks are done, on standard error.

    Yields:
        What packs the zoo, in any thread; it is called within the block, in which nobody else works
        on this zoo. It raises ArchiveError where no network could be read.

    Raises:
        ArchiveError: the archive cannot be read, or another import was begun in the same place.
        DemogenError: the device is not there, or nothing can be written in the folder.
    """
    about = source.about
    target = paths.replaceable(folder / about.zoo)
    if measure:
        find_device(device)
    check_can_write(target.parent, folder=True)
    with working_on(target, None):
        kept = ImportFolder(target, {**identity, "limit": limit, "measure": measure})
        own, read = _written_images(source, folder / IMAGES, images)
        image_sets = _Images(own, folder / IMAGES, images)
        done = kept.names()
        failed: dict[str, str] = {}
        missing = source.networks(done)
        if limit is not None:
            missing = (task for task, _ in zip(missing, range(limit - len(done)), strict=False))
        try:
            measured_on = image_sets if measure else {}
            outcomes = _recorded(missing, about.archive, measured_on, device, workers)
            for name, outcome in track(outcomes, "import", None, enabled=progress):
                if isinstance(outcome, ArchiveError):
                    failed[name] = str(outcome)
                else:
                    kept.put(outcome)
                    for content in (outcome.weights, outcome.initial):
                        if content is not None:
                            copies.give_back(content)
        finally:
            kept.flush()
            if kept.is_empty:
                kept.close()
        yield partial(_finish, target, source, kept, failed, image_sets, read)


def _finish(
    target: Path,
    source: Source,
    kept: ImportFolder,
    failed: Mapping[str, str],
    image_sets: Mapping[str, ImageSet],
    read: str,
) -> Imported:
    networks = list(kept.kept())
    try:
        zoo = _pack(target, source, networks, kept.put_now, failed, image_sets, read)
    except ZooError as error:
        if not kept.remove_damaged():
            raise
        raise CorruptZooError(
            f"{kept.path} is damaged, by a fault of the disk perhaps: what was damaged is "
            "removed; run the same command again"
        ) from error
    kept.close()
    return Imported(zoo, failed)


class _Images(Mapping[str, ImageSet]):
    """Image sets at hand, each loaded when it is first asked for."""

    def __init__(self, own: set[str], beside: Path, images: Path | None) -> None:
        self._own = own
        self._beside = beside
        self._images = images

    def __getitem__(self, name: str) -> ImageSet:
        if name in self._own:
            return load_images(name, self._beside)
        at_hand = self._images or os.environ.get("DEMOGEN_IMAGES")
        if name in IMAGE_SETS and (at_hand or name == "digits"):
            return load_images(name, self._images)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return chain(self._own, IMAGE_SETS)

    def __len__(self) -> int:
        return len(self._own) + len(IMAGE_SETS)


def _written_images(source: Source, beside: Path, images: Path | None) -> tuple[set[str], str]:
    """Names of the image sets written beside the zoo, and sha256 over what was read for them."""
    names: set[str] = set()
    digests = []
    for own in source.own_images(images):
        own_sets.write(own.name, beside, own.arrays, own.classes)
        names.add(own.name)
        digests.append(own.read)
    return names, "".join(digests)


def _recorded(
    tasks: Iterator[tuple[str, Callable[[], Found]]],
    archive: str,
    image_sets: Mapping[str, ImageSet],
    device: str,
    workers: int | None,
) -> Iterator[tuple[str, Read | ArchiveError]]:
    """Networks in order, several under way at once: reading, hashing and torch leave the lock."""
    count = workers or cores()
    waiting: deque[tuple[str, Future[Read | ArchiveError]]] = deque()
    threads_before = torch.get_num_threads()
    torch.set_num_threads(max(1, threads_before // count))
    pool = ThreadPoolExecutor(count, thread_name_prefix="import")
    try:
        for name, read in tasks:
            task = pool.submit(_attempt, read, archive, image_sets, device)
            waiting.append((name, task))
            if len(waiting) >= AHEAD * count:
                first, outcome = waiting.popleft()
                yield first, outcome.result()
        while waiting:
            first, outcome = waiting.popleft()
            yield first, outcome.result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads_before)


def _attempt(
    read: Callable[[], Found], archive: str, image_sets: Mapping[str, ImageSet], device: str
) -> Read | ArchiveError:
    try:
        return record(read(), archive, image_sets, device)
    except ArchiveError as error:
        return error


def _pack(
    target: Path,
    source: Source,
    networks: list[Kept],
    hashed: set[str],
    failed: Mapping[str, str],
    image_sets: Mapping[str, ImageSet],
    read: str,
) -> Zoo:
    about = source.about
    if not networks:
        first = next((f"{name}: {reason}" for name, reason in failed.items()), "there is none")
        raise ArchiveError(f"no network of {about.archive} could be imported; {first}")
    digest = "".join(
        f"{network.name} {network.read}\n" for network in sorted(networks, key=lambda n: n.name)
    )
    collection = Collection(
        name=about.zoo,
        paper=about.paper,
        recipe_digest=None,
        planned=about.planned or len(networks) + len(failed),
        image_sets=_digests({n.record.spec.data.images for n in networks}, image_sets),
        printed_results=about.printed_results,
        archive=Archive(
            name=about.archive,
            sha256=sha256((digest + read).encode()),
            license=about.license,
            citation=about.paper.bibtex.strip(),
            notes=about.notes,
        ),
    )
    return write_zoo(
        target,
        collection,
        [(network.record, network.run) for network in networks],
        {network.run.id: network.weights for network in networks},
        {},
        failed,
        {n.run.id: n.initial for n in networks if n.initial is not None},
        assembled=True,
        hashed=hashed,
    )


def _digests(names: set[str], image_sets: Mapping[str, ImageSet]) -> dict[str, str]:
    """Of the image sets that are at hand, or whose published digest is known."""
    digests = {}
    for name in sorted(names):
        known = IMAGE_SETS[name].digest if name in IMAGE_SETS else None
        if known is None:
            try:
                known = image_sets[name].digest
            except KeyError:
                continue
        digests[name] = known
    return digests
