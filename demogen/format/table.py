"""Records as rows: networks.parquet and the DataFrame that users see."""

import bisect
import io
import itertools
import json
import threading
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

from pydantic import Field

from demogen.errors import CorruptZooError, ZooError
from demogen.schema.records import Frozen, NetworkRecord, RunFacts, factor_types, parse

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class ByteRange(Frozen):
    """Where a network's weights lie: bytes [offset, offset + length) of a shard."""

    shard: str
    offset: Annotated[int, Field(ge=0)]
    length: Annotated[int, Field(ge=1)]

    @property
    def stop(self) -> int:
        """The first byte behind them."""
        return self.offset + self.length


RECORD_ONLY = frozenset(
    {"spec", "probe_logits", "labels", "weights_sha256", "initial_sha256", *ByteRange.model_fields}
)
"""Columns that users see as parts of a record, not in the table."""

ROWS = 4096
"""Networks in a row group, which is read whole for a single record."""

ROW_BYTES = 256 << 10
ROW_VALUES = 16_384
"""More than any real network takes: bytes of all its columns, values (logits) in one of them."""

InitialLogits = tuple[tuple[float, ...], ...]
"""Logits of the probe inputs, (4, classes)."""

_OUTCOME = {
    "parameters": int,
    "train_accuracy": float,
    "test_accuracy": float,
    "gap": float,
    "train_cross_entropy": float,
    "test_cross_entropy": float,
    "train_normalized_cross_entropy": float,
    "test_normalized_cross_entropy": float,
    "corrupted_test_accuracy": float,
    "corrupted_test_cross_entropy": float,
    "corrupted_test_normalized_cross_entropy": float,
    "epochs_run": int,
    "steps_run": int,
    "stopped": str,
    "kept_epoch": int,
    "labels": str,
    "weights_sha256": str,
    "initial_sha256": str,
    "probe_logits": tuple[tuple[float, ...], ...],
}


def arrow_schema() -> "pa.Schema":
    """Columns of networks.parquet: id, factors of the spec, outcome, byte range, spec as JSON."""
    import pyarrow as pa

    columns: dict[str, Any] = {"id": str, "configuration": str, **factor_types(), **_OUTCOME}
    columns |= {name: field.annotation for name, field in ByteRange.model_fields.items()}
    columns["spec"] = str
    return pa.schema([pa.field(name, _arrow_type(kind)) for name, kind in columns.items()])


def network_rows(records: Sequence[NetworkRecord], ranges: Sequence[ByteRange]) -> "pa.Table":
    """What networks.parquet holds: one row a network, in the order given.

    Args:
        records: specs and outcomes.
        ranges: where the weights of each lie.
    """
    import pyarrow as pa

    rows = [_row(record, byte_range) for record, byte_range in zip(records, ranges, strict=True)]
    return pa.Table.from_pylist(rows, schema=arrow_schema())


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
    fields.append(pa.field("initial_logits", _arrow_type(InitialLogits)))
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
        columns = [*NetworkRecord.model_fields, *ByteRange.model_fields]

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
        if missing := set(arrow_schema().names) - set(schema.names):
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


def _row(record: NetworkRecord, byte_range: ByteRange) -> dict[str, Any]:
    outcome = record.model_dump(mode="json", exclude={"spec"})
    return {
        "id": record.id,
        "configuration": record.spec.configuration,
        **record.spec.factors(),
        **outcome,
        "gap": record.gap,
        **byte_range.model_dump(),
        "spec": record.spec.canonical(),
    }


def _arrow_type(kind: Any) -> "pa.DataType":
    import typing

    import pyarrow as pa

    if typing.get_origin(kind) is tuple:
        return pa.list_(_arrow_type(typing.get_args(kind)[0]))
    plain = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}
    return plain[kind]


def _parquet_bytes(table: "pa.Table") -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_statistics=False, row_group_size=ROWS)
    return buffer.getvalue()
