import pandas as pd
import pytest

from demogen._util.limits import TABLE_COLUMNS
from demogen.errors import TableError
from demogen.format.table_files import read_table


@pytest.mark.parametrize("columns", [TABLE_COLUMNS + 1, 1_000_000])
def test_a_header_without_end_is_refused_before_columns_are_made(tmp_path, columns):
    path = tmp_path / "wide.csv"
    path.write_text(",".join(map(str, range(columns))) + "\n")
    with pytest.raises(TableError, match="wide.csv: .* it has more than 8,192 columns"):
        read_table(path, None)


def test_the_widest_tables_are_read(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text(",".join(map(str, range(TABLE_COLUMNS))) + "\n")
    assert read_table(path, None).shape == (0, TABLE_COLUMNS)


def test_two_columns_of_one_name_are_told(tmp_path):
    path = tmp_path / "twice.csv"
    path.write_text("id,gap,gap\na,1,2\n")
    with pytest.raises(TableError, match="two columns are called 'gap'"):
        read_table(path, None)


def test_an_index_that_pandas_keeps_as_a_range_is_told(tmp_path):
    path = tmp_path / "range.parquet"
    table = pd.DataFrame({"gap": [0.1, 0.2]}, index=pd.RangeIndex(1, 3, name="id"))
    table.to_parquet(path)
    with pytest.raises(TableError, match="no column 'id'; .* write the table after `reset_index"):
        read_table(path, "id")
    table.reset_index().to_parquet(path)
    assert list(read_table(path, "id")["id"]) == [1, 2]
