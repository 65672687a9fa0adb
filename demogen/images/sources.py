"""Where pixels come from: scikit-learn, Parquet files, torchvision's files, the Hub.

Every source gives uint8 "train_images" (n, c, h, w), int64 "train_labels" (n,), and "test_…".
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from demogen._util import paths
from demogen.errors import ZooError
from demogen.schema.image_sets import facts

Arrays = Mapping[str, Any]

_PARTS = ("train", "test")
_DECODED_AT_ONCE = 1000
_TORCHVISION = {
    "cifar10": ("CIFAR10", "cifar-10-batches-py"),
    "cifar100": ("CIFAR100", "cifar-100-python"),
    "fashion_mnist": ("FashionMNIST", "FashionMNIST/raw"),
    "mnist": ("MNIST", "MNIST/raw"),
}


def digits() -> tuple[Any, Any]:
    """scikit-learn's digits: images (1797, 1, 8, 8), values 0 to 16, and labels (1797,)."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.images.astype(np.uint8)[:, None], bunch.target.astype(np.int64)


def read(name: str, folder: Path | None) -> Arrays:
    """An image set from a folder, or from the Hub where there is none.

    Raises:
        ZooError: the folder holds neither layout; or the Hub cannot be read.
    """
    if folder is None:
        return _from_hub(name)
    if not folder.is_dir():
        raise ZooError(f"image folder {folder} does not exist (DEMOGEN_IMAGES or --images)")
    for root in (folder / name, folder):
        files = {part: sorted(root.glob(f"{part}-*.parquet")) for part in _PARTS}
        if all(files.values()):
            return _from_parquet(name, files)
    constructor, inner = _TORCHVISION[name]
    for root in (folder, folder / name):
        if (root / inner).is_dir():
            return _from_torchvision(name, constructor, root)
    raise ZooError(
        f"no {name} in {folder}: expected {name}/train-*.parquet and {name}/test-*.parquet, or "
        f"{inner} as torchvision.datasets.{constructor} reads it"
    )


def load_rows(path: str | None, **arguments: Any) -> Any:
    """datasets.load_dataset: splits by name, each a table whose images are decoded when read."""
    import datasets

    return datasets.load_dataset(path, **arguments)


def _from_parquet(name: str, files: Mapping[str, Sequence[Path]]) -> Arrays:
    """Decoded once and kept: decoding takes seconds, and every worker process needs the set."""
    stamps = [
        (str(f), f.stat().st_size, f.stat().st_mtime_ns) for part in _PARTS for f in files[part]
    ]
    kept = paths.decoded_images() / f"{name}-{_short_digest(stamps)}.npz"
    if not kept.exists():
        listed = {part: [str(path) for path in files[part]] for part in _PARTS}
        with tempfile.TemporaryDirectory() as cache:
            loaded = load_rows("parquet", data_files=listed, cache_dir=cache)
            _keep(_decode(name, loaded), kept)
    with np.load(kept, allow_pickle=False) as arrays:
        return dict(arrays)


def _from_hub(name: str) -> Arrays:
    repository = facts(name).repository
    kept = paths.decoded_images() / f"{name}-hub.npz"
    if not kept.exists():
        try:
            loaded = load_rows(repository)
        except Exception as error:
            raise ZooError(
                f"{name} cannot be read from {repository} on the Hugging Face Hub ({error}); set "
                "DEMOGEN_IMAGES to a folder that holds it"
            ) from error
        _keep(_decode(name, loaded), kept)
    with np.load(kept, allow_pickle=False) as arrays:
        return dict(arrays)


def _from_torchvision(name: str, constructor: str, root: Path) -> Arrays:
    """Torchvision checks the published md5 of CIFAR's files before it unpickles them."""
    from demogen.images._torchvision import torchvision

    arrays = {}
    for part in _PARTS:
        try:
            loaded = getattr(torchvision("datasets"), constructor)(str(root), train=part == "train")
        except RuntimeError as error:
            raise ZooError(f"{name} in {root} cannot be read by torchvision: {error}") from error
        images = np.asarray(loaded.data)
        arrays[f"{part}_images"] = _channels_first(images)
        arrays[f"{part}_labels"] = np.asarray(loaded.targets, dtype=np.int64)
    return arrays


def _decode(name: str, loaded: Any) -> Arrays:
    image_set = facts(name)
    arrays = {}
    for part in _PARTS:
        rows = loaded[part]
        if missing := {image_set.image_column, image_set.label_column} - set(rows.column_names):
            raise ZooError(f"{name}: the {part} files have no column {min(missing)!r}")
        # By batches: row by row, datasets takes twice as long.
        images, labels = [], []
        for batch in rows.iter(_DECODED_AT_ONCE):
            images += [np.asarray(image) for image in batch[image_set.image_column]]
            labels += batch[image_set.label_column]
        arrays[f"{part}_images"] = _channels_first(np.stack(images))
        arrays[f"{part}_labels"] = np.asarray(labels, dtype=np.int64)
    return arrays


def _channels_first(images: Any) -> Any:
    images = images[..., None] if images.ndim == 3 else images
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2).astype(np.uint8))


def _keep(arrays: Arrays, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
        try:
            np.savez(file, **arrays)
        except BaseException:
            os.unlink(file.name)
            raise
    os.replace(file.name, path)


def _short_digest(content: object) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()[:12]
