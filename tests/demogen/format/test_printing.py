import io
import json

import numpy as np
import pandas as pd
import pytest

from demogen.errors import TableError
from demogen.format import printing
from demogen.format.printing import aligned, chosen_format, frame_bytes

FRAME = pd.DataFrame(
    {"x": [0.1 + 0.2, np.nan], "word": ["a|b", None], "n": pd.array([1, None], "Int64")},
    index=pd.Index(["one", "two"], name="id"),
)


def test_every_format_holds_the_same():
    assert frame_bytes(FRAME, "csv").decode() == (
        "id,x,word,n\none,0.30000000000000004,a|b,1\ntwo,,,\n"
    )
    assert json.loads(frame_bytes(FRAME, "json")) == [
        {"id": "one", "x": 0.1 + 0.2, "word": "a|b", "n": 1},
        {"id": "two", "x": None, "word": None, "n": None},
    ]
    read = pd.read_parquet(io.BytesIO(frame_bytes(FRAME, "parquet")))
    pd.testing.assert_frame_equal(read, FRAME.reset_index())
    assert frame_bytes(FRAME, "markdown").decode().splitlines()[2] == r"| one | 0.3 | a\|b | 1 |"
    assert frame_bytes(FRAME, "text").decode().splitlines()[0] == "id     x  word  n"
    with pytest.raises(TableError, match="no format 'xml'"):
        frame_bytes(FRAME, "xml")


@pytest.mark.parametrize("width", [1, 5, 12, 30, 200])
def test_no_line_is_wider_than_the_terminal(width):
    rows = [["a" * length, "0.1", "words of any length"] for length in (1, 20)]
    text = aligned(["name", "R²", "note"], rows, [1], width)
    assert max(map(len, text.splitlines())) <= width
    assert text.endswith("\n")
    assert ("more column" in text) == (width in (30,)) or width < 20


def test_terminals_get_text_and_pipes_markdown(monkeypatch):
    monkeypatch.setattr(printing.sys, "stdout", io.StringIO())
    assert chosen_format(None) == "markdown"
    assert chosen_format("parquet") == "parquet"
    monkeypatch.setattr(printing.sys.stdout, "isatty", lambda: True, raising=False)
    assert chosen_format(None) == "text"
    assert chosen_format("csv") == "csv"
    with pytest.raises(TableError, match="Parquet is no text"):
        chosen_format("parquet")
