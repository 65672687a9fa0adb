"""The data of PGDL, "Predicting Generalization in Deep Learning" (competition of NeurIPS 2020).

A task is a folder of networks `model_<N>` with Keras layers and HDF5 weights, initial ones too, and
of images in TFRecords; accuracies and hyperparameters of all networks stand in one file.
"""

import hashlib
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, final

import numpy as np

from demogen._util.lookup import lookup
from demogen.errors import ArchiveError
from demogen.schema.architectures import MOST_PARAMETERS
from demogen.schema.records import Data, Paper
from zoo_recipes.importing import keras_layers
from zoo_recipes.importing.arrays import digest, fraction, json_of
from zoo_recipes.importing.factors import level, names_of, unified
from zoo_recipes.importing.formats.archives import Archive
from zoo_recipes.importing.formats.keras_hdf5 import read_weights
from zoo_recipes.importing.formats.tfrecord import example, records, tensor
from zoo_recipes.importing.found import About, Found, OwnImages, Source, Stated

PAPER = Paper(
    key="jiang2020pgdl",
    title="NeurIPS 2020 Competition: Predicting Generalization in Deep Learning",
    section="data of the competition",
    bibtex="""
@article{jiang2020pgdl,
  title = {{NeurIPS} 2020 Competition: Predicting Generalization in Deep Learning},
  author = {Jiang, Yiding and Foret, Pierre and Yak, Scott and Roy, Daniel M. and Mobahi, Hossein
            and Dziugaite, Gintare Karolina and Bengio, Samy and Gunasekar, Suriya
            and Guyon, Isabelle and Neyshabur, Behnam},
  journal = {arXiv:2012.07976},
  year = {2020}
}
""",
)

_CONFIG = re.compile(r"(?:(?P<place>.+)/)?(?P<network>model_(?P<number>\d+))/config\.json")
_SHARDS = re.compile(r"dataset_\d+/(?P<part>train|test)/[^/]+\.tfrecords?")
JSON_LIMIT = 64 << 20
HDF5_LIMIT = 4 * MOST_PARAMETERS + (64 << 20)


@final
class PgdlTask(Source):
    """One task.

    Args:
        archive: the archive.
        place: folder of the task's networks in it; "": its root.
        name: of the task.
    """

    def __init__(self, archive: Archive, place: str, name: str) -> None:
        self._archive = archive
        self._place = f"{place}/" if place else ""
        self._name = name

    @cached_property
    def about(self) -> About:
        """The competition."""
        return About(
            zoo=_plain(f"pgdl-{self._name}"),
            archive=f"pgdl/{self._name}",
            paper=PAPER,
            license="Apache-2.0 (the starting kit)",
            notes=(
                "training settings are the source's hyperparameters, by its own names; no seeds",
                "initial weights are those that the source ships, where it does",
                "images are its TFRecords, numbers as they stand there, with no set's own name",
            ),
        )

    def networks(self, done: Container[str]) -> Iterator[tuple[str, Callable[[], Found]]]:
        """Each folder model_<N>, by number."""
        for number in sorted(self._folders.keys() | self._configs.keys(), key=_as_number):
            name = f"model_{number}"
            if name not in done:
                yield name, partial(self._read, number)

    def own_images(self, images: Path | None) -> Iterator[OwnImages]:
        """The task's training and test images, if it has any."""
        del images
        shards = self._shards
        if not all(shards.values()):
            return
        arrays, hashes = {}, []
        for part, paths in shards.items():
            inputs, labels = [], []
            for path in paths:
                hasher = hashlib.sha256()
                for image, label in _examples(self._archive, path, hasher):
                    inputs.append(image)
                    labels.append(label)
                hashes.append((path.removeprefix(self._place), hasher.digest()))
            arrays[f"{part}_images"] = _images(inputs, self._name)
            arrays[f"{part}_labels"] = np.array(labels, np.int64)
        if arrays["train_images"].shape[1:] != arrays["test_images"].shape[1:]:
            raise ArchiveError(f"{self._name}: training and test images have different shapes")
        least = min(int(arrays[f"{part}_labels"].min()) for part in shards)
        most = max(int(arrays[f"{part}_labels"].max()) for part in shards)
        if least < 0:
            raise ArchiveError(f"{self._name}: a label is {least}")
        classes = max(most + 1, self._classes or 0)
        yield OwnImages(self.about.zoo, arrays, classes, digest(hashes))

    @cached_property
    def _shards(self) -> Mapping[str, list[str]]:
        """Part → its TFRecords."""
        found: dict[str, list[str]] = {"train": [], "test": []}
        for path in sorted(self._archive.sizes):
            if match := _SHARDS.fullmatch(path.removeprefix(self._place)):
                found[match["part"]].append(path)
        return found

    @cached_property
    def _classes(self) -> int | None:
        """Logits of the first network that can be read."""
        for number in sorted(self._folders, key=_as_number):
            try:
                return self._architecture(number)[0].architecture.classes
            except ArchiveError:
                continue
        return None

    @cached_property
    def _folders(self) -> Mapping[str, str]:
        """N → folder of the network."""
        found = {}
        for path in self._archive.sizes:
            match = _CONFIG.fullmatch(path)
            if match and f"{match['place'] or ''}/".lstrip("/") == self._place:
                found[match["number"]] = path.removesuffix("/config.json")
        return found

    @cached_property
    def _configs(self) -> Mapping[str, Any]:
        """N → accuracies and hyperparameters; none where there is no such file."""
        file = self._configs_file
        if file is None:
            return {}
        content = json_of(self._archive.read(file, JSON_LIMIT), file)
        if not isinstance(content, dict) or not all(map(str.isdecimal, content)):
            raise ArchiveError(f"{file} is no table of networks by number")
        return content

    @cached_property
    def _configs_file(self) -> str | None:
        here = f"{self._place}model_configs.json"
        if here in self._archive.sizes:
            return here
        wanted = f"/{self._name}/model_configs.json"
        return next(
            (path for path in sorted(self._archive.sizes) if f"/{path}".endswith(wanted)), None
        )

    @cached_property
    def _levels(self) -> Mapping[str, Mapping[str, Any]]:
        """N → hyperparameters, a factor of one type for all networks."""
        return unified({number: _hparams(entry) for number, entry in self._configs.items()})

    def _architecture(self, number: str) -> tuple[keras_layers.KerasNetwork, bytes]:
        content = self._archive.read(f"{self._folders[number]}/config.json", JSON_LIMIT)
        return keras_layers.network(json_of(content, "config.json")), content

    def _read(self, number: str) -> Found:
        if number not in self._folders:
            raise ArchiveError("model_configs.json names it, but it has no folder with config.json")
        folder = self._folders[number]
        network, config = self._architecture(number)
        read = [("config.json", config)]
        tensors = []
        for file in ("weights.hdf5", "weights_init.hdf5"):
            if file == "weights_init.hdf5" and f"{folder}/{file}" not in self._archive.sizes:
                continue
            content = self._archive.read(f"{folder}/{file}", HDF5_LIMIT)
            read.append((file, content))
            tensors.append(
                keras_layers.weights(
                    network.architecture, read_weights(content, 4 * MOST_PARAMETERS)
                )
            )
        entry = self._configs.get(number)
        metrics = entry.get("metrics", {}) if isinstance(entry, dict) else {}
        if not isinstance(metrics, dict):
            raise ArchiveError("its metrics in model_configs.json are none")
        read.append(("model_configs.json", repr(entry).encode()))
        return Found(
            name=f"model_{number}",
            architecture=network.architecture,
            data=Data(
                images=self.about.zoo,
                shape=network.image_shape,
                classes=network.architecture.classes,
                standardization="none",
            ),
            weights=tensors[0],
            initial=tensors[1] if len(tensors) > 1 else None,
            read=digest(read),
            stated=Stated(
                fraction(metrics.get("train_acc"), "train_acc"),
                fraction(metrics.get("test_acc"), "test_acc"),
            ),
            factors=names_of(self._levels.get(number, {}), "hparams."),
        )


def tasks_in(archive: Archive) -> dict[str, str]:
    """Task → folder of its networks.

    Raises:
        ArchiveError: there is none.
    """
    places = {match["place"] or "" for path in archive.sizes if (match := _CONFIG.fullmatch(path))}
    if not places:
        raise ArchiveError(
            f"{archive.path} holds no network: no model_<N>/config.json, as PGDL's data has them"
        )
    root = archive.path.name.split(".")[0] or "task"
    return {place.rsplit("/", 1)[-1] or root: place for place in sorted(places)}


def chosen_task(archive: Archive, task: str | None) -> PgdlTask:
    """The task by name; without a name, the only one.

    An archive that is a single task's folder itself may be called as one likes.

    Raises:
        ArchiveError: there is no such task, or there are several and none is named.
    """
    tasks = tasks_in(archive)
    if task is None:
        if len(tasks) > 1:
            raise ArchiveError(f"{archive.path} holds several tasks: {', '.join(tasks)}; name one")
        task = next(iter(tasks))
    if list(tasks.values()) == [""]:
        return PgdlTask(archive, "", task)
    place = lookup(task, tasks, f"task in {archive.path}", ArchiveError)
    return PgdlTask(archive, place, task)


def _hparams(entry: Any) -> dict[str, Any]:
    hparams = entry.get("hparams", {}) if isinstance(entry, dict) else {}
    if not isinstance(hparams, dict):
        raise ArchiveError("hparams in model_configs.json are no table")
    return {
        name: level(value.get("current_value") if isinstance(value, dict) else value)
        for name, value in hparams.items()
    }


def _examples(archive: Archive, path: str, hasher: Any) -> Iterator[tuple[Any, int]]:
    try:
        with archive.open(path) as file:
            for record in records(file):
                hasher.update(record)
                features = example(record)
                if missing := {"inputs", "output"} - features.keys():
                    raise ArchiveError(f"an example has no feature {min(missing)!r}")
                label = tensor(features["output"])
                if label.size != 1:
                    raise ArchiveError(f"an example has {label.size} labels")
                yield tensor(features["inputs"]), int(label.reshape(-1)[0])
    except ArchiveError as error:
        raise ArchiveError(f"{archive.path}: {path}: {error}") from error


def _images(inputs: Iterable[Any], task: str) -> Any:
    """Arrays (n, c, h, w), uint8 where that holds all numbers; vectors as (n, features, 1, 1)."""
    try:
        stacked = np.stack(list(inputs))
    except ValueError as error:
        raise ArchiveError(f"{task}: its images have several shapes, or there is none") from error
    if stacked.ndim == 2:
        stacked = stacked[:, :, None, None]
    elif stacked.ndim == 4:
        stacked = stacked.transpose(0, 3, 1, 2)
    else:
        raise ArchiveError(f"{task}: its images have shape {stacked.shape[1:]}")
    if not np.isfinite(stacked).all():
        raise ArchiveError(f"{task}: an image holds a number that is not finite")
    small = stacked.astype(np.uint8)
    same = np.array_equal(small, stacked)
    return np.ascontiguousarray(small if same else stacked.astype(np.float32))


def _as_number(text: str) -> tuple[int, str]:
    return int(text), text


def _plain(name: str) -> str:
    """A name for a folder."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "task"
