"""Image sets that came with somebody's networks: written as Parquet files, read again as written.

They lie where published sets do, `<folder>/<name>/train-*.parquet`, with a column "image" of lists
of numbers in the order (c, h, w) and a column "label". The file's own metadata says the shape and
the number of classes. Numbers are uint8 where that holds them, else float32.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from demogen._util.limits import PARQUET_DECODED, PARQUET_EXPANSION
from demogen._util.parsing import json_data
from demogen.errors import ZooError
from demogen.format.integrity import replacing
from demogen.format.parquet import Parquet, ParquetError
from demogen.images import parquet

if TYPE_CHECKING:
    import pyarrow as pa

PARTS = ("train", "test")
MOST_NUMBERS = 1 << 32
"""Of one image set: more than fit into the memory that it would be read into."""

_METADATA = b"demogen"
_ROWS = 1000


def write(name: str, folder: Path, arrays: Mapping[str, Any], classes: int) -> None:
    """Write an image set, in place of any by that name.

    Args:
        name: of the set.
        folder: of all sets; it is written into `<folder>/<name>`.
        arrays: "train_images" (n, c, h, w), uint8 or float32, "train_labels" (n,), and "test_…".
        classes: how many there are.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for part in PARTS:
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        numbers = pa.array(np.ascontiguousarray(images).reshape(-1))
        table = pa.table(
            {
                "image": pa.FixedSizeListArray.from_arrays(numbers, int(np.prod(images.shape[1:]))),
                "label": pa.array(np.asarray(labels, np.int64)),
            }
        )
        facts = {"shape": [int(side) for side in images.shape[1:]], "classes": classes}
        table = table.replace_schema_metadata({_METADATA: json.dumps(facts)})
        with replacing(folder / name / f"{part}-00000-of-00001.parquet") as file:
            pq.write_table(table, file, compression="zstd", row_group_size=_ROWS)
            if table.nbytes > max(PARQUET_DECODED, PARQUET_EXPANSION * file.tell()):
                # Readers refuse what unfolds to so much more than a file has.
                file.seek(0)
                file.truncate()
                pq.write_table(
                    table, file, compression="none", use_dictionary=False, row_group_size=_ROWS
                )


def find(name: str, folder: Path) -> parquet.Files | None:
    """The files of a set of one's own; None: there are none."""
    plain = name and "/" not in name and name not in (".", "..")
    return parquet.find(name, folder) if plain and (folder / name).is_dir() else None


def read(name: str, files: parquet.Files) -> tuple[dict[str, Any], int]:
    """The arrays as `write` got them, and the number of classes.

    Raises:
        ZooError: a file is no such one, or its parts do not fit together.
    """
    arrays: dict[str, Any] = {}
    known: set[tuple[tuple[int, ...], int]] = set()
    for part in PARTS:
        tables = list(_tables(files[part]))
        for path, table in zip(files[part], tables, strict=True):
            known.add(_facts(name, path, table))
            if len(known) > 1:
                raise ZooError(f"{path}: images or classes of {name} are others than in its files")
        shape, classes = next(iter(known))
        arrays |= _arrays(part, tables, shape)
        labels = arrays[f"{part}_labels"]
        if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
            raise ZooError(
                f"{files[part][0]}: {name} has labels that are none of {classes} classes"
            )
    return arrays, classes


def _arrays(part: str, tables: "list[pa.Table]", shape: tuple[int, ...]) -> dict[str, Any]:
    columns = {"images": "image", "labels": "label"}
    found = {}
    for key, column in columns.items():
        chunks = [chunk for table in tables for chunk in table.column(column).chunks]
        flat = [chunk.flatten() if key == "images" else chunk for chunk in chunks]
        found[key] = np.concatenate([chunk.to_numpy(zero_copy_only=False) for chunk in flat])
    return {
        f"{part}_images": found["images"].reshape(-1, *shape),
        f"{part}_labels": found["labels"].astype(np.int64),
    }


def _tables(paths: Any) -> "Iterator[pa.Table]":
    for path in paths:
        try:
            with Parquet(path) as file:
                yield file.read([name for name in ("image", "label") if name in file.schema.names])
        except ParquetError as error:
            raise ZooError(f"{path} {error}") from error


def _facts(name: str, path: Path, table: "pa.Table") -> tuple[tuple[int, ...], int]:
    import pyarrow as pa

    try:
        facts = json_data((table.schema.metadata or {})[_METADATA])
        shape, classes = tuple(int(side) for side in facts["shape"]), int(facts["classes"])
        kind = table.schema.field("image").type
        fits = (
            len(shape) == 3
            and min(shape) > 0
            and classes > 0
            and isinstance(kind, pa.FixedSizeListType)
            and kind.value_type in (pa.uint8(), pa.float32())
            and kind.list_size == int(np.prod(shape))
            and table.schema.field("label").type == pa.int64()
            and table.num_rows * kind.list_size <= MOST_NUMBERS
            and not table.column("label").null_count + table.column("image").null_count
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ZooError(
            f"{path} does not say what images it holds; {name} is no image set known by name "
            "(see demogen.load_images)"
        ) from error
    if not fits:
        raise ZooError(f"{path} does not hold the images that it says")
    return shape, classes
