"""networks.parquet: what users see of it, what loading reads of it, and what is refused."""

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demogen.errors import CorruptZooError
from demogen.format import table
from demogen.format.table import RECORD_ONLY, Table


@pytest.fixture(scope="session")
def source(tiny_zoo_folder):
    return pq.read_table(tiny_zoo_folder / "networks.parquet")


@pytest.fixture
def opened(tmp_path):
    """Write rows to a new file and open it as a table."""
    number = itertools.count()

    def written(rows, networks=24, **options):
        path = tmp_path / f"{next(number)}.parquet"
        pq.write_table(rows, path, **options)
        return Table(path.read_bytes(), networks, "zoo z")

    return written


def test_users_see_plain_columns(source, opened):
    frame = opened(source).frame
    assert frame.index.name == "id"
    assert list(frame.index) == source.column("id").to_pylist()
    assert set(frame.columns) == set(source.column_names) - RECORD_ONLY - {"id"}
    for name in ("width", "gap", "family", "batch_norm", "stopped", "configuration"):
        assert frame[name].tolist() == source.column(name).to_pylist()
    assert frame["family"].dtype == object
    assert frame["width"].dtype == "int64"
    assert frame["train_size"].dtype == "int64"
    # Missing in all rows of this family: None for texts, <NA> for integers, NaN for numbers.
    assert frame["activation"].tolist() == [None] * 24
    assert frame["depth"].dtype == "Int64"
    assert frame["depth"].isna().all()


def test_records_are_the_same_whatever_the_row_groups(source, opened):
    whole = opened(source)
    records = {id: whole.record(id) for id in whole.rows}
    pieces = opened(source, row_group_size=5)
    assert {id: pieces.record(id) for id in reversed(pieces.rows)} == records
    assert pieces.frame.equals(whole.frame)
    for number, (record, place) in enumerate(records.values()):
        row = source.slice(number, 1).to_pylist()[0]
        assert (record.id, record.weights_sha256) == (row["id"], row["weights_sha256"])
        assert (place.shard, place.stop) == (row["shard"], row["offset"] + row["length"])
        assert np.allclose(record.probe_logits, row["probe_logits"], atol=0)


def test_what_is_written_has_row_groups_of_bounded_size(monkeypatch, tiny_zoo):
    monkeypatch.setattr(table, "ROWS", 7)
    pairs = [tiny_zoo._table.record(id) for id in tiny_zoo.ids]
    rows = table.network_rows(*zip(*pairs, strict=True))
    content = table.to_parquet(rows)
    assert table.to_frame(rows).equals(tiny_zoo.table)
    assert pq.ParquetFile(pa.BufferReader(content)).num_row_groups == 4
    assert Table(content, 24, "z").frame.equals(tiny_zoo.table)


def replaced(source, name, values):
    return source.set_column(source.schema.get_field_index(name), name, values)


def test_what_no_zoo_could_hold_is_refused(source, opened):
    first = source.column("id")[0].as_py()
    long_text = pa.array(["x" * 9_000_000] * 24)
    many_logits = pa.array([[[0.0] * 20_000]] * 24)
    for rows, said in [
        (source.drop_columns(["weights_sha256"]), "lacks the column 'weights_sha256'"),
        (source.slice(0, 23), "has 23 rows; zoo.json counts 24 networks"),
        (replaced(source, "id", pa.array([first] * 24)), "holds a network twice"),
        (replaced(source, "spec", long_text), "has rows larger than any network's"),
        (replaced(source, "probe_logits", many_logits), "has rows larger than any network's"),
    ]:
        with pytest.raises(CorruptZooError, match=f"zoo z: networks.parquet {said}"):
            opened(rows)
    with pytest.raises(CorruptZooError, match=r"zoo z: networks.parquet cannot be read"):
        Table(b"PAR1 is not enough PAR1", 24, "zoo z")


def test_a_repeated_text_takes_no_more_memory_than_in_the_file(source, opened):
    rows = replaced(source, "spec", pa.array(["x" * 100_000] * 24))
    group = opened(rows)._group(0)
    assert group.column("spec").nbytes < 2 * 100_000


def test_a_row_that_is_no_record_is_named_and_others_are_read(source, opened):
    specs = source.column("spec").to_pylist()
    frame = opened(replaced(source, "spec", pa.array(["{}", *specs[1:]])))
    first, second = list(frame.rows)[:2]
    with pytest.raises(CorruptZooError, match=f"network {first}: spec.* is no valid one"):
        frame.record(first)
    assert frame.record(second)[0].id == second
    swapped = opened(replaced(source, "spec", pa.array([specs[1], specs[0], *specs[2:]])))
    with pytest.raises(CorruptZooError, match=f"network {first} holds the spec of {second}"):
        swapped.record(first)
