"""Parquet files from outside: what they hold in memory is known before any of it is decoded.

The description at the end of a file may say anything; what a reader takes memory by stands at the
head of each page. So these heads are read (`demogen.format.parquet_pages`), added up and compared
with the limits of `demogen._util.limits`.
"""

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeVar, final

from demogen._util.limits import (
    PARQUET_DECODED,
    PARQUET_EXPANSION,
    PARQUET_FOOTER,
    TABLE_COLUMNS,
)
from demogen.errors import os_fault
from demogen.format.parquet_pages import Budget, Chunk, check_pages
from demogen.format.parquet_pages import ParquetError as ParquetError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

Decoded = TypeVar("Decoded", "pa.Table", "pa.RecordBatch")

_MAGIC = b"PAR1"
_WIDTHS = {"BOOLEAN": 1, "FLOAT": 4, "BYTE_ARRAY": 4}

_NOTHING = "nothing"

_BATCH_BYTES = 64 << 20
"""What a batch may take where one entry of a dictionary is named over and over."""


@final
class Parquet:
    """A Parquet file that was checked; texts stay dictionaries, as they lie in the file.

    Attributes:
        schema: names and types of the columns.
        rows: how many there are.
        groups: rows of each row group.
        metadata: what else the file says of itself.
    """

    def __init__(self, source: Path | bytes) -> None:
        """Open it and look at the head of each page.

        Args:
            source: the file, which is read when columns are asked for, or its content: then nothing
                that happens to the file later changes what is read.

        Raises:
            ParquetError: it cannot be read, or holds more than the limits allow.
        """
        self._file: BinaryIO | None = None
        try:
            # Never a memory map: where such a file is cut short, the system kills who reads it.
            self._file = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
            self._open(self._file)
        except OSError as error:
            self.close()
            raise ParquetError(f"cannot be read: {os_fault(error)}") from error
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def read(self, columns: Sequence[str]) -> "pa.Table":
        """Whole columns.

        Raises:
            ParquetError: they cannot be decoded.
        """
        self._check_inner_texts(columns)
        return self._decoded(lambda: _sound(self._opened.read(list(columns))))

    def read_group(self, group: int, columns: Sequence[str]) -> "pa.Table":
        """The rows of one row group.

        Raises:
            ParquetError: they cannot be decoded.
        """
        self._check_inner_texts(columns)
        return self._decoded(lambda: _sound(self._opened.read_row_group(group, list(columns))))

    def batches(self, rows: int, columns: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        """The rows, at most so many at a time.

        Raises:
            ParquetError: they cannot be decoded.
        """
        rows = max(1, min(rows, _BATCH_BYTES // max(1, self._largest)))
        waiting = self._opened.iter_batches(rows, columns=list(columns))
        while (batch := self._decoded(lambda: next(waiting, None))) is not None:
            yield self._decoded(lambda batch=batch: _sound(batch))

    def _open(self, file: BinaryIO) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        size = _check_ends(file)
        limits: dict[str, Any] = {
            "thrift_string_size_limit": PARQUET_FOOTER,
            "thrift_container_size_limit": PARQUET_FOOTER // 8,
        }
        description = self._decoded(lambda: pq.ParquetFile(file, **limits))
        self.metadata = metadata = description.metadata
        if metadata.num_columns > TABLE_COLUMNS:
            raise ParquetError(f"has {metadata.num_columns:,} columns, more than {TABLE_COLUMNS}")
        self.schema: pa.Schema = self._decoded(lambda: description.schema_arrow)
        if len(set(self.schema.names)) < len(self.schema.names):
            raise ParquetError("has two columns of one name")
        self.groups = [
            metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)
        ]
        self.rows: int = metadata.num_rows
        if min(self.groups, default=0) < 0 or sum(self.groups) != self.rows:
            raise ParquetError("counts its rows in two ways")
        self._most = max(PARQUET_DECODED, PARQUET_EXPANSION * size)
        self._largest, self._inner_texts = _check_pages(file, metadata, self._most)
        texts = [field.name for field in self.schema if kind_of(field.type) == "text"]
        self._opened = self._decoded(
            lambda: pq.ParquetFile(file, metadata=metadata, read_dictionary=texts, **limits)
        )

    def _check_inner_texts(self, columns: Sequence[str]) -> None:
        """Texts in lists do not stay dictionaries: each may be as long as the longest of them."""
        if sum(self._inner_texts[name] for name in columns) > self._most:
            raise ParquetError("would take more memory than any such file of its size")

    @staticmethod
    def _decoded(work: Any) -> Any:
        import pyarrow as pa

        try:
            return work()
        except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError) as error:
            raise ParquetError(f"cannot be read as a Parquet file ({_line(error)})") from error


def _sound(table: Decoded) -> Decoded:
    """A table in which every text is one: Arrow looks at them when it is asked to, not before.

    Raises:
        ArrowInvalid: a text is no UTF-8.
    """
    table.validate(full=True)
    return table


def values(column: "pa.ChunkedArray") -> list[Any]:
    """A column as plain values; those that a dictionary holds once are one object here, too."""
    import pyarrow as pa

    plain: list[Any] = []
    for chunk in column.chunks:
        if not pa.types.is_dictionary(chunk.type):
            plain += chunk.to_pylist()
            continue
        known = chunk.dictionary.to_pylist()
        plain += [None if place is None else known[place] for place in chunk.indices.to_pylist()]
    return plain


LEVEL_KINDS = ("text", "number", "truth value")
"""What a column of a factor's levels may hold."""


def check_kinds(schema: "pa.Schema", expected: "Mapping[str, pa.DataType]") -> None:
    """Compare what columns hold: texts, numbers, truth values, or lists of these.

    Other libraries write a column of whole numbers in which some are missing as one of fractions,
    and one in which all are missing as of nothing; so such differences are none.

    Raises:
        ParquetError: one holds something else.
    """
    for field in schema:
        if field.name not in expected:
            continue
        kind, wanted = kind_of(field.type), kind_of(expected[field.name])
        empty = kind.endswith(_NOTHING) and wanted.startswith(kind.removesuffix(_NOTHING))
        if kind != wanted and not empty:
            raise ParquetError(
                f"has a column {field.name!a} of {field.type} instead of {expected[field.name]}"
            )


def kind_of(of: "pa.DataType") -> str:
    """What a column of a type holds, in a word.

    >>> import pyarrow as pa
    >>> kind_of(pa.int16()), kind_of(pa.list_(pa.string())), kind_of(pa.large_string())
    ('number', 'list of text', 'text')
    """
    from pyarrow import types

    if types.is_dictionary(of):
        return kind_of(of.value_type)
    if types.is_list(of) or types.is_large_list(of):
        return f"list of {kind_of(of.value_type)}"
    if types.is_string(of) or types.is_large_string(of):
        return "text"
    if types.is_integer(of) or types.is_floating(of):
        return "number"
    return {"bool": "truth value", "null": _NOTHING}.get(str(of), str(of))


def _check_ends(file: BinaryIO) -> int:
    """The file's size, after a look at its first and last bytes."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 8))
    end = file.read(8)
    file.seek(0)
    if size < 12 or file.read(4) != _MAGIC or end[4:] != _MAGIC:
        raise ParquetError("cannot be read as a Parquet file (it is no Parquet file)")
    if (footer := int.from_bytes(end[:4], "little")) > min(PARQUET_FOOTER, size - 12):
        fault = f"it says that its description has {footer:,} bytes"
        raise ParquetError(f"cannot be read as a Parquet file ({fault})")
    return size


def _check_pages(
    file: BinaryIO, metadata: "pq.FileMetaData", most: int
) -> tuple[int, Counter[str]]:
    """Look at every page.

    Returns:
        The size of the largest dictionary; column → bytes that texts or bytes inside of its lists
        and structs may take.
    """
    budget = Budget(most)
    largest = 0
    inner: Counter[str] = Counter()
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for column in range(metadata.num_columns):
            described = group.column(column)
            offsets = (described.dictionary_page_offset or 0, described.data_page_offset)
            chunk = Chunk(
                start=min(filter(None, offsets), default=0),
                length=described.total_compressed_size,
                values=described.num_values,
                rows=group.num_rows,
                width=_width(metadata.schema.column(column)),
            )
            dictionary = check_pages(file, chunk, budget)
            largest = max(largest, dictionary)
            name, dot, _ = described.path_in_schema.partition(".")
            if dot and described.physical_type == "BYTE_ARRAY":
                inner[name] += dictionary * chunk.values
    return largest, inner


def _width(column: "pq.ParquetColumnSchema") -> int:
    """Bytes that a value takes in memory, beside those of texts themselves."""
    if column.physical_type == "FIXED_LEN_BYTE_ARRAY":
        return max(1, int(column.length))
    if column.physical_type == "INT32":
        # Versions of Arrow differ in the spaces of this text.
        bits = json.loads(column.logical_type.to_json()).get("bitWidth")
        return bits // 8 if bits in (8, 16) else 4
    return _WIDTHS.get(column.physical_type, 8)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
