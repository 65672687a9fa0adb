"""Tables that people bring, CSV or Parquet, read as they stand and within bounds."""

import gzip
import io
import zlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demogen._util.files import read_bounded
from demogen._util.limits import FILE_BYTES, TABLE_COLUMNS
from demogen._util.lookup import lookup
from demogen._util.parsing import UnreadableError
from demogen.errors import TableError, os_fault
from demogen.format.parquet import Parquet

if TYPE_CHECKING:
    import pandas as pd


def read_table(path: Path | str, id: str | None) -> "pd.DataFrame":
    """A CSV or Parquet file; ids are text, "007" and "NA" too, and numbers come to the last bit.

    Args:
        path: ends in .csv (also .csv.gz) or .parquet.
        id: the column of ids; None: "id", if there is one.

    Returns:
        Its columns, that of ids among them.

    Raises:
        TableError: it cannot be read, has another ending, no column `id`, or a name twice.
    """
    path = Path(path)
    try:
        content = read_bounded(path)
        if path.suffix == ".parquet":
            return _parquet(content, id, path)
        if path.suffix == ".csv":
            return _csv(content, id, path)
        if path.suffixes[-2:] == [".csv", ".gz"]:
            return _csv(_unzipped(content), id, path)
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {os_fault(error)}") from error
    except ValueError as error:
        fault = " ".join(str(error).split())
        raise TableError(f"{path}: cannot be read as a table: {fault}") from error
    raise TableError(f"{path}: a table is a .csv or a .parquet file")


def _unzipped(content: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(content)) as file:
            unzipped = file.read(FILE_BYTES + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableError(f"it is no gzip file ({error})") from error
    if len(unzipped) > FILE_BYTES:
        raise UnreadableError(f"it unpacks to more than {FILE_BYTES:,} bytes")
    return unzipped


def _csv(content: bytes, id: str | None, path: Path) -> "pd.DataFrame":
    import pyarrow as pa
    from pyarrow import csv

    # Before each column takes memory of its own; a comma in a name counts as well.
    if content.partition(b"\n")[0].count(b",") >= TABLE_COLUMNS:
        raise UnreadableError(f"it has more than {TABLE_COLUMNS:,} columns")

    # pyarrow, because pandas reads numbers to the last bit or not, by its version.
    def read(**options: Any) -> Any:
        try:
            return csv.read_csv(
                io.BytesIO(content),
                parse_options=csv.ParseOptions(newlines_in_values=True),
                convert_options=csv.ConvertOptions(strings_can_be_null=True, **options),
            )
        except pa.ArrowException as error:
            raise ValueError(error) from error

    table = read()
    _check_names(table.column_names, id, path)
    frame: pd.DataFrame = table.to_pandas()
    ids = id or "id"
    if ids not in table.column_names:
        return frame
    as_text = read(include_columns=[ids], column_types={ids: pa.string()}, null_values=[""])
    return frame.assign(**{ids: as_text.column(0).to_pandas()})


def _parquet(content: bytes, id: str | None, path: Path) -> "pd.DataFrame":
    with Parquet(content) as file:
        ranges = b'"kind": "range"' in (file.schema.metadata or {}).get(b"pandas", b"")
        if id is not None and id not in file.schema.names and ranges:
            raise TableError(
                f"{path} has no column {id!r}; where that was the index, pandas keeps it as a "
                "range and not as a column; write the table after `reset_index()`"
            )
        _check_names(file.schema.names, id, path)
        # What was the index of a table in pandas is a column like others.
        frame: pd.DataFrame = file.read(file.schema.names).to_pandas(ignore_metadata=True)
    words = {name: object for name in frame if frame[name].dtype == "category"}
    return frame.astype(words)


def _check_names(names: list[str], id: str | None, path: Path) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise TableError(f"{path}: two columns are called {name!r}; rename one")
    if id is not None:
        lookup(id, dict.fromkeys(names), f"column of {path.name}", TableError)
