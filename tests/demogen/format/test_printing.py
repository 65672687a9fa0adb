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


def test_cells_of_several_values_are_lists():
    frame = pd.DataFrame(
        {"channels": [np.array([8, 16]), [], ("crop", "flip"), None]}, index=pd.Index(list("abcd"))
    ).rename_axis("id")
    assert frame_bytes(frame, "csv").decode().splitlines()[1:] == [
        *('a,"[8, 16]"', "b,[]", 'c,"[""crop"", ""flip""]"', "d,"),
    ]
    told = [row["channels"] for row in json.loads(frame_bytes(frame, "json"))]
    assert told == [[8, 16], [], ["crop", "flip"], None]
    assert frame_bytes(frame, "text").decode().splitlines()[1] == "a   [8, 16]"


@pytest.mark.parametrize("width", [1, 5, 12, 30, 200])
def test_no_line_is_wider_than_the_terminal(width):
    rows = [["a" * length, "0.1", "words of any length"] for length in (1, 20)]
    text = aligned(["name", "R²", "note"], rows, [1], width)
    assert max(map(len, text.splitlines())) <= width
    assert text.endswith("\n")
    assert ("more column" in text) == (width in (30,)) or width < 20


def test_words_that_fit_in_part_are_shown_in_part_and_numbers_are_not():
    rows = [["a", "words " * 9, "1"], ["b", "few", "22"]]
    assert aligned(["id", "note", "n"], rows, [2], 24).splitlines() == [
        "id  note",
        "a   words words words w…",
        "b   few",
        "1 more column: --format…",
    ]
    assert aligned(["id", "note", "n"], rows, [1, 2], 24).splitlines()[1] == "a"
    assert aligned(["id", "note", "n"], rows, [2], 19).splitlines()[1] == "a"


def test_terminals_get_text_and_pipes_markdown(monkeypatch):
    monkeypatch.setattr(printing.sys, "stdout", io.StringIO())
    assert chosen_format(None) == "markdown"
    assert chosen_format("parquet") == "parquet"
    monkeypatch.setattr(printing.sys.stdout, "isatty", lambda: True, raising=False)
    assert chosen_format(None) == "text"
    assert chosen_format("csv") == "csv"
    with pytest.raises(TableError, match="Parquet is no text"):
        chosen_format("parquet")
