"""A zoo of trained networks: its table, splits and networks, checked as they are read."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import final

import torch
from torch import Tensor

from demogen import __version__, architectures, checkpoints, places, splits, table
from demogen.card import dataset_card
from demogen.errors import CorruptZooError, ZooError
from demogen.images import ImageSet, LabeledImages, load_images
from demogen.integrity import file_sha256, write_atomically
from demogen.names import choose
from demogen.network import Network, Sources
from demogen.probes import check_probe_logits
from demogen.schema import (
    FORMAT_VERSION,
    Data,
    FileDigest,
    NetworkRecord,
    Paper,
    RunFacts,
    ZooManifest,
    sha256,
)
from demogen.tapped import TappedModule

PREFETCH = 2
"""Networks read and checked ahead of the one in use."""


@final
class Zoo:
    """A set of trained networks, read-only.

    Iterating gives `Network` after `Network` in the order of the table, the next ones read and
    checked meanwhile; `zoo[id]` gives one. Make one by `load_zoo`.

    Attributes:
        folder: where it lies.
        manifest: zoo.json.
        table: one row a network, index "id": spec, accuracies, cross-entropies, gap, parameters …
        splits: standardized splits by name.
        revision: commit on the Hub it was read from, or "".
    """

    def __init__(self, folder: Path, *, revision: str = "", images: Path | None = None) -> None:
        self.folder = folder
        self.revision = revision
        self.images_folder = images
        manifest = _read(folder / "zoo.json")
        self.digest = sha256(manifest)
        self.manifest = ZooManifest.from_json(manifest, str(folder))
        self._check_files()
        self.table = table.read_table(self._content("networks.parquet"))
        if len(self.table) != self.manifest.networks:
            raise CorruptZooError(
                f"{folder}: zoo.json counts {self.manifest.networks} networks, the table has "
                f"{len(self.table)}"
            )
        stored = {path: self._content(path) for path in self.manifest.files if _is_split(path)}
        self.splits = splits.read_splits(stored, f"{self.name}@{self.digest[:12]}")

    @property
    def name(self) -> str:
        """Name of the collection."""
        return self.manifest.name

    @property
    def ids(self) -> list[str]:
        """Ids of all networks, in the order of the table."""
        return [str(network) for network in self.table.index]

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[Network]:
        return self.networks()

    def __getitem__(self, id: str) -> Network:
        return next(self.networks([id]))

    def __repr__(self) -> str:
        return f"Zoo({self.name!r}, {len(self)} networks, sha256:{self.digest[:12]})"

    def networks(
        self,
        ids: Sequence[str] | None = None,
        *,
        device: str | torch.device = "cpu",
        batch_size: int = 256,
    ) -> Iterator[Network]:
        """The networks with these ids (default all), in this order, read ahead in the background.

        Raises:
            ZooError: an unknown id.
            CorruptZooError: bytes, tensors or logits of a network are not what the zoo says.
        """
        chosen = self.ids if ids is None else list(ids)
        for network in chosen:
            choose(network, self._known, f"network in {self.name}", ZooError)
        with ThreadPoolExecutor(1) as reader:
            ahead = [reader.submit(self._read_weights, network) for network in chosen[:PREFETCH]]
            for position in range(len(chosen)):
                record, weights = ahead.pop(0).result()
                if (following := position + PREFETCH) < len(chosen):
                    ahead.append(reader.submit(self._read_weights, chosen[following]))
                yield self._network(record, weights, torch.device(device), batch_size)

    def record(self, id: str) -> NetworkRecord:
        """What was asked for and what came out, of one network."""
        return self._row(id)[0]

    def image_set(self, name: str) -> ImageSet:
        """The image set that networks were trained on.

        Raises:
            ZooError: the images at hand are not the ones the zoo was trained on.
        """
        image_set = load_images(name, self.images_folder)
        if image_set.digest != self.manifest.image_sets[name]:
            raise ZooError(
                f"the {name} images here (digest {image_set.digest[:12]}) are not those that "
                f"{self.name} was trained on ({self.manifest.image_sets[name][:12]}); set "
                "DEMOGEN_IMAGES to a folder with the published files"
            )
        return image_set

    def verify(self) -> None:
        """Read and check every network.

        Raises:
            CorruptZooError: at the first that is not what the zoo says.
        """
        for _ in self:
            pass

    @cached_property
    def _known(self) -> dict[str, None]:
        return dict.fromkeys(self.ids)

    @cached_property
    def _labels(self) -> dict[str, Tensor]:
        if "labels.safetensors" not in self.manifest.files:
            return {}
        where = f"{self.folder}/labels.safetensors"
        return checkpoints.from_bytes(self._content("labels.safetensors"), where)

    def _row(self, id: str) -> tuple[NetworkRecord, table.Place]:
        choose(id, self._known, f"network in {self.name}", ZooError)
        record, place = table.record_of(self.table.loc[id], str(self.folder))
        if place.shard not in self.manifest.files:
            raise CorruptZooError(f"{self.name}: network {id} lies in unlisted {place.shard!r}")
        return record, place

    def _read_weights(self, id: str) -> tuple[NetworkRecord, dict[str, Tensor]]:
        record, place = self._row(id)
        what = f"{self.name}: network {id}"
        content = checkpoints.read_range(self.folder, place, record.weights_sha256, what)
        return record, checkpoints.from_bytes(content, what)

    def _network(
        self,
        record: NetworkRecord,
        weights: dict[str, Tensor],
        device: torch.device,
        batch_size: int,
    ) -> Network:
        what = f"{self.name}: network {record.id}"
        module = checkpoints.load_into(architectures.skeleton(record.spec), weights, what)
        module = module.to(device).eval()
        check_probe_logits(module, record.spec.data.input_shape, record.probe_logits, what)
        sources = Sources(
            initial=lambda: self._initial(record).to(device),
            train=lambda: self._train(record, device),
            test_inputs=lambda: self._standardized(record.spec.data, "test").to(device),
            spec=record.spec,
        )
        return Network(module, sources, id=record.id, batch_size=batch_size)

    def _initial(self, record: NetworkRecord) -> TappedModule:
        module = architectures.build(record.spec)
        found = sha256(checkpoints.to_bytes(module.state_dict()))
        if found != record.initial_sha256:
            raise ZooError(
                f"{self.name}: the initial weights of {record.id}, made again from the seed, are "
                "not those it was trained from; this torch draws other numbers than the one that "
                f"trained the zoo (demogen {self.manifest.code_version})"
            )
        return module.eval().requires_grad_(False)

    def _train(self, record: NetworkRecord, device: torch.device) -> LabeledImages:
        data = record.spec.data
        images = self._standardized(data, "train").to(device)
        if record.labels is None:
            labels = self._part(data).labels
        else:
            labels = choose(record.labels, self._labels, "label vector", CorruptZooError)
        return LabeledImages(images, labels.to(device))

    # Both are shared by all networks with the same data; labels are left out, so that label
    # corruption does not make another copy of the images.
    def _standardized(self, data: Data, part: str) -> Tensor:
        return _standardized(self.image_set(data.images), data.model_copy(update=_CLEAN), part)

    def _part(self, data: Data) -> LabeledImages:
        return self.image_set(data.images).training_part(data.model_copy(update=_CLEAN))

    def _content(self, path: str) -> bytes:
        content = _read(self.folder / path)
        expected = choose(path, self.manifest.files, "file in zoo.json", CorruptZooError)
        if len(content) != expected.bytes or sha256(content) != expected.sha256:
            raise CorruptZooError(
                f"{self.folder}/{path} is not the file zoo.json lists; fetch again"
            )
        return content

    def _check_files(self) -> None:
        for path, expected in self.manifest.files.items():
            file = self.folder / path
            if not file.is_file():
                raise CorruptZooError(f"{self.folder}: {path} is missing; fetch the zoo again")
            if (found := file.stat().st_size) != expected.bytes:
                raise CorruptZooError(
                    f"{self.folder}: {path} has {found} bytes, zoo.json says {expected.bytes}; "
                    "fetch the zoo again"
                )


def load_zoo(
    source: str | Path,
    revision: str | None = None,
    *,
    images: str | Path | None = None,
    endpoint: str | None = None,
) -> Zoo:
    """Open a zoo: its table, labels and splits are checked now, each network when it is read.

    Args:
        source: a folder; the name of a zoo built here; or "owner/name" on the Hugging Face Hub.
        revision: tag, branch or commit, for a zoo on the Hub.
        images: folder with the image sets (see `load_images`).
        endpoint: address of another Hub.

    Raises:
        ZooError: there is no such zoo, or its format is not known here.
        CorruptZooError: a file is not what zoo.json says.
    """
    images_folder = Path(images) if images else None
    name = str(source)
    for folder in (Path(name).expanduser(), places.zoos() / name):
        if (folder / "zoo.json").is_file():
            return Zoo(folder, images=images_folder)
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        built = sorted(path.parent.name for path in places.zoos().glob("*/zoo.json"))
        raise ZooError(
            f"no zoo {name!r}: neither a folder with a zoo.json nor a zoo built here "
            f"({', '.join(built) or 'none yet'}); 'demogen train {Path(name).name}' builds one, "
            "'owner/name' reads one from the Hub"
        )
    from demogen import hub

    commit = hub.resolve(name, revision=revision, endpoint=endpoint)
    folder = hub.pull(name, revision=commit, endpoint=endpoint)
    return Zoo(folder, revision=commit, images=images_folder)


@dataclass(frozen=True)
class Collection:
    """What a zoo is written from, beside its networks."""

    name: str
    paper: Paper
    recipe_digest: str
    planned: int
    image_sets: Mapping[str, str]
    printed_results: Mapping[str, Mapping[str, float]]


def write_zoo(
    folder: Path,
    collection: Collection,
    networks: Iterable[tuple[NetworkRecord, RunFacts]],
    weights: Mapping[str, Path],
    labels: Mapping[str, Tensor],
    failed: Mapping[str, str],
) -> Zoo:
    """Pack trained networks as a zoo, all of it or nothing, in place of any zoo there.

    Args:
        folder: the zoo's folder.
        collection: what the zoo is.
        networks: records and facts of the runs, in any order.
        weights: id → safetensors file.
        labels: digest → corrupted label vector.
        failed: id → reason, of networks that could not be trained.
    """
    by_id = sorted(networks, key=lambda network: network[0].id)
    records = [record for record, _ in by_id]
    if not records:
        raise ZooError(f"no network of {collection.name} is trained yet: nothing to pack")
    folder.parent.mkdir(parents=True, exist_ok=True)
    packed = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-packing-"))
    try:
        contents = ((record.id, weights[record.id].read_bytes()) for record in records)
        lie = checkpoints.write_shards(packed, contents)
        rows = table.to_parquet(records, [lie[record.id] for record in records])
        write_atomically(packed / "networks.parquet", rows)
        if labels:
            write_atomically(packed / "labels.safetensors", checkpoints.to_bytes(labels))
        (packed / "splits").mkdir()
        for split in splits.make_splits(table.read_table(rows)).values():
            write_atomically(packed / "splits" / f"{split.name}.json", split.to_json())
        manifest = ZooManifest(
            format_version=FORMAT_VERSION,
            name=collection.name,
            recipe_digest=collection.recipe_digest,
            code_version=__version__,
            paper=collection.paper,
            printed_results={name: dict(row) for name, row in collection.printed_results.items()},
            image_sets=dict(collection.image_sets),
            networks=len(records),
            planned=collection.planned,
            failed=dict(failed),
            files=_digests(packed),
        )
        runs = table.runs_to_parquet([run for _, run in by_id])
        write_atomically(packed / "runs.parquet", runs)
        card = dataset_card(manifest, table.read_table(rows))
        write_atomically(packed / "README.md", card.encode())
        write_atomically(packed / "zoo.json", manifest.to_json())
        packed.chmod(0o755)
        _replace(packed, folder)
    finally:
        shutil.rmtree(packed, ignore_errors=True)
    return Zoo(folder)


_CLEAN = {"corruption": 0.0, "corruption_seed": 0}


@lru_cache(maxsize=4)
def _standardized(image_set: ImageSet, data: Data, part: str) -> Tensor:
    images = image_set.training_part(data).images if part == "train" else image_set.test.images
    return image_set.inputs(images, data)


def _digests(folder: Path) -> dict[str, FileDigest]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): FileDigest(
            bytes=path.stat().st_size, sha256=file_sha256(path)
        )
        for path in files
    }


def _replace(new: Path, folder: Path) -> None:
    if folder.exists():
        old = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-old-"))
        folder.rename(old / "zoo")
        new.rename(folder)
        shutil.rmtree(old)
    else:
        new.rename(folder)


def _is_split(path: str) -> bool:
    return path.startswith("splits/") and path.endswith(".json")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ZooError(f"{path} cannot be read: {error.strerror}") from error
