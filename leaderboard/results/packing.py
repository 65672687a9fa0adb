"""The results of one zoo as one Parquet file, in which what several share stands once.

A row is a result and a column a text: a name as it stands, all else as JSON. Parquet keeps the
different texts of a column once, in a dictionary, so that signatures, targets, factors and the
folds' networks are not repeated for every split and predictor. What is by network in a result is a
list here, in the order of `networks`. Out of a row comes the JSON of its result again, which is
checked as that of any result file.
"""

import io
import json
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from demogen._util.limits import FILE_BYTES, JSON_LEVELS, JSON_VALUES, PACKED_BYTES, PACKED_RESULTS
from demogen._util.parsing import UnreadableError, json_data, value_signs
from demogen.format.parquet import Parquet, ParquetError, kind_of, values

NAMES = (
    "zoo",
    "zoo_digest",
    "revision",
    "split",
    "split_digest",
    "split_kind",
    "target",
    "predictor",
    "regressor",
    "paper",
    "summary",
    "access",
)
"""Fields of a result that are texts, columns as they stand."""

BY_NETWORK = ("targets", "configurations", "signatures", "fit")
"""Fields that are id → value, columns of the values in the order of `networks`."""

OF_FOLDS = ("tested", "predictions", "places", "centers")
"""Columns of the folds: number and ids of each, which predictors on a split share; then its
predictions, places, and center and spread."""

OTHERS = (
    "format_version",
    "measure",
    "columns",
    "test_images",
    "skipped_folds",
    "model",
    "dropped",
    "scores",
    "seconds",
    "epochs",
    "versions",
)
"""Fields that are columns of their JSON."""

COLUMNS = (*NAMES, "networks", *BY_NETWORK, "factors", *OF_FOLDS, *OTHERS)

Only = Mapping[str, Container[str]]
"""Of `NAMES`, some → the values that wanted results have there."""

LEVEL = 19
"""Of zstd's compression: 16 % smaller than by 3, in some seconds more for 38 MB of results."""


def pack(contents: Sequence[Mapping[str, Any]]) -> bytes:
    """Results as the bytes of a Parquet file.

    Args:
        contents: of result files, as JSON holds them.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [_row(content) for content in contents]
    table = pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in COLUMNS})
    buffer = io.BytesIO()
    pq.write_table(
        table,
        buffer,
        compression="zstd",
        compression_level=LEVEL,
        write_statistics=False,
        row_group_size=max(1, len(rows)),
        # A dictionary beyond a megabyte is given up for each row's own text, unless told.
        dictionary_pagesize_limit=FILE_BYTES,
    )
    return buffer.getvalue()


def names_in(content: bytes, field: str) -> set[str]:
    """What the results in a file have in one field of `NAMES`.

    Raises:
        UnreadableError: the file holds no results, or more than `demogen._util.limits` allows.
    """
    try:
        with Parquet(content) as file:
            _check_columns(file)
            found = set(values(file.read([field]).column(field)))
    except ParquetError as error:
        raise UnreadableError(f"it {error}") from error
    if None in found:
        raise UnreadableError(f"a row lacks its {field}")
    return found


def unpack(content: bytes, only: Only | None = None) -> Iterator[tuple[bytes, Mapping[str, Any]]]:
    """The JSON of each result that a file holds, and what that JSON holds, one after the other.

    Args:
        content: of the file.
        only: which results; the others are not looked at.

    Raises:
        UnreadableError: the file holds none, or more than `demogen._util.limits` allows.
    """
    try:
        with Parquet(content) as file:
            _check_columns(file)
            table = file.read(COLUMNS)
    except ParquetError as error:
        raise UnreadableError(f"it {error}") from error
    columns = {name: values(table.column(name)) for name in COLUMNS}
    reader, left = _Reader(), PACKED_BYTES
    wanted = [(columns[name], among) for name, among in (only or {}).items()]
    for number in range(table.num_rows):
        if any(column[number] not in among for column, among in wanted):
            continue
        result = reader.result({name: column[number] for name, column in columns.items()})
        text = to_json(result)
        if value_signs(text.decode()) > JSON_VALUES:
            raise UnreadableError(f"a row holds more than {JSON_VALUES:,} values")
        left -= len(text)
        if left < 0:
            raise UnreadableError(f"it holds more than {PACKED_BYTES:,} bytes of results")
        yield text, result


def _check_columns(file: Parquet) -> None:
    if set(file.schema.names) != set(COLUMNS):
        odd = min(set(file.schema.names) ^ set(COLUMNS))
        raise UnreadableError(f"results have other columns than it (the first is {odd!a})")
    if wrong := [field.name for field in file.schema if kind_of(field.type) != "text"]:
        raise UnreadableError(f"its column {wrong[0]!a} holds no text")
    if file.rows > PACKED_RESULTS:
        raise UnreadableError(f"it has {file.rows:,} rows, more than {PACKED_RESULTS:,}")


def _row(content: Mapping[str, Any]) -> dict[str, str]:
    ids = sorted(content["targets"])
    folds = content["folds"]
    parts: dict[str, Any] = {
        "networks": ids,
        **{name: [content[name][network] for network in ids] for name in BY_NETWORK},
        "factors": {
            name: [levels[network] for network in ids]
            for name, levels in sorted(content["factors"].items())
        },
        "tested": [[fold["fold"], fold["ids"]] for fold in folds],
        "predictions": [fold["predictions"] for fold in folds],
        "places": [fold["places"] for fold in folds],
        "centers": [[fold["center"], fold["spread"]] for fold in folds],
        **{name: content[name] for name in OTHERS},
    }
    texts = {
        name: json.dumps(part, sort_keys=True, separators=(",", ":"), allow_nan=False)
        for name, part in parts.items()
    }
    return {name: content[name] for name in NAMES} | texts


class _Reader:
    """Makes rows results again; of each column the text read last is kept, for rows share them."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, Any]] = {}

    def result(self, row: Mapping[str, str | None]) -> Mapping[str, Any]:
        """What the JSON of one holds; parts of it are those of other rows."""
        if lacking := [name for name, text in row.items() if text is None]:
            raise UnreadableError(f"a row lacks its {lacking[0]}")
        content: dict[str, Any] = {name: row[name] for name in NAMES}
        content |= {name: self._read(name, row) for name in OTHERS}
        ids, factors = self._read("networks", row), self._read("factors", row)
        if not isinstance(ids, list) or {type(one) for one in ids} - {str}:
            raise UnreadableError("a row's networks are no list of ids")
        if len(set(ids)) < len(ids):
            raise UnreadableError("a row names a network twice")
        if not isinstance(factors, dict):
            raise UnreadableError("a row's factors are no object")
        self._check_size(row, len(ids), len(factors))
        for name in BY_NETWORK:
            content[name] = _by_network(name, ids, self._read(name, row))
        content["factors"] = {
            name: _by_network("factors", ids, levels) for name, levels in factors.items()
        }
        content["folds"] = _folds(*(self._read(name, row) for name in OF_FOLDS))
        return content

    def _read(self, name: str, row: Mapping[str, str | None]) -> Any:
        text = row[name] or ""
        known = self._last.get(name)
        if known is None or known[0] is not text:
            try:
                # A level less: it stands within a result.
                known = self._last[name] = text, json_data(text, levels=JSON_LEVELS - 1)
            except UnreadableError as error:
                raise UnreadableError(f"a row's {name}: {error}") from error
        return known[1]

    @staticmethod
    def _check_size(row: Mapping[str, str | None], networks: int, factors: int) -> None:
        """A result is no larger than its file could be: each part by network repeats the ids."""
        repeated = len(BY_NETWORK) + factors
        size = sum(len(text or "") for text in row.values()) + repeated * len(row["networks"] or "")
        if size > FILE_BYTES or repeated * networks > JSON_VALUES:
            raise UnreadableError(f"a row holds more than {FILE_BYTES:,} bytes or as many values")


def _by_network(name: str, ids: Sequence[str], of_each: Any) -> dict[str, Any]:
    if not isinstance(of_each, list) or len(of_each) != len(ids):
        raise UnreadableError(f"a row's {name} are not one for each network")
    return dict(zip(ids, of_each, strict=True))


def _folds(*columns: Any) -> list[dict[str, Any]]:
    """Folds as a result holds them, from the columns `OF_FOLDS`."""
    if not all(isinstance(column, list) for column in columns):
        raise UnreadableError("a row's folds are no list")
    if len({len(column) for column in columns}) > 1:
        raise UnreadableError("a row has more folds in one column than in another")
    folds = []
    for tested, predictions, places, centers in zip(*columns, strict=True):
        for two in (tested, centers):
            if not isinstance(two, list) or len(two) != 2:
                raise UnreadableError("a row's folds lack a number, networks, a center or a spread")
        folds.append(
            {
                "fold": tested[0],
                "ids": tested[1],
                "predictions": predictions,
                "places": places,
                "center": centers[0],
                "spread": centers[1],
            }
        )
    return folds
