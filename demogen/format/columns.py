"""The columns of networks.parquet, and records as its rows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from demogen.schema.records import (
    FAMILIES,
    Data,
    Frozen,
    NetworkRecord,
    NetworkSpec,
    factor_types,
)

if TYPE_CHECKING:
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


_NONE: Mapping[str, Any] = MappingProxyType({})
INITIAL_PLACE = ("initial_offset", "initial_length")
"""Columns of where stored initial weights lie, in the shard of the trained ones."""

_WITH_DEFAULTS: tuple[type[Frozen], ...] = (*FAMILIES.values(), Data)
_DEFAULTS = {
    name: field.default for part in _WITH_DEFAULTS for name, field in part.model_fields.items()
}

RECORD_ONLY = frozenset(
    {
        "spec",
        *INITIAL_PLACE,
        "probe_logits",
        "labels",
        "weights_sha256",
        "initial_sha256",
        *ByteRange.model_fields,
    }
)
"""Columns that users see as parts of a record, not in the table."""

LATER = frozenset(
    {
        *("shape", "classes", "gray", "subset_known"),
        *("dropout_is", "dropout_after", "same_padding", "norm_eps", "dense_start"),
        *("stated_train_accuracy", "stated_test_accuracy"),
        *("measured_train_accuracy", "measured_test_accuracy"),
        *("initial_offset", "initial_length"),
    }
)
"""Columns that the first zoos did not have: written only where a network departs from the default,
so that zoos that need none of them are written as ever."""

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
    "stated_train_accuracy": float,
    "stated_test_accuracy": float,
    "measured_train_accuracy": float,
    "measured_test_accuracy": float,
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
    """The columns that every networks.parquet has, and those of `LATER`.

    They are id, factors of the spec, outcome, byte range, spec as JSON.
    """
    import pyarrow as pa

    columns = _column_types()
    return pa.schema([pa.field(name, arrow_type(kind)) for name, kind in columns.items()])


def network_rows(
    records: Sequence[NetworkRecord],
    ranges: Sequence[ByteRange],
    initial: Mapping[str, ByteRange] = _NONE,
) -> "pa.Table":
    """What networks.parquet holds: one row a network, in the order given.

    Factors that only sources name are columns as the others are: of numbers where all levels are
    such, else of text.

    Args:
        records: specs and outcomes.
        ranges: where the weights of each lie.
        initial: id → where its initial weights lie, of those whose are stored.
    """
    import pyarrow as pa

    rows = [_row(record, byte_range) for record, byte_range in zip(records, ranges, strict=True)]
    for row in rows:
        if (stored := initial.get(row["id"])) is not None:
            row |= {"initial_offset": stored.offset, "initial_length": stored.length}
    types = {name: arrow_type(kind) for name, kind in _column_types().items()}
    for name in sorted({name for record in records for name in foreign_factors(record.spec)}):
        types[name] = _foreign_type([row.get(name) for row in rows])
        if types[name] == pa.string():
            for row in rows:
                row[name] = _as_text(row.get(name))
    for name in LATER:
        if all(is_default(name, row.get(name)) for row in rows):
            del types[name]
    return pa.Table.from_pylist(rows, schema=pa.schema(list(types.items())))


def is_default(column: str, level: Any) -> bool:
    """Whether a column of `LATER` says nothing by this level."""
    return level is None or level == _DEFAULTS.get(column)


def foreign_factors(spec: NetworkSpec) -> Mapping[str, Any]:
    """The factors that the source of a network from elsewhere names."""
    return _NONE if spec.origin is None else spec.origin.factors


def _column_types() -> dict[str, Any]:
    columns: dict[str, Any] = {"id": str, "configuration": str, **factor_types(), **_OUTCOME}
    columns |= {name: field.annotation for name, field in ByteRange.model_fields.items()}
    return {**columns, **dict.fromkeys(INITIAL_PLACE, int), "spec": str}


def _foreign_type(levels: Iterable[Any]) -> "pa.DataType":
    """Of a column of levels as sources write them: the narrowest that holds all of them."""
    kinds = {type(level) for level in levels if level is not None}
    if kinds == {bool}:
        return arrow_type(bool)
    if kinds == {int}:
        return arrow_type(int)
    return arrow_type(float if kinds <= {int, float} else str)


def _as_text(level: Any) -> str | None:
    if level is None or isinstance(level, str):
        return level
    return json.dumps(level)


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


def arrow_type(kind: Any) -> "pa.DataType":
    """How Arrow stores values of a Python type: a plain one, or a tuple of one."""
    import typing

    import pyarrow as pa

    if typing.get_origin(kind) is tuple:
        return pa.list_(arrow_type(typing.get_args(kind)[0]))
    plain = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}
    return plain[kind]
