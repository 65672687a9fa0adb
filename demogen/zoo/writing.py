"""Write a zoo: shards, table, splits, card and manifest, all of it or nothing."""

import shutil
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from torch import Tensor

from demogen import __version__
from demogen._util.paths import replaceable
from demogen.errors import ZooError, naming
from demogen.format.card import dataset_card, list_versions
from demogen.format.columns import LATER, network_rows
from demogen.format.croissant import folder_croissant
from demogen.format.integrity import file_digest, scratch_folder, write_atomically
from demogen.format.splits import make_splits
from demogen.format.storage import Folder
from demogen.format.table import runs_to_parquet, to_frame, to_parquet
from demogen.schema.layout import CROISSANT
from demogen.schema.records import (
    Archive,
    FileDigest,
    NetworkRecord,
    Paper,
    RunFacts,
    ZooManifest,
    sha256,
)
from demogen.zoo.assembly import accept, accept_initial
from demogen.zoo.weights import FilePart, StoredNetwork, to_bytes, write_shards
from demogen.zoo.zoo import Zoo

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Collection:
    """What a zoo is written from, beside its networks."""

    name: str
    paper: Paper
    recipe_digest: str | None
    """None: it was imported, from `archive`."""
    planned: int
    image_sets: Mapping[str, str]
    printed_results: Mapping[str, Mapping[str, float]]
    archive: Archive | None = None


def write_zoo(
    folder: Path,
    collection: Collection,
    networks: Iterable[tuple[NetworkRecord, RunFacts]],
    weights: Mapping[str, Path | FilePart],
    labels: Mapping[str, Tensor],
    failed: Mapping[str, str],
    initial: Mapping[str, Path | FilePart] | None = None,
    *,
    assembled: bool = False,
    hashed: Container[str] = (),
) -> Zoo:
    """Pack trained networks as a zoo, all of it or nothing, in place of any zoo there.

    Args:
        folder: the zoo's folder.
        collection: what the zoo is.
        networks: records and facts of the runs, in any order.
        weights: id → safetensors file.
        labels: digest → corrupted label vector.
        failed: id → reason, of networks that could not be trained.
        initial: id → safetensors file of initial weights, of networks whose are to be stored; the
            others' are made again from their seeds, or there are none.
        assembled: the caller has made every network of its tensors and taken the record's logits
            from it, so that it is enough to compare sha256.
        hashed: ids of networks of which not even that is needed, as this very process has hashed
            and written their files.

    Raises:
        ZooError: there are no networks, or readers would refuse what would be written; the folder
            is left as it was.
    """
    # An id is a hash of all settings: made once.
    with_ids = ((record.id, record, run) for record, run in networks)
    by_id = sorted(with_ids, key=lambda network: network[0])
    if missing := {id for id, _, _ in by_id} - weights.keys():
        raise ZooError(f"network {min(missing)} of {collection.name} comes without weights")
    if not by_id:
        raise ZooError(f"no network of {collection.name} is trained yet: nothing to pack")
    folder = replaceable(folder)
    packed = scratch_folder(folder, "packing")
    try:
        records: list[NetworkRecord] = []
        named = ((id, record) for id, record, _ in by_id)
        contents = _accepted(named, weights, initial or {}, records, assembled, hashed)
        shards = write_shards(packed, contents)
        places = [shards.trained[id] for id, _, _ in by_id]
        rows = network_rows(records, places, shards.initial)
        write_atomically(packed / "networks.parquet", to_parquet(rows))
        if labels:
            write_atomically(packed / "labels.safetensors", to_bytes(labels))
        (packed / "splits").mkdir()
        table = to_frame(rows)
        splits = make_splits(table)
        for split in splits.values():
            write_atomically(packed / "splits" / f"{split.name}.json", split.to_json())
        manifest = ZooManifest(
            format_version=_format_version(rows, records, collection),
            name=collection.name,
            recipe_digest=collection.recipe_digest,
            code_version=__version__,
            paper=collection.paper,
            printed_results={name: dict(row) for name, row in collection.printed_results.items()},
            image_sets=dict(collection.image_sets),
            networks=len(records),
            planned=collection.planned,
            failed=dict(failed),
            files=_digests(packed, shards.files),
            archive=collection.archive,
        )
        runs = [run for _, _, run in by_id]
        write_atomically(packed / "runs.parquet", runs_to_parquet(runs))
        pinned = f"{manifest.name}@{sha256(manifest.to_json())[:12]}"
        pinned_splits = {name: replace(splits[name], zoo=pinned) for name in manifest.split_names}
        card = dataset_card(
            manifest,
            table,
            pinned_splits,
            versions=list_versions(run.versions for run in runs),
        )
        write_atomically(packed / "README.md", card.encode())
        write_atomically(packed / "zoo.json", manifest.to_json())
        croissant = folder_croissant(packed, manifest, splits=pinned_splits)
        write_atomically(packed / CROISSANT, croissant)
        _check_readable(packed, folder)
        _replace(packed, folder)
    finally:
        shutil.rmtree(packed, ignore_errors=True)
    return Zoo(Folder(folder))


def _format_version(
    rows: "pa.Table", records: Sequence[NetworkRecord], collection: Collection
) -> Literal[1, 2]:
    """The oldest format whose readers understand the zoo."""
    later = (
        not LATER.isdisjoint(rows.column_names)
        or collection.archive is not None
        or any(
            record.spec.origin is not None or record.spec.architecture.family == "layers"
            for record in records
        )
    )
    return 2 if later else 1


def _accepted(
    records: Iterable[tuple[str, NetworkRecord]],
    weights: Mapping[str, Path | FilePart],
    initial: Mapping[str, Path | FilePart],
    accepted: list[NetworkRecord],
    assembled: bool,
    hashed: Container[str],
) -> Iterator[StoredNetwork]:
    """Networks as they are written; their records are added to `accepted` on the way."""
    for id, record in records:
        content = _content(weights[id])
        first = _content(initial[id]) if id in initial else None
        if id not in hashed:
            record, content = accept(record, content, assembled=assembled)
            if first is not None:
                first = accept_initial(record, first, assembled=assembled)
        accepted.append(record)
        yield StoredNetwork(id, content, first)


def _content(file: Path | FilePart) -> bytes:
    with naming(str(file)):
        return file.read_bytes()


def _check_readable(packed: Path, folder: Path) -> None:
    """Read back what was written, all but the weights, which were checked before."""
    try:
        Zoo(Folder(packed)).verify(weights=False)
    except ZooError as error:
        fault = str(error).replace(str(packed), str(folder))
        raise ZooError(f"{folder} is not written, for nobody could read it: {fault}") from error


def _digests(folder: Path, known: Mapping[str, FileDigest]) -> dict[str, FileDigest]:
    """Of all files in a folder; those that are known are not read again."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: known.get(name) or file_digest(path) for name, path in names.items()}


def _replace(new: Path, folder: Path) -> None:
    if folder.exists():
        old = scratch_folder(folder, "old")
        folder.rename(old / "zoo")
        new.rename(folder)
        shutil.rmtree(old)
    else:
        new.rename(folder)
