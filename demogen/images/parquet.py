"""Image sets in Parquet files, whoever wrote them: where they lie, and what their columns hold."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from demogen.errors import ZooError
from demogen.format.parquet import Parquet, ParquetError
from demogen.images.cells import CellError, class_number, picture, pixels
from demogen.schema.image_sets import IMAGE_SETS, ImageSetFacts, facts

if TYPE_CHECKING:
    import pyarrow as pa

Cell = TypeVar("Cell")

Files = Mapping[str, Sequence[Path]]
"""Part of an image set, "train" or "test" → its files."""

TRAIN = ("train", "training")
TEST = ("test", "testing")
VALIDATION = ("validation", "valid", "val", "dev", "eval")
"""What the names of a split's files begin with; the first that is there is taken."""

_IMAGES = ("image", "img")
_LABELS = ("label", "labels")
_BATCH = 1000


def find(name: str, folder: Path, test: Sequence[str] = (*TEST, *VALIDATION)) -> Files | None:
    """The Parquet files in the folder of an image set; None: there are none.

    They lie in `<folder>/<name>`, in one folder below it, as `hf download` leaves them
    (`plain_text/train-00000-of-00001.parquet`), or in `<folder>`: `train-*.parquet` or
    `train/*.parquet`.

    Args:
        name: of the set.
        folder: where to look.
        test: what the files of the test images may be called.

    Raises:
        ZooError: several folders hold such files, or some of a split's files are missing.
    """
    return _in(folder / name, test) or _in(folder, test) or _below(folder / name, name, test)


def find_below(name: str, folder: Path, test: Sequence[str] = (*TEST, *VALIDATION)) -> Files | None:
    """As `find`, in one folder below `folder`, which may hold other things than the set.

    To be asked last: nothing but its files says which set lies there.
    """
    return _below(folder, name, test)


def read(name: str, files: Files) -> dict[str, Any]:
    """uint8 "train_images" (n, c, h, w) and int64 "train_labels" (n,), and "test_…".

    Raises:
        ZooError: a file is no Parquet file, lacks a column, or a cell holds no image of the set's
            size or no class; file, column and row (from 0) are named.
    """
    arrays = {}
    for part, paths in files.items():
        tables = [decoded(_batches(path, facts(name)), facts(name), str(path)) for path in paths]
        for number, column in enumerate(("images", "labels")):
            arrays[f"{part}_{column}"] = np.concatenate([table[number] for table in tables])
    return arrays


def columns(names: Iterable[str], known: ImageSetFacts, where: str) -> tuple[str, str]:
    """Names of the columns of images and of labels.

    Args:
        names: of all columns.
        known: the set; the names that its publisher took are looked for first.
        where: the table, in messages.

    Raises:
        ZooError: there is no such column.
    """
    there = list(names)
    # Where a set has labels of several kinds, only its own name says which they are.
    labels = (known.label_column, *(_LABELS if known.label_column in _LABELS else ()))
    chosen = []
    for wanted in ((known.image_column, *_IMAGES), labels):
        column = next((column for column in wanted if column in there), None)
        if column is None:
            sought = " or ".join(map(repr, dict.fromkeys(wanted)))
            raise ZooError(
                f"{where} has no column {sought}, only {', '.join(there)}; rename the one that "
                "holds them"
            )
        chosen.append(column)
    return chosen[0], chosen[1]


def decoded(
    batches: "Iterable[pa.RecordBatch | pa.Table]", known: ImageSetFacts, where: str
) -> tuple[Any, Any]:
    """Images (n, c, h, w) and labels (n,) of a table that comes in batches.

    Raises:
        ZooError: a column is missing, or a cell cannot be read; `where`, column and row are named.
    """
    number = partial(class_number, classes=known.classes, names=known.class_names)

    def image_pixels(cell: Any) -> Any:
        return pixels(picture(cell), known.shape)

    images = [np.empty((0, *known.shape), np.uint8)]
    labels: list[int] = []
    for batch in batches:
        image, label = columns(batch.schema.names, known, where)
        cells = enumerate(batch.column(image).to_pylist(), len(labels))
        read = [read_cell(image_pixels, cell, image, row, where) for row, cell in cells]
        images.append(np.stack(read) if read else images[0])
        cells = enumerate(batch.column(label).to_pylist(), len(labels))
        labels += [read_cell(number, cell, label, row, where) for row, cell in cells]
    return np.concatenate(images), np.array(labels, np.int64)


def read_cell(read: Callable[[Any], Cell], cell: Any, column: str, row: int, where: str) -> Cell:
    """What `read` makes of a cell.

    Raises:
        ZooError: it raises CellError; the message names table, column and row.
    """
    try:
        return read(cell)
    except CellError as fault:
        raise ZooError(f"{where}, column {column!r}, row {row} {fault}") from fault


def _batches(path: Path, known: ImageSetFacts) -> "Iterator[pa.RecordBatch]":
    try:
        with Parquet(path) as file:
            chosen = columns(file.schema.names, known, str(path))
            yield from file.batches(_BATCH, chosen)
    except ParquetError as error:
        raise ZooError(f"{path} {error}") from error


def _below(root: Path, name: str, test: Sequence[str]) -> Files | None:
    # What lies in the folder of another image set is no configuration of this one.
    found = {
        place: files
        for place in _folders(root)
        if place.name not in IMAGE_SETS.keys() - {name} and (files := _in(place, test))
    }
    if len(found) > 1:
        names = ", ".join(sorted(place.name for place in found))
        raise ZooError(
            f"{root} holds {name} in several configurations ({names}); give the folder of one of "
            "them"
        )
    return next(iter(found.values()), None)


def _in(folder: Path, test: Sequence[str]) -> Files | None:
    files = {"train": _split(folder, TRAIN), "test": _split(folder, test)}
    return files if all(files.values()) else None


def _split(folder: Path, names: Sequence[str]) -> list[Path]:
    for name in names:
        pattern = re.compile(rf"{name}([-._]?\d+|[-._].+)?\.parquet")
        found = sorted(path for path in folder.glob("*.parquet") if pattern.fullmatch(path.name))
        if found := found or sorted((folder / name).glob("[!.]*.parquet")):
            _check_whole(found)
            return found
    return []


def _check_whole(files: Sequence[Path]) -> None:
    """Refuse files that count themselves, as 00000-of-00002, and are not all there."""
    counted = [re.search(r"(\d+)-of-(\d+)", path.stem) for path in files]
    counts = {int(match[2]) for match in counted if match}
    there = {int(match[1]) for match in counted if match}
    for count in counts:
        if len(counts) > 1 or there != set(range(count)):
            names = ", ".join(path.name for path in files[:3])
            raise ZooError(
                f"{files[0].parent} does not hold all files of one set, of those that are called "
                f"{names}{', …' if len(files) > 3 else ''}; fetch them again"
            )


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != ".")
