"""Tables that people bring, CSV or Parquet, read as they stand."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from demogen._util.lookup import lookup
from demogen.errors import TableError, naming, os_fault

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
        # The libraries below say in words of their own that there is no such file.
        path.open("rb").close()
        if path.suffix == ".parquet":
            return _parquet(path, id)
        if {".csv"} & set(path.suffixes[-2:]):
            return _csv(path, id)
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {os_fault(error)}") from error
    except ValueError as error:
        fault = " ".join(str(error).split())
        raise TableError(f"{path}: cannot be read as a table: {fault}") from error
    raise TableError(f"{path}: a table is a .csv or a .parquet file")


def _csv(path: Path, id: str | None) -> "pd.DataFrame":
    import pyarrow as pa
    from pyarrow import csv

    # pyarrow, because pandas reads numbers to the last bit or not, by its version.
    def read(**options: Any) -> Any:
        try:
            return csv.read_csv(
                str(path),
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


def _parquet(path: Path, id: str | None) -> "pd.DataFrame":
    import pandas as pd
    import pyarrow as pa

    with naming(path):
        try:
            table = pd.read_parquet(path)
        except pa.ArrowException as error:
            raise ValueError(error) from error
    if table.index.name == (id or "id") and table.index.name not in table.columns:
        table = table.reset_index()
    table.columns = pd.Index(list(map(str, table.columns)))
    _check_names(list(table.columns), id, path)
    return table


def _check_names(names: list[str], id: str | None, path: Path) -> None:
    for name in names:
        if names.count(name) > 1:
            raise TableError(f"{path}: two columns are called {name!r}; rename one")
    if id is not None:
        lookup(id, dict.fromkeys(names), f"column of {path.name}", TableError)
