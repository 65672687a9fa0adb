"""Parquet files: what they would take in memory is known before any of it is taken."""

import io
import os
import signal
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demogen._util import limits
from demogen.errors import CorruptZooError
from demogen.format.parquet import Parquet, ParquetError, values
from demogen.format.table import Table

TABLE = pa.table(
    {
        "text": ["x", "y"] * 500,
        "number": list(range(1000)),
        "logits": [[1.0, 2.0]] * 1000,
        "small": pa.array([1] * 1000, pa.uint8()),
        "image": [{"bytes": b"zz", "path": "p"}] * 1000,
        "words": [["q", "r"]] * 1000,
        "truth": [True] * 1000,
        "fixed": pa.array([b"ab"] * 1000, pa.binary(2)),
    }
)


def content_of(table, **options):
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zstd"},
        {"compression": "gzip", "write_statistics": False},
        {"data_page_version": "2.0"},
        {"row_group_size": 77},
        {"use_dictionary": False},
        {"data_page_size": 100},
    ],
    ids=str,
)
def test_what_others_write_is_read(options, tmp_path):
    content = content_of(TABLE, **options)
    (tmp_path / "file.parquet").write_bytes(content)
    for source in (content, tmp_path / "file.parquet"):
        with Parquet(source) as file:
            assert file.rows == 1000
            assert values(file.read(["text"]).column("text")) == TABLE.column("text").to_pylist()
            others = TABLE.column_names[1:]
            assert file.read(others).to_pylist() == TABLE.select(others).to_pylist()
            batches = list(file.batches(300, ["image", "words"]))
            assert sum(batch.num_rows for batch in batches) == 1000


BOMBS = {
    "one number, many times": (pa.table({"a": np.zeros(50_000_000)}), {}),
    "long texts, compressed": (
        pa.table({"a": ["x" * 1_000_000] * 200}),
        {"use_dictionary": False, "compression": "zstd"},
    ),
    "one long text in lists, named often": (pa.table({"a": [["x" * 10_000]] * 50_000}), {}),
    "many columns": (pa.table({f"c{number}": [1] for number in range(8200)}), {}),
    "many small pages": (
        pa.table({"a": np.arange(150_000)}),
        {"use_dictionary": False, "data_page_size": 1, "write_batch_size": 1},
    ),
    "texts that share beginnings": (
        pa.table({"a": ["x" * 100_000] * 1000}),
        {"use_dictionary": False, "column_encoding": {"a": "DELTA_BYTE_ARRAY"}},
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_refused_before_anything_is_decoded(bomb):
    table, options = BOMBS[bomb]
    content = content_of(table, **options)
    assert len(content) < 12 << 20
    names = table.column_names[:1]
    del table
    before = pa.total_allocated_bytes()
    with pytest.raises(ParquetError, match="more memory|more than|is not read here"):
        Parquet(content).read(names)
    assert pa.total_allocated_bytes() - before < 64 << 20


def test_a_text_that_rows_share_is_one_object():
    column = Parquet(content_of(pa.table({"a": ["long " * 1000] * 500}))).read(["a"]).column("a")
    assert len({id(text) for text in values(column)}) == 1


def test_a_description_that_lies_is_found_out():
    """The number of values that the end of the file says, and the one at the head of the page."""
    content = content_of(TABLE.select(["number"]), use_dictionary=False, compression="none")
    head = content.index(b"\xd0\x0f", 4)  # 1000, in Thrift's compact protocol
    for number in (b"\xd2\x0f", b"\xce\x0f"):
        with pytest.raises(ParquetError, match="more or fewer values|cannot be read"):
            Parquet(content[:head] + number + content[head + 2 :]).read(["number"])


@pytest.mark.parametrize("length", [0, 4, 11, 200])
def test_a_file_cut_short_is_none(length):
    with pytest.raises(ParquetError, match="cannot be read as a Parquet file"):
        Parquet(content_of(TABLE)[:length])
    large = struct.pack("<I", limits.PARQUET_FOOTER + 1)
    with pytest.raises(ParquetError, match="its description has"):
        Parquet(b"PAR1" + bytes(100) + large + b"PAR1")


def test_what_happens_to_a_table_after_it_was_checked_changes_nothing(tiny_zoo_folder, tmp_path):
    path = tmp_path / "networks.parquet"
    path.write_bytes((tiny_zoo_folder / "networks.parquet").read_bytes())
    table = Table(path.read_bytes(), 24, "zoo z")
    os.truncate(path, 100)
    assert len(table.frame) == 24
    assert all(table.record(id)[0].id == id for id in table.rows)


def test_a_table_of_a_zoo_on_the_disk_may_be_cut_while_it_is_read(copied_zoo_folder):
    """By a memory map the system ended the process."""
    from demogen import load_zoo

    zoo = load_zoo(copied_zoo_folder)
    first = zoo.ids[0]
    child = os.fork()
    if child == 0:
        os.truncate(copied_zoo_folder / "networks.parquet", 4096)
        ok = len(zoo.table) == 24 and zoo.record(first).id == first
        os._exit(0 if ok else 1)
    status = os.waitpid(child, 0)[1]
    assert not os.WIFSIGNALED(status), signal.Signals(os.WTERMSIG(status)).name
    assert os.WEXITSTATUS(status) == 0


@pytest.mark.parametrize("logits", [float("nan"), float("inf"), None])
def test_recorded_logits_that_are_no_numbers_are_refused_when_read(tiny_zoo_folder, logits):
    rows = pq.read_table(tiny_zoo_folder / "networks.parquet")
    recorded = rows.column("probe_logits").to_pylist()
    recorded[0][0][0] = logits
    for wrong in (recorded, [[], *recorded[1:]], [[[1.0], [1.0, 2.0]], *recorded[1:]]):
        column = pa.array(wrong, rows.schema.field("probe_logits").type)
        place = rows.schema.get_field_index("probe_logits")
        table = Table(content_of(rows.set_column(place, "probe_logits", column)), 24, "zoo z")
        with pytest.raises(CorruptZooError, match="probe_logits"):
            table.record(next(iter(table.rows)))
