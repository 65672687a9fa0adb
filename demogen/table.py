"""Records as rows: networks.parquet and the DataFrame that users see."""

import io
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from demogen.errors import CorruptZooError
from demogen.schema import Frozen, NetworkRecord, RunFacts, factor_types, parse

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class Place(Frozen):
    """Where a network's weights lie: bytes [offset, offset + length) of a shard."""

    shard: str
    offset: int
    length: int


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
    """Columns of networks.parquet: id, factors of the spec, outcome, place, the spec itself."""
    import pyarrow as pa

    columns: dict[str, Any] = {"id": str, "configuration": str, **factor_types(), **_OUTCOME}
    columns |= {name: field.annotation for name, field in Place.model_fields.items()}
    columns["spec"] = str
    return pa.schema([pa.field(name, _arrow_type(kind)) for name, kind in columns.items()])


def to_parquet(records: Sequence[NetworkRecord], places: Sequence[Place]) -> bytes:
    """networks.parquet: one row a network, in the order given; same rows, same bytes."""
    import pyarrow as pa

    rows = [_row(record, place) for record, place in zip(records, places, strict=True)]
    return _parquet_bytes(pa.Table.from_pylist(rows, schema=arrow_schema()))


def runs_to_parquet(runs: Sequence[RunFacts]) -> bytes:
    """runs.parquet: one row a training run."""
    import pyarrow as pa

    rows = [
        {**run.model_dump(), "versions": json.dumps(run.versions, sort_keys=True)} for run in runs
    ]
    text = ("id", "device", "host", "versions")
    fields = [pa.field("seconds", pa.float64()), *(pa.field(name, pa.string()) for name in text)]
    return _parquet_bytes(pa.Table.from_pylist(rows, schema=pa.schema(fields)))


def read_table(content: bytes) -> "pd.DataFrame":
    """The table as users see it: index "id", missing integers as pandas' nullable Int64."""
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content))
    frame: pd.DataFrame = table.to_pandas(integer_object_nulls=False).set_index("id")
    for name in table.column_names:
        if str(table.schema.field(name).type) == "int64" and name in frame:
            frame[name] = frame[name].astype("Int64" if frame[name].hasnans else "int64")
    return frame


def record_of(row: Any, where: str) -> tuple[NetworkRecord, Place]:
    """A row of the table back as record and place.

    Raises:
        CorruptZooError: the row's id is not the id of its spec.
        ZooError: a field is missing or out of its bounds.
    """
    fields = {name: row[name] for name in NetworkRecord.model_fields if name != "spec"}
    fields["probe_logits"] = [list(map(float, logits)) for logits in fields["probe_logits"]]
    # pandas has one value, NaN, for what is missing, of whatever type.
    fields = {name: None if _is_missing(value) else value for name, value in fields.items()}
    spec = json.loads(row["spec"])
    record = parse(NetworkRecord, {**fields, "spec": spec}, f"{where}: network {row.name}")
    if record.id != row.name:
        raise CorruptZooError(f"{where}: network {row.name} holds the spec of {record.id}")
    place = {name: row[name] for name in Place.model_fields}
    return record, parse(Place, place, f"{where}: network {row.name}")


def _is_missing(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _row(record: NetworkRecord, place: Place) -> dict[str, Any]:
    outcome = record.model_dump(mode="json", exclude={"spec"})
    return {
        "id": record.id,
        "configuration": record.spec.configuration,
        **record.spec.factors(),
        **outcome,
        "gap": record.gap,
        **place.model_dump(),
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
    pq.write_table(table, buffer, compression="zstd", write_statistics=False)
    return buffer.getvalue()
