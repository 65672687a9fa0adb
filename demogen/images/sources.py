"""Where pixels come from: scikit-learn, Parquet files, torchvision's files, the Hub.

Every source gives uint8 "train_images" (n, c, h, w), int64 "train_labels" (n,), and "test_…".
"""

import hashlib
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from demogen._util import paths
from demogen.errors import ZooError, explain_os_error
from demogen.format.integrity import replacing
from demogen.images import parquet
from demogen.schema.image_sets import facts

Arrays = Mapping[str, Any]

_PARTS = ("train", "test")
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
    if files := parquet.find(name, folder):
        return _from_parquet(name, files)
    constructor, inner = _TORCHVISION.get(name, ("", ""))
    for root in (folder, folder / name) if constructor else ():
        if (root / inner).is_dir():
            return _from_torchvision(name, constructor, root)
    if files := parquet.find_below(name, folder):
        return _from_parquet(name, files)
    also = f", or {inner} as torchvision.datasets.{constructor} reads it" if constructor else ""
    raise ZooError(
        f"no {name} in {folder}: expected {name}/train-*.parquet and {name}/test-*.parquet{also}"
    )


def load_rows(path: str, **arguments: Any) -> Any:
    """datasets.load_dataset: splits by name, each a table whose images are left encoded."""
    import datasets

    splits = datasets.load_dataset(path, **arguments)
    for name, rows in splits.items():
        for column, feature in rows.features.items():
            if isinstance(feature, datasets.Image):
                splits[name] = rows = rows.cast_column(column, datasets.Image(decode=False))
    return splits


def _from_parquet(name: str, files: parquet.Files) -> Arrays:
    """Decoded once and kept: decoding takes seconds, and every worker process needs the set."""
    stamps = [
        (str(f), f.stat().st_size, f.stat().st_mtime_ns) for part in _PARTS for f in files[part]
    ]
    kept = paths.decoded_images() / f"{name}-{_short_digest(stamps)}.npz"
    return _decoded_once(kept, lambda: parquet.read(name, files))


def _from_hub(name: str) -> Arrays:
    return _decoded_once(paths.decoded_images() / f"{name}-hub.npz", lambda: _download(name))


def _download(name: str) -> Arrays:
    known = facts(name)
    repository = str(known.repository)
    try:
        loaded = load_rows(
            repository, **({"name": known.configuration} if known.configuration else {})
        )
    except Exception as error:
        raise ZooError(
            f"{name} cannot be read from {repository} on the Hugging Face Hub ({error}); set "
            "DEMOGEN_IMAGES to a folder that holds it"
        ) from error
    arrays: dict[str, Any] = {}
    for part in _PARTS:
        batches = loaded[part].with_format("arrow").iter(1000)
        where = f"{repository} on the Hugging Face Hub, {part} images"
        images, labels = parquet.decoded(batches, known, where)
        arrays |= {f"{part}_images": images, f"{part}_labels": labels}
    return arrays


def _from_torchvision(name: str, constructor: str, root: Path) -> Arrays:
    """Torchvision checks the published md5 of CIFAR's files before it unpickles them."""
    from demogen.images._torchvision import torchvision

    arrays = {}
    for part in _PARTS:
        try:
            loaded = getattr(torchvision("datasets"), constructor)(str(root), train=part == "train")
        except (RuntimeError, ValueError, AssertionError, EOFError, LookupError) as error:
            fault = " ".join(str(error).split()) or type(error).__name__
            raise ZooError(f"{name} in {root} cannot be read by torchvision: {fault}") from error
        images = np.asarray(loaded.data)
        arrays[f"{part}_images"] = _channels_first(images)
        arrays[f"{part}_labels"] = np.asarray(loaded.targets, dtype=np.int64)
    return arrays


def _channels_first(images: Any) -> Any:
    images = images[..., None] if images.ndim == 3 else images
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2).astype(np.uint8))


def _decoded_once(kept: Path, decode: Callable[[], Arrays]) -> Arrays:
    """The arrays kept in a file; they are decoded where it is not there or cannot be read."""
    # It may be damaged, or somebody else's that only its owner may read.
    unreadable = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)
    with suppress(*unreadable), kept.open("rb") as file:
        return dict(np.load(file, allow_pickle=False))
    decoded = decode()
    try:
        with replacing(kept) as file:
            np.savez(file, **decoded)
    except OSError as error:
        warnings.warn(
            f"decoded images are not kept, and are decoded each time: {explain_os_error(error)}",
            RuntimeWarning,
            stacklevel=2,
        )
    return decoded


def _short_digest(content: object) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()[:12]
