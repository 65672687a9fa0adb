"""Image sets too large for memory: decoded once onto disk, read by memory map from then on."""

import hashlib
import math
import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from demogen._util.paths import decoded_images
from demogen.errors import ZooError
from demogen.format.integrity import scratch_folder
from demogen.images import parquet
from demogen.images.cells import CellError, class_number, picture
from demogen.images.sources import load_rows
from demogen.schema.image_sets import facts

_CHUNK = 1000


@dataclass(frozen=True)
class _Source:
    """Training or test images to decode: their number, and the i-th as (PIL image, label)."""

    count: int
    image: Callable[[int], tuple[Any, int]]


def read(name: str, folder: Path | None) -> Mapping[str, Any]:
    """Memory maps "train_images", "train_labels", "test_…", in canonical order.

    The first time every image is decoded, its shorter side scaled to the set's size and the middle
    square kept, which takes hours and twice the disk of the result (ImageNet: 2 × 262 GB).

    Args:
        name: "imagenet".
        folder: holds `<name>/train` and `<name>/val` with a folder a class, as torchvision's
            ImageFolder reads them, or `<name>/train-*.parquet` and `<name>/validation-*.parquet`;
            None: the Hugging Face Hub.

    Raises:
        ZooError: the images are in neither place, or their number is not the published one.
    """
    stamp, source = _find(name, folder)
    decoded = decoded_images() / f"{name}-{hashlib.sha256(stamp).hexdigest()[:12]}"
    if not decoded.is_dir():
        _decode_set(name, {part: source(part) for part in ("train", "test")}, decoded)
    return {file.stem: np.load(file, mmap_mode="c") for file in sorted(decoded.glob("*.npy"))}


def canonical_key(image: Any, label: Any) -> bytes:
    """What images are sorted by: sha256 of the pixels (c, h, w) and the label as int64."""
    return hashlib.sha256(image.tobytes() + np.asarray(label, "<i8").tobytes()).digest()


def _find(name: str, folder: Path | None) -> tuple[bytes, Callable[[str], _Source]]:
    if folder is None:
        return b"hub", partial(_rows, name, {"path": facts(name).repository})
    for root in (folder / name, folder):
        if (root / "train").is_dir() and (root / "val").is_dir():
            inner = {"train": root / "train", "test": root / "val"}
            stamp = _stamp(*inner.values())
            return stamp, partial(_class_folders, inner)
    # The published test images have no labels.
    test = parquet.VALIDATION
    if files := parquet.find(name, folder, test) or parquet.find_below(name, folder, test):
        listed = {
            split: [str(path) for path in files[part]]
            for part, split in (("train", "train"), ("test", "validation"))
        }
        arguments = {"path": "parquet", "data_files": listed}
        paths = [path for group in files.values() for path in group]
        return _stamp(*paths), partial(_rows, name, arguments)
    raise ZooError(
        f"no {name} in {folder}: expected {name}/train and {name}/val with a folder a class, or "
        f"{name}/train-*.parquet and {name}/validation-*.parquet"
    )


def _stamp(*paths: Path) -> bytes:
    return repr([(str(path), path.stat().st_mtime_ns) for path in paths]).encode()


def _rows(name: str, arguments: Mapping[str, Any], part: str) -> _Source:
    split = "train" if part == "train" else "validation"
    try:
        rows = load_rows(**arguments)[split]
    except Exception as error:
        raise ZooError(
            f"{name} cannot be read from {arguments['path']} ({error}); it needs a login with "
            "access on the Hugging Face Hub, or DEMOGEN_IMAGES set to a folder that holds it"
        ) from error
    known = facts(name)
    files = arguments.get("data_files", {}).get(split)
    where = f"{Path(files[0]).parent}, {split} files" if files else f"{arguments['path']}, {split}"
    image_column, label_column = parquet.columns(rows.column_names, known, where)
    number = partial(class_number, classes=known.classes, names=known.class_names)

    def image(index: int) -> tuple[Any, int]:
        row = rows[index]
        return (
            parquet.read_cell(picture, row[image_column], image_column, index, where),
            parquet.read_cell(number, row[label_column], label_column, index, where),
        )

    return _Source(len(rows), image)


def _class_folders(folders: Mapping[str, Path], part: str) -> _Source:
    from demogen.images._torchvision import torchvision

    try:
        files = torchvision("datasets").ImageFolder(str(folders[part])).samples
    except FileNotFoundError as error:
        raise ZooError(f"{folders[part]}: {error}; it needs a folder a class") from error

    def image(index: int) -> tuple[Any, int]:
        path, label = files[index]
        try:
            return picture(Path(path).read_bytes()), label
        except CellError as fault:
            raise ZooError(f"{path} {fault}") from fault

    return _Source(len(files), image)


def _decode_set(name: str, sources: Mapping[str, _Source], folder: Path) -> None:
    expected = facts(name)
    for part, size in (("train", expected.train_size), ("test", expected.test_size)):
        if sources[part].count != size:
            raise ZooError(
                f"{name} has {sources[part].count} {part} images here; the published set {size}"
            )
    folder.parent.mkdir(parents=True, exist_ok=True)
    _check_space(folder.parent, name)
    unfinished = scratch_folder(folder, "decoding")
    try:
        for part, source in sources.items():
            _decode(source, expected.shape, unfinished, part)
        os.replace(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _check_space(folder: Path, name: str) -> None:
    """Refuse a disk that would fill up: writing to a map of a file would then end the process.

    Raises:
        ZooError: it would.
    """
    known = facts(name)
    needed = math.prod(known.shape) * (2 * known.train_size + known.test_size)
    if (free := shutil.disk_usage(folder).free) < needed:
        raise ZooError(
            f"decoding {name} into {folder} takes {needed / 1e9:,.1f} GB for a while, and "
            f"{free / 1e9:,.1f} GB are free: free some space, or set DEMOGEN_HOME to a folder on "
            "another disk"
        )


def _decode(source: _Source, shape: tuple[int, int, int], folder: Path, part: str) -> None:
    raw = folder / "as-stored.npy"
    images = np.lib.format.open_memmap(raw, "w+", np.uint8, (source.count, *shape))
    labels = np.empty(source.count, np.int64)

    def decode(index: int) -> bytes:
        image, labels[index] = source.image(index)
        images[index] = _square(image, shape[1])
        return canonical_key(images[index], labels[index])

    # Decoders and resizing let other threads run meanwhile.
    with ThreadPoolExecutor() as pool:
        keys = list(pool.map(decode, range(source.count)))
    order = np.array(sorted(range(len(keys)), key=keys.__getitem__))
    sorted_images = np.lib.format.open_memmap(
        folder / f"{part}_images.npy", "w+", np.uint8, images.shape
    )
    for start in range(0, len(order), _CHUNK):
        sorted_images[start : start + _CHUNK] = images[order[start : start + _CHUNK]]
    sorted_images.flush()
    np.save(folder / f"{part}_labels.npy", labels[order])
    raw.unlink()


def _square(image: Any, side: int) -> Any:
    """The middle square of a PIL image whose shorter side is scaled to `side`, (3, side, side)."""
    from demogen.images._torchvision import torchvision

    transforms = torchvision("transforms.v2.functional")
    square = transforms.center_crop(transforms.resize(image.convert("RGB"), [side]), [side])
    return np.asarray(square).transpose(2, 0, 1)
