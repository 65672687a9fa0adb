"""A zoo of trained networks: its table, splits and networks, checked as they are read."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor

from demogen._util.lookup import lookup
from demogen.errors import CorruptZooError, ZooError
from demogen.format.splits import Split, StoredSplits
from demogen.format.storage import Folder, Storage, checked_content, manifest_text
from demogen.format.table import InitialLogits, Table, read_initial_logits
from demogen.images.image_set import ImageSet, LabeledImages
from demogen.networks import architectures
from demogen.networks.devices import find_device
from demogen.networks.network import Network, Sources
from demogen.networks.tapped_module import TappedModule
from demogen.networks.torch_state import ordinary_state
from demogen.schema.records import Data, NetworkRecord, ZooManifest, sha256
from demogen.zoo.assembly import assemble
from demogen.zoo.base import NetworkSet
from demogen.zoo.beside import images_beside, load_expected
from demogen.zoo.folders import check_may_be_on_hub, folder_of, no_folder
from demogen.zoo.initial_weights import make_initial, read_initial
from demogen.zoo.labels import check_labels, read_labels
from demogen.zoo.missing import what_is_missing
from demogen.zoo.outcomes import check_outcome
from demogen.zoo.part import part_of
from demogen.zoo.prefetch import ReadWeights, WeightsRequest, read_ahead
from demogen.zoo.shared_images import NO_CORRUPTION, standardized
from demogen.zoo.siblings import siblings_of
from demogen.zoo.verification import check_derived
from demogen.zoo.weights import check_size

if TYPE_CHECKING:
    import pandas as pd


@final
class Zoo(NetworkSet):
    """A published set of trained networks. Make one by `load_zoo`.

    Attributes:
        storage: where it byte_range.
        manifest: zoo.json.
    """

    def __init__(self, storage: Storage, *, images: Path | None = None) -> None:
        self.storage = storage
        self.images_folder = images
        text = manifest_text(storage)
        self._digest = sha256(text)
        self.manifest = ZooManifest.from_json(text, storage.where)
        storage.check(self.manifest.files)
        self._splits = StoredSplits(self.manifest.split_names, self._read_split, self.name)

    @property
    def name(self) -> str:
        """Name of the collection."""
        return self.manifest.name

    @property
    def digest(self) -> str:
        """Sha256 of zoo.json, which chains to every byte."""
        return self._digest

    @property
    def splits(self) -> Mapping[str, Split]:
        """Standardized splits by name, each read and checked when first asked for."""
        return self._splits

    @property
    def image_sets(self) -> Mapping[str, str]:
        """Digests of the image sets, by name."""
        return self.manifest.image_sets

    @property
    def revision(self) -> str:
        """Commit on the Hub it is read from, or ""."""
        return self.storage.revision

    @property
    def _frame(self) -> "pd.DataFrame":
        """What only loading needs (digests, recorded logits, where weights lie) is in `record`."""
        return self._table.frame

    @property
    def ids(self) -> list[str]:
        """Ids of all networks, in the order of the table."""
        return list(self._table.rows)

    def __len__(self) -> int:
        return self.manifest.networks

    def __repr__(self) -> str:
        return f"Zoo({self.name!r}, {len(self)} networks, sha256:{self.digest[:12]})"

    def __reduce__(self) -> tuple[object, ...]:
        images = self.images_folder and self.images_folder.absolute()
        return _reopen, (self.storage, self.digest, images)

    def attempts(
        self,
        ids: Sequence[str] | None = None,
        *,
        device: str | torch.device = "cpu",
        batch_size: int = 256,
    ) -> Iterator[Network | CorruptZooError]:
        """As `networks`, with an error in the place of each network that is corrupt."""
        place = find_device(device)
        for weights in self._read(ids):
            try:
                yield self._network(weights, place, batch_size)
            except CorruptZooError as error:
                yield error

    def weights(self, ids: Sequence[str] | None = None) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Id and tensors of networks, checked by length and sha256; no network is built.

        Raises:
            ZooError: an unknown id, or the storage cannot be read.
            CorruptZooError: the bytes of a network are not what the zoo says, read twice.
        """
        for weights in self._read(ids):
            if isinstance(weights, CorruptZooError):
                raise weights
            yield weights.id, weights.tensors

    def record(self, id: str) -> NetworkRecord:
        """What was asked for and what came out, of one network.

        Raises:
            ZooError: an unknown id.
            CorruptZooError: its row is no record.
        """
        self._check_id(id)
        return self._table.record(id)[0]

    def siblings(self, id: str) -> list[NetworkRecord]:
        """Records of the other networks of the same configuration, in the order of the table.

        Raises:
            ZooError: an unknown id.
            CorruptZooError: a row is no record.
        """
        self._check_id(id)
        return [self._table.record(other)[0] for other in self._siblings[id]]

    def image_set(self, name: str) -> ImageSet:
        """The image set that networks were trained on; ZooError if others are at hand."""
        kind = f"image set whose digest {self.name} holds"
        expected = lookup(name, self.manifest.image_sets, kind, ZooError)
        folder = self.images_folder or images_beside(self.storage, name)
        return load_expected(name, folder, expected, self.name)

    part = part_of

    def verify(self, *, weights: bool = True) -> None:
        """Read and check every file, network and record, and the table that follows from them.

        Args:
            weights: whether networks are among it; without them a zoo is checked in seconds.

        Raises:
            CorruptZooError: some are not what the zoo says; the first is named.
        """
        for path in self.manifest.files:
            if not path.startswith("shards/"):
                self._content(path)
        _ = self._labels
        records = [self._table.record(id) for id in self.ids]
        check_derived(self.table, records, self.splits, self._where)
        attempts = self.attempts() if weights else ()
        if faults := [fault for fault in attempts if isinstance(fault, CorruptZooError)]:
            more = f" (and {len(faults) - 1} more networks)" if len(faults) > 1 else ""
            raise CorruptZooError(f"{faults[0]}{more}")
        for (record, _), id in zip(records, self.ids, strict=True):
            what = f"image set of network {id} in {self._where}"
            self._request(id)
            if record.spec.origin is None:
                lookup(record.spec.data.images, self.image_sets, what, CorruptZooError)
            if record.labels is not None:
                self._corrupted_labels(record.labels, record)
            if weights:
                check_outcome(record, f"{self._where}: network {id}")
                if self._table.initial(id) is not None:
                    self._initial(record)

    @cached_property
    def _where(self) -> str:
        return f"zoo {self.name} in {self.storage.where}"

    @cached_property
    def _table(self) -> Table:
        return Table(self._content("networks.parquet"), self.manifest.networks, self._where)

    @cached_property
    def _siblings(self) -> dict[str, list[str]]:
        configurations = self._frame["configuration"].items()
        return siblings_of({str(id): str(of) for id, of in configurations})

    @cached_property
    def _labels(self) -> dict[str, Tensor]:
        if (path := "labels.safetensors") not in self.manifest.files:
            return {}
        return read_labels(self._content(path), f"{self._where}: {path}")

    def _read_split(self, name: str) -> Split:
        text = self._content(f"splits/{name}.json")
        split = Split.from_json(text, f"{self.name}@{self.digest[:12]}")
        if split.name != name or set(split.ids) != self._table.rows.keys():
            raise CorruptZooError(
                f"{self._where}: splits/{name}.json is no split of it by that name and its networks"
            )
        return split

    def _content(self, path: str) -> bytes:
        """A file as zoo.json lists it; it is fetched once more if it differs."""
        expected = lookup(path, self.manifest.files, "file in zoo.json", CorruptZooError)
        return checked_content(self.storage, path, expected, self._where)

    def _check_id(self, id: str) -> None:
        lookup(id, self._table.rows, f"network in {self.name}", ZooError)

    def _read(self, ids: Sequence[str] | None) -> Iterator[ReadWeights | CorruptZooError]:
        """Weights of networks in this order; in place of a corrupt network's, its fault."""
        chosen = self.ids if ids is None else list(ids)
        for id in chosen if ids is not None else ():
            self._check_id(id)
        faults: dict[str, CorruptZooError] = {}

        def requests() -> Iterator[WeightsRequest]:
            for id in chosen:
                try:
                    yield self._request(id)
                except CorruptZooError as error:
                    faults[id] = error

        # By the time a network arrives, the faults of all that were passed over before it are here.
        upcoming = iter(chosen)
        for weights in read_ahead(self.storage, requests(), self._where):
            for id in upcoming:
                if id == weights.id:
                    break
                yield faults[id]
            yield weights if weights.fault is None else weights.fault
        for id in upcoming:
            yield faults[id]

    def _request(self, id: str) -> WeightsRequest:
        """What to read of a network, whose size is checked before anything is read or allocated."""
        byte_range, digest, spec = self._table.weights(id)
        what = f"{self._where}: network {id}"
        shard = self.manifest.files.get(byte_range.shard)
        if shard is None or byte_range.stop > shard.bytes:
            raise CorruptZooError(
                f"{what} lies outside the files of zoo.json, in {byte_range.shard!r}"
            )
        check_size(byte_range.length, *architectures.weight_sizes(spec, what), what)
        return WeightsRequest(id, byte_range, digest)

    @ordinary_state()
    def _network(
        self, read: ReadWeights | CorruptZooError, device: torch.device, batch_size: int
    ) -> Network:
        if isinstance(read, CorruptZooError):
            raise read
        record, _ = self._table.record(read.id)
        module = assemble(record, read.tensors, f"{self._where}: network {record.id}", device)
        siblings = self._siblings[record.id]
        missing = what_is_missing(record, self.manifest.image_sets, len(siblings))
        sources = Sources(
            initial=lambda: self._initial(record).to(device),
            train=lambda: self._train(record, device),
            test_inputs=lambda: self._standardized(record.spec.data, "test", device),
            spec=record.spec,
            siblings=lambda: tuple(each.module for each in self.networks(siblings, device=device)),
            input_shape=record.spec.data.input_shape,
            classes=record.spec.data.class_count,
            missing=missing,
        )
        return Network(module, sources, id=record.id, batch_size=batch_size)

    @ordinary_state()
    def _initial(self, record: NetworkRecord) -> TappedModule:
        if (stored := self._table.initial(record.id)) is not None:
            what = f"{self._where}: initial weights of network {record.id}"
            return read_initial(self.storage, self.manifest.files, record, stored, what)
        return make_initial(record, self.manifest, self._initial_logits.get(record.id))

    @cached_property
    def _initial_logits(self) -> Mapping[str, InitialLogits]:
        """Of the networks whose runs record them; none where the file is not at hand."""
        try:
            return read_initial_logits(self.storage.local("runs.parquet"))
        except ZooError:
            return {}

    @ordinary_state()
    def _train(self, record: NetworkRecord, device: torch.device) -> LabeledImages:
        data = record.spec.data
        images = self._standardized(data, "train", device)
        if record.labels is None:
            labels = self._part(data).labels
        else:
            labels = self._corrupted_labels(record.labels, record)
        return LabeledImages(images, labels.to(device, copy=True))

    def _corrupted_labels(self, digest: str, record: NetworkRecord) -> Tensor:
        what = f"label vector of network {record.id} in {self._where}"
        labels = lookup(digest, self._labels, what, CorruptZooError)
        check_labels(labels, record.spec.data, what)
        return labels

    # Both are shared by all networks with the same data; labels are left out, so that label
    # corruption does not make another copy of the images. What a measure gets is a copy: one that
    # works in place would change the images of all others.
    @ordinary_state()
    def _standardized(self, data: Data, part: str, device: torch.device) -> Tensor:
        without = data.model_copy(update=NO_CORRUPTION)
        shared = standardized(self.image_set(data.images), without, part)
        return shared.to(device, copy=True)

    def _part(self, data: Data) -> LabeledImages:
        return self.image_set(data.images).training_part(data.model_copy(update=NO_CORRUPTION))


def load_zoo(
    source: str | Path,
    revision: str | None = None,
    *,
    images: str | Path | None = None,
    endpoint: str | None = None,
    cache: bool = False,
) -> Zoo:
    """Open a zoo; every file and every network is checked when it is read.

    From the Hub, a revision is resolved to a commit once, and all is read at that commit. zoo.json,
    table, splits and labels go through the Hub's cache; weights are read from there if they are in
    it, and by ranges as they are needed otherwise. With HF_HUB_OFFLINE=1 only the cache is used.

    Args:
        source: a folder; the name of a zoo built here; or "owner/name" on the Hugging Face Hub, or
            "owner/name@revision".
        revision: tag, branch or commit, for a zoo on the Hub; default: the newest.
        images: folder with the image sets (see `load_images`).
        endpoint: address of another Hub.
        cache: keep whole shards in the Hub's cache as they are needed (a gigabyte each).

    Raises:
        ZooError: there is no such zoo, its format is not known here, or a revision is asked of a
            folder, or given twice.
        CorruptZooError: a file is missing, or zoo.json arrives damaged.
    """
    images_folder = Path(images) if images else None
    if folder := folder_of(str(source)):
        if revision:
            raise ZooError(
                f"zoo {source} is a folder here and has no revisions; leave {revision!r} out"
            )
        return Zoo(Folder(folder), images=images_folder)
    name, _, suffix = str(source).partition("@")
    if suffix and revision:
        raise ZooError(f"{source}: revision given twice, {suffix!r} and {revision!r}; give one")
    revision = suffix or revision
    if suffix and folder_of(name):
        raise ZooError(f"zoo {name} is a folder here and has no revisions; leave @{suffix} out")
    check_may_be_on_hub(name, revision=bool(revision))
    from demogen.hub import download
    from demogen.hub.storage import HubStorage

    try:
        commit = download.resolve(name, revision=revision, endpoint=endpoint)
    except ZooError as error:
        if revision or isinstance(error, CorruptZooError):
            raise
        raise ZooError(f"{no_folder(name, [])}, and {error}") from error
    return Zoo(HubStorage(name, commit, endpoint, cache), images=images_folder)


@cache
def _reopen(storage: Storage, digest: str, images: Path | None) -> Zoo:
    """The zoo that was pickled, opened once a process.

    Raises:
        ZooError: the storage holds another zoo now.
    """
    zoo = Zoo(storage, images=images)
    if zoo.digest != digest:
        raise ZooError(
            f"{storage.where} has changed meanwhile (it held sha256:{digest[:12]}, now "
            f"sha256:{zoo.digest[:12]}); run again"
        )
    return zoo
