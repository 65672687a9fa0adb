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

from demogen._util.parsing import UnreadableError, json_data
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
from demogen.format.parquet import (
    LEVEL_KINDS,
    Parquet,
    ParquetError,
    check_kinds,
    kind_of,
    values,
)
from demogen.schema.records import NetworkRecord, RunFacts, factor_types, parse

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "RECORD_ONLY",
    "ByteRange",
    "Table",
    "arrow_schema",
    "copy_of",
    "network_rows",
    "plain_columns",
    "runs_to_parquet",
    "to_frame",
    "to_parquet",
]


ROWS = 4096
"""Networks in a row group, which is read whole for a single record."""

LEVELS = ("text", "number", "truth value", "nothing")
"""What a column of a factor may hold (see `demogen.format.parquet.kind_of`)."""

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


def copy_of(frame: "pd.DataFrame") -> "pd.DataFrame":
    """A table that may be changed without changing this one; its numbers are copied when it is."""
    import pandas as pd

    # Before pandas 3, a shallow copy shares its numbers for good.
    return frame.copy(deep=int(pd.__version__.partition(".")[0]) < 3)


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
    return _parquet_bytes(pa.Table.from_pylist(rows, schema=pa.schema(_runs_types())))


def _runs_types() -> "dict[str, pa.DataType]":
    """Columns of runs.parquet."""
    texts = {name: arrow_type(str) for name in ("id", "device", "host", "versions")}
    return {"seconds": arrow_type(float), **texts, "initial_logits": arrow_type(InitialLogits)}


def read_initial_logits(path: Path) -> dict[str, InitialLogits]:
    """Id → logits of the initial network, from runs.parquet: of the runs that record them.

    Raises:
        CorruptZooError: it is no such file.
    """
    names = ["id", "initial_logits"]
    try:
        with Parquet(path) as file:
            if not set(names) <= set(file.schema.names):
                return {}
            check_kinds(file.schema, _runs_types())
            columns = file.read(names)
    except ParquetError as error:
        raise CorruptZooError(f"{path} {error}") from error
    pairs = zip(
        values(columns.column("id")), columns.column("initial_logits").to_pylist(), strict=True
    )
    return {id: logits for id, logits in pairs if id is not None and logits is not None}


def read_versions(path: Path) -> list[dict[str, str]]:
    """What each run in runs.parquet was made with: library → version; of those that say it.

    Raises:
        CorruptZooError: it is no such file.
    """
    try:
        with Parquet(path) as file:
            if "versions" not in file.schema.names:
                return []
            check_kinds(file.schema, _runs_types())
            stored = values(file.read(["versions"]).column("versions"))
        # Many runs, few combinations.
        read = {text: json_data(text) for text in stored if text is not None}
    except (ParquetError, UnreadableError) as error:
        raise CorruptZooError(f"{path} {error}") from error
    if not all(_are_texts(versions) for versions in read.values()):
        raise CorruptZooError(f"{path} holds versions that are no texts")
    return list(read.values())


def _are_texts(versions: Any) -> bool:
    return isinstance(versions, dict) and all(isinstance(one, str) for one in versions.values())


@final
class Table:
    """networks.parquet, read once: plain columns when asked for, records a few rows at a time.

    Attributes:
        rows: id → number of its row, in the order of the file.
    """

    def __init__(self, content: bytes, networks: int, zoo: str) -> None:
        """Open the file; sizes are checked before memory is taken.

        Args:
            content: of the file, as it was checked: nothing is read of the file itself later.
            networks: how many rows it must have.
            zoo: its name in messages.

        Raises:
            CorruptZooError: it is no Parquet file, has columns that are missing, double or of
                another type, another number of rows, a row twice, or rows larger than any real
                ones.
        """
        self._zoo = zoo
        self._reading = threading.Lock()
        try:
            self._file = Parquet(content)
            self._check(networks)
            ids: list[str] = values(self._file.read(["id"]).column("id"))
        except ParquetError as error:
            raise CorruptZooError(
                f"{zoo}: networks.parquet {error}; fetch the zoo again"
            ) from error
        self.rows = {id: row for row, id in enumerate(ids)}
        if None in self.rows:
            raise CorruptZooError(f"{zoo}: networks.parquet holds a network without an id")
        if len(self.rows) != len(ids):
            raise CorruptZooError(f"{zoo}: networks.parquet holds a network twice")

    @cached_property
    def frame(self) -> "pd.DataFrame":
        """The plain columns, as `to_frame` gives them."""
        return to_frame(self._read(plain_columns(self._file.schema)))

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
            fields["spec"] = json_data(fields["spec"] or "")
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
        digest, spec = columns["weights_sha256"][row], columns["spec"][row]
        if digest is None or spec is None:
            raise CorruptZooError(f"{where} has no spec, or no sha256; the zoo is no valid one")
        return _byte_range(byte_range, where), digest, spec

    def _find(self, id: str) -> tuple[int, int]:
        """Row group, and row in it."""
        number = self.rows[id]
        group = bisect.bisect_right(self._first_rows, number) - 1
        return group, number - self._first_rows[group]

    @cached_property
    def _first_rows(self) -> list[int]:
        return list(itertools.accumulate(self._file.groups, initial=0))[:-1]

    @cached_property
    def _group(self) -> "Callable[[int], pa.Table]":
        known = [*NetworkRecord.model_fields, *ByteRange.model_fields, *INITIAL_PLACE]
        columns = [name for name in known if name in self._file.schema.names]

        @lru_cache(maxsize=4)
        def read(group: int) -> "pa.Table":
            return self._read(columns, group)

        return read

    @cached_property
    def _weights(self) -> "Callable[[int], dict[str, list[Any]]]":
        columns = [*ByteRange.model_fields, "weights_sha256", "spec"]

        @lru_cache(maxsize=4)
        def read(group: int) -> dict[str, list[Any]]:
            return {name: values(self._group(group).column(name)) for name in columns}

        return read

    def _read(self, columns: Sequence[str], group: int | None = None) -> "pa.Table":
        try:
            with self._reading:
                if group is None:
                    return self._file.read(columns)
                return self._file.read_group(group, columns)
        except ParquetError as error:
            fault = f"{self._zoo}: networks.parquet {error}; fetch the zoo again"
            raise CorruptZooError(fault) from error

    def _check(self, networks: int) -> None:
        schema, expected = self._file.schema, arrow_schema()
        if missing := set(expected.names) - LATER - set(schema.names):
            raise ParquetError(f"lacks the column {min(missing)!r}")
        # A source from elsewhere may have a factor of the same name with levels of another kind.
        plain = {field.name for field in schema if kind_of(field.type) in LEVEL_KINDS}
        free = plain & factor_types().keys()
        check_kinds(schema, {one.name: one.type for one in expected if one.name not in free})
        levels = [arrow_type(kind) for kind in (bool, int, float, str)]
        for field in schema:
            if field.name not in expected.names and field.type not in levels:
                raise ParquetError(
                    f"has a column {field.name!a} of {field.type}, which no factor is"
                )
        if self._file.rows != networks:
            raise ParquetError(f"has {self._file.rows} rows; zoo.json counts {networks} networks")
        if any(self._is_outsized(group) for group in range(len(self._file.groups))):
            raise ParquetError("has rows larger than any network's")

    def _is_outsized(self, group: int) -> bool:
        metadata = self._file.metadata.row_group(group)
        chunks = (metadata.column(number) for number in range(metadata.num_columns))
        most = max(chunk.num_values for chunk in chunks)
        return bool(
            metadata.total_byte_size > ROW_BYTES * (metadata.num_rows + 1)
            or most > ROW_VALUES * metadata.num_rows
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
