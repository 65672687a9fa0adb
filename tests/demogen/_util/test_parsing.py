import resource
from contextlib import suppress
from pathlib import Path

import pytest

from demogen._util import limits
from demogen._util.files import read_bounded
from demogen._util.parsing import UnreadableError, json_data, toml_data


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' stands twice"),
        ("[NaN]", "holds NaN"),
        ("[-Infinity]", "holds -Infinity"),
        ("[1e999]", "too large"),
        ('["\\ud800"]', "surrogate"),
        ("[18446744073709551616]", "beyond 64 bits"),
        ("[" * 65 + "]" * 65, "more than 64 levels"),
        ("[" * 100_000, "levels"),
        ("9" * 5_000, "is no JSON"),
        (b"\xff", "no UTF-8"),
        ("[1", "is no JSON"),
    ],
)
def test_json_that_readers_differ_about_is_refused(text, said):
    with pytest.raises(UnreadableError, match=said):
        json_data(text)


def test_json_that_all_read_is_read():
    assert json_data('["\\ud83d\\ude42", 1e308, 18446744073709551615, -0.0]') == [
        "\U0001f642",
        1e308,
        2**64 - 1,
        0.0,
    ]
    assert json_data("[" * 64 + "]" * 64)
    assert json_data("[NaN]", finite=False)[0] != 0


@pytest.mark.parametrize(
    "text",
    [
        ".".join(["a"] * 20_000) + " = 1",
        "[" + " . ".join(["a"] * 20_000) + "]",
        'x = "\'" # [\n' + ".".join(['"a"'] * 20_000) + " = 1",
        "a = " + "[" * 33 + "]" * 33,
        "a = " + "[" * 100_000,
        "a = " + "{a = " * 33 + "1" + "}" * 33,
    ],
)
def test_deep_toml_is_refused(text):
    with pytest.raises(UnreadableError, match="levels|values"):
        toml_data(text)


def test_texts_and_comments_of_toml_may_hold_anything():
    dots = "a." * 500
    text = f'a = "{dots}[[[["\nb = """\n{dots}{"[" * 50}"""\nc = \'{dots}\' # {dots}{"[" * 99}'
    assert toml_data(text) == {"a": f"{dots}[[[[", "b": dots + "[" * 50, "c": dots}


@pytest.mark.parametrize(
    "text",
    [
        b"[" + b"{}," * 666_000 + b"1]",
        b"[" + b",".join(b'"%030d"' % number for number in range(1_900_000)) + b"]",
        b"{" + b",".join(b'"%d":1' % number for number in range(900_000)) + b"}",
        b"[" + b"[]," * 21_000_000 + b"1]",
        b'"' + b"x" * 64_000_000 + b'"',
    ],
    ids=["objects", "texts", "keys", "lists", "one text"],
)
def test_a_large_text_takes_bounded_memory(text):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with suppress(UnreadableError):
        json_data(text)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 512 << 10


def test_no_more_of_a_file_is_read_than_allowed(tmp_path):
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(limits.FILE_BYTES + 1)
    with pytest.raises(UnreadableError, match=r"has 67,108,865 bytes, and such a file at most"):
        read_bounded(path)
    with pytest.raises(UnreadableError, match="no regular file"):
        read_bounded(Path("/dev/zero"))
    with pytest.raises(IsADirectoryError):
        read_bounded(tmp_path)
