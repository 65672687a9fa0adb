"""Records as rows: networks.parquet and the DataFrame that users see."""

import bisect
import io
import itertools
import json
import threading
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from demogen.errors import CorruptZooError, ZooError
from demogen.format.columns import (
    INITIAL_PLACE,
    LATER,
    RECORD_ONLY,
    ByteRange,
    arrow_schema,
    arrow_type,
    network_rows,
)
from demogen.schema.records import NetworkRecord, RunFacts, parse

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "RECORD_ONLY",
    "ByteRange",
    "Table",
    "arrow_schema",
    "network_rows",
    "plain_columns",
    "runs_to_parquet",
    "to_frame",
    "to_parquet",
]


ROWS = 4096
"""Networks in a row group, which is read whole for a single record."""

ROW_BYTES = 256 << 10
ROW_VALUES = 16_384
"""More than any real network takes: bytes of all its columns, values (logits) in one of them."""

InitialLogits = tuple[tuple[float, ...], ...]
"""Logits of the probe inputs, (4, classes)."""


def to_parquet(rows: "pa.Table") -> bytes:
    """networks.parquet; same rows, same bytes."""
    return _parquet_bytes(rows)


def plain_columns(schema: "pa.Schema") -> list[str]:
    """Columns that users see in the table."""
    return [name for name in schema.names if name not in RECORD_ONLY]


def to_frame(rows: "pa.Table") -> "pd.DataFrame":
    """The plain columns of rows: index "id", missing integers as pandas' nullable Int64."""
    import pyarrow as pa

    columns = {}
    for name in plain_columns(rows.schema):
        column = rows.column(name)
        is_text = column.type == pa.string()
        # As dictionaries, repeated strings are made once.
        columns[name] = column.dictionary_encode() if is_text else column
    frame: pd.DataFrame = pa.table(columns).to_pandas(integer_object_nulls=False)
    for name in columns:
        column = frame[name]
        if column.dtype == "category":
            texts = column.astype(object)
            frame[name] = texts.where(texts.notna(), None) if column.hasnans else texts
        elif rows.schema.field(name).type == pa.int64():
            frame[name] = column.astype("Int64" if column.hasnans else "int64")
    return frame.set_index("id")


def runs_to_parquet(runs: Sequence[RunFacts]) -> bytes:
    """runs.parquet: one row a training run."""
    import pyarrow as pa

    rows = [
        {**run.model_dump(), "versions": json.dumps(run.versions, sort_keys=True)} for run in runs
    ]
    text = ("id", "device", "host", "versions")
    fields = [pa.field("seconds", pa.float64()), *(pa.field(name, pa.string()) for name in text)]
    fields.append(pa.field("initial_logits", arrow_type(InitialLogits)))
    return _parquet_bytes(pa.Table.from_pylist(rows, schema=pa.schema(fields)))


def read_initial_logits(path: Path) -> dict[str, InitialLogits]:
    """Id → logits of the initial network, from runs.parquet: of the runs that record them.

    Raises:
        CorruptZooError: it is no such file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        if "initial_logits" not in file.schema_arrow.names:
            return {}
        columns = file.read(["id", "initial_logits"]).to_pydict()
    except (pa.ArrowException, OSError) as error:
        raise CorruptZooError(f"{path} cannot be read ({error})") from error
    pairs = zip(columns["id"], columns["initial_logits"], strict=True)
    return {id: logits for id, logits in pairs if logits is not None}


@final
class Table:
    """networks.parquet, opened: plain columns when first asked for, records a few rows at a time.

    Attributes:
        rows: id → number of its row, in the order of the file.
    """

    def __init__(self, path: Path, networks: int, zoo: str) -> None:
        """Open the file; sizes are checked before memory is taken.

        Args:
            path: the file.
            networks: how many rows it must have.
            zoo: its name in messages.

        Raises:
            CorruptZooError: it is no Parquet file, lacks a column, has another number of rows, a
                row twice, or rows larger than any real ones.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._zoo = zoo
        self._reading = threading.Lock()
        try:
            self._file = pq.ParquetFile(path, memory_map=True)
            self._check(networks)
            # Kept as dictionaries, repeated strings take no more memory than they do in the file.
            schema = self._file.schema_arrow
            texts = [field.name for field in schema if field.type == pa.string()]
            self._file = pq.ParquetFile(path, memory_map=True, read_dictionary=texts)
            ids: list[str] = self._file.read(["id"]).column("id").to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise CorruptZooError(f"{zoo}: networks.parquet cannot be read ({error})") from error
        self.rows = {id: row for row, id in enumerate(ids)}
        if len(self.rows) != len(ids):
            raise CorruptZooError(f"{zoo}: networks.parquet holds a network twice")

    @cached_property
    def frame(self) -> "pd.DataFrame":
        """The plain columns, as `to_frame` gives them."""
        with self._reading:
            rows = self._file.read(plain_columns(self._file.schema_arrow))
        return to_frame(rows)

    def record(self, id: str) -> tuple[NetworkRecord, ByteRange]:
        """What was asked for and what came out of a network, and where its weights lie.

        Raises:
            KeyError: there is no such network.
            CorruptZooError: a field is missing or out of its bounds, or the id is not the spec's.
        """
        group, row = self._find(id)
        fields = self._group(group).slice(row, 1).to_pylist()[0]
        where = f"{self._zoo}: network {id}"
        byte_range = {name: fields.pop(name) for name in ByteRange.model_fields}
        for name in INITIAL_PLACE:
            fields.pop(name, None)
        try:
            fields["spec"] = json.loads(fields["spec"])
            record = parse(NetworkRecord, fields, where)
        except ZooError as error:
            raise CorruptZooError(f"{error}; the zoo is no valid one") from error
        except (ValueError, TypeError) as error:
            raise CorruptZooError(
                f"{where}: its spec is no JSON; the zoo is no valid one"
            ) from error
        if record.id != id:
            raise CorruptZooError(f"{where} holds the spec of {record.id}")
        return record, _byte_range(byte_range, where)

    def initial(self, id: str) -> ByteRange | None:
        """Where a network's initial weights lie, in the shard of its weights; None: not stored.

        Raises:
            KeyError: there is no such network.
            CorruptZooError: offset or length cannot be right.
        """
        group, row = self._find(id)
        names = {"initial_offset": "offset", "initial_length": "length"}
        if not names.keys() <= set(self._group(group).column_names):
            return None
        fields = self._group(group).select(["shard", *names]).slice(row, 1).to_pylist()[0]
        if all(fields[name] is None for name in names):
            return None
        fields = {names.get(name, name): value for name, value in fields.items()}
        return _byte_range(fields, f"{self._zoo}: initial weights of network {id}")

    def weights(self, id: str) -> tuple[ByteRange, str, str]:
        """Where a network's weights lie, their sha256, and its spec as JSON.

        Much faster than `record`, for the spec is not parsed.

        Raises:
            KeyError: there is no such network.
            CorruptZooError: shard, offset or length cannot be right.
        """
        group, row = self._find(id)
        columns = self._weights(group)
        byte_range = {name: columns[name][row] for name in ByteRange.model_fields}
        where = f"{self._zoo}: network {id}"
        return _byte_range(byte_range, where), columns["weights_sha256"][row], columns["spec"][row]

    def _find(self, id: str) -> tuple[int, int]:
        """Row group, and row in it."""
        number = self.rows[id]
        group = bisect.bisect_right(self._first_rows, number) - 1
        return group, number - self._first_rows[group]

    @cached_property
    def _first_rows(self) -> list[int]:
        metadata = self._file.metadata
        rows = (metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
        return list(itertools.accumulate(rows, initial=0))[:-1]

    @cached_property
    def _group(self) -> "Callable[[int], pa.Table]":
        known = [*NetworkRecord.model_fields, *ByteRange.model_fields, *INITIAL_PLACE]
        columns = [name for name in known if name in self._file.schema_arrow.names]

        @lru_cache(maxsize=4)
        def read(group: int) -> "pa.Table":
            with self._reading:
                return self._file.read_row_group(group, columns)

        return read

    @cached_property
    def _weights(self) -> "Callable[[int], dict[str, list[Any]]]":
        columns = [*ByteRange.model_fields, "weights_sha256", "spec"]

        @lru_cache(maxsize=4)
        def read(group: int) -> dict[str, list[Any]]:
            values: dict[str, list[Any]] = self._group(group).select(columns).to_pydict()
            return values

        return read

    def _check(self, networks: int) -> None:
        metadata, schema = self._file.metadata, self._file.schema_arrow
        if missing := set(arrow_schema().names) - LATER - set(schema.names):
            fault = f"lacks the column {min(missing)!r}"
        elif metadata.num_rows != networks:
            fault = f"has {metadata.num_rows} rows; zoo.json counts {networks} networks"
        elif any(self._is_outsized(group) for group in range(metadata.num_row_groups)):
            fault = "has rows larger than any network's"
        else:
            return
        raise CorruptZooError(f"{self._zoo}: networks.parquet {fault}; fetch the zoo again")

    def _is_outsized(self, group: int) -> bool:
        metadata = self._file.metadata.row_group(group)
        chunks = (metadata.column(number) for number in range(metadata.num_columns))
        values = max(chunk.num_values for chunk in chunks)
        return bool(
            metadata.total_byte_size > ROW_BYTES * (metadata.num_rows + 1)
            or values > ROW_VALUES * metadata.num_rows
        )


def _byte_range(fields: dict[str, Any], where: str) -> ByteRange:
    try:
        return parse(ByteRange, fields, where)
    except ZooError as error:
        raise CorruptZooError(f"{error}; the zoo is no valid one") from error


def _parquet_bytes(table: "pa.Table") -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_statistics=False, row_group_size=ROWS)
    return buffer.getvalue()
