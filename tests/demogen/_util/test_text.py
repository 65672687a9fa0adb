import ast
import csv
import io
import json
import re
from pathlib import Path

import pytest

from demogen._util.text import for_csv, for_html, for_markdown, for_tex, one_line, visible

ROOT = Path(__file__).parents[3]


def test_no_sign_is_a_command_of_tex():
    assert for_tex("\\input{x} 5% $1 #2 a_b&c") == (
        r"\textbackslash{}input\{x\} 5\% \$1 \#2 a\_b\&c"
    )
    # An accent on the next letter, if they had a backslash alone.
    assert for_tex("~^") == r"\textasciitilde{}\textasciicircum{}"
    assert for_tex("0–1\n2") == "0--1 2"
    assert for_tex("\x1b") == r"\textbackslash{}x1b"


def test_no_sign_is_markup():
    assert for_markdown("\\`*_{}[]|#~$") == r"\\\`\*\_\{\}\[\]\|\#\~\$"
    assert for_markdown("<a>\n &amp;") == "&lt;a&gt; &amp;amp;"


@pytest.mark.parametrize(
    "text",
    [
        *[
            "[a](http://b.c)",
            "![a](b)",
            "see https://b.c",
            "www.b.c",
            "*a*",
            "__a__",
            "~~a~~",
            "`a`",
        ],
        *[
            "`a`",
            "<http://b.c>",
            "# a",
            "- a",
            "+ a",
            "1. a",
            "1) a",
            "---",
            "a\n===",
            "<!-- a -->",
        ],
    ],
)
def test_markdown_shows_the_text_itself(text):
    markdown_it = pytest.importorskip("markdown_it")
    reader = markdown_it.MarkdownIt("commonmark", {"linkify": False}).enable("strikethrough")
    escaped = for_markdown(text)
    (opening, inline, _closing) = reader.parse(escaped)
    assert opening.type == "paragraph_open"
    assert {token.type for token in inline.children} <= {"text", "text_special"}
    assert "".join(token.content for token in inline.children) == " ".join(text.split())
    assert "http:" not in escaped
    assert "www." not in escaped


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+1", "@SUM(1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(text):
    assert str(for_csv(text)).startswith(("'", "\\x0d"))
    assert for_csv(-1.5) == -1.5
    assert for_csv(None) is None


def test_what_a_terminal_acts_upon_is_spelled():
    assert visible("a\x1b[31mb\x07\x9b1m\r\u202e\u2066") == (
        r"a\x1b[31mb\x07\x9b1m\x0d\u202e\u2066"
    )
    assert visible("two\nlines\tand ü τ → 🙂") == "two\nlines\tand ü τ → 🙂"
    assert one_line("two\nlines\x1c\u2028end") == "two lines end"
    assert for_html("<\x1b>") == "&lt;\\x1b&gt;"


def test_commands_print_through_the_door_alone():
    """`say`; what they print may hold names from outside."""
    for package in ("demogen", "leaderboard", "zoo_recipes", "baselines"):
        for path in (ROOT / package).rglob("*.py"):
            if path.name == "demo.py" or path == ROOT / "demogen" / "_util" / "text.py":
                continue  # what the demo prints is ours
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    assert ast.unparse(node.func) not in ("click.echo", "click.secho", "print"), (
                        path
                    )


def test_a_table_of_names_that_are_formulas_holds_none():
    from leaderboard.pages.text_tables import csv_table

    text = csv_table(["=head"], [["=1+1", -2.5], ["@a", None]])
    assert list(csv.reader(io.StringIO(text))) == [["'=head"], ["'=1+1", "-2.5"], ["'@a", ""]]


def test_a_zoo_that_is_called_by_terminal_codes_is_described_without_them(
    copied_zoo_folder, capsys
):
    from demogen.cli import main

    path = copied_zoo_folder / "zoo.json"
    manifest = json.loads(path.read_text())
    manifest["name"] = "red\x1b[31m\u202e\x07\n  zoo sha256:forged"
    manifest["paper"]["title"] = "\x9b2J\x1b]0;title\x07"
    path.write_text(json.dumps(manifest))
    main(["info", str(copied_zoo_folder)])
    printed = capsys.readouterr().out
    assert r"red\x1b[31m\u202e\x07 zoo sha256:forged" in printed
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", printed)
    assert "\n  zoo sha256:forged" not in printed
    with pytest.raises(SystemExit):
        main(["info", "no\x1b[31msuch"])
    assert "\x1b" not in capsys.readouterr().err
