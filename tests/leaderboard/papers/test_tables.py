import csv
import io
import json
import re

import pytest

from demogen.errors import ResultError
from leaderboard.papers.comparison import ComparedNumber, Comparison
from leaderboard.papers.tables import FIELDS, render_comparison

NUMBERS = (
    ComparedNumber("Table 1, qrt+log", "m-log", "r2", "A R²", 0.94, 0.123456, 12, "50 % | more"),
    ComparedNumber("Table 5, h0", "input.q1", "p", "p-value", 3.59e-43, None, None, "no result"),
    ComparedNumber("", "of_another", "what", "what", 2.0, -1.5e-7, 9, ""),
)
ZOO = Comparison("jiang2019", "nin", 216, "nin@0123456789ab", 12, ("width: 8", "l2_x: 0"), NUMBERS)
NONE = Comparison("zhao2021", "vgg", None, numbers=NUMBERS[1:2])
SILENT = Comparison("novak2018", "mlp", 1152, "mlp@ba9876543210", 1152)


def test_markdown_says_what_zoo_it_is_and_shows_both_numbers():
    text = render_comparison([ZOO, NONE, SILENT])
    first, second, third = re.split(r"\n(?=\*\*)", text)
    assert first.splitlines() == [
        "**jiang2019: nin**",
        "",
        "Zoo nin@0123456789ab: 12 networks; 216 networks in full. Cut down:",
        "",
        "- width: 8",
        r"- l2\_x: 0",
        "",
        "| Where | Printed as | Paper | Ours | Networks of ours | Remark |",
        "| --- | --- | --- | --- | --- | --- |",
        r"| Table 1, qrt+log | A R² | 0.94 | 0.1235 | 12 | 50 % \| more |",
        "| Table 5, h0 | p-value | 3.59e-43 | – | – | no result |",
        r"| of\_another | what | 2 | -1.5e-07 | 9 |  |",
    ]
    assert second.splitlines()[:3] == ["**zhao2021: vgg**", "", "No zoo at hand; size not known."]
    assert third.splitlines()[2:] == [
        "Zoo mlp@ba9876543210: 1152 networks; 1152 networks in full. "
        "The paper prints no number of it. No setting differs."
    ]


def test_csv_has_one_unrounded_row_for_each_number():
    rows = list(csv.DictReader(io.StringIO(render_comparison([ZOO, NONE, SILENT], "csv"))))
    assert [row["row"] for row in rows] == ["m-log", "input.q1", "of_another", "input.q1"]
    assert tuple(rows[0]) == FIELDS
    assert rows[0] == {
        **{"paper": "jiang2019", "collection": "nin", "place": "Table 1, qrt+log"},
        **{"row": "m-log", "statistic": "r2", "printed": "0.94", "ours": "0.123456"},
        **{"zoo": "nin@0123456789ab", "networks": "12", "networks_in_full": "216"},
        **{"cut_down": "width: 8; l2_x: 0", "remark": "50 % | more"},
    }
    assert (rows[3]["ours"], rows[3]["zoo"], rows[3]["networks"]) == ("", "", "")


def test_latex_is_escaped_and_whole():
    text = render_comparison([ZOO, SILENT], "latex")
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1
    assert "% width: 8\n" in text
    assert r"Table 1, qrt+log & A R$^2$ & 0.94 & 0.1235 & 12 & 50 \% | more \\" in text
    assert r"of\_another" in text
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    assert [len(re.findall(r"(?<!\\)&", row)) for row in body] == [5, 5, 5]


def test_an_unknown_format_lists_near_ones():
    with pytest.raises(ResultError, match="did you mean 'markdown'"):
        render_comparison([ZOO], "markdwn")


def test_json_holds_what_csv_holds():
    rows = json.loads(render_comparison([ZOO, NONE], "json"))
    read = list(csv.DictReader(io.StringIO(render_comparison([ZOO, NONE], "csv"))))
    assert [list(row) for row in rows] == [list(FIELDS)] * 4
    texts = [{name: "" if x is None else str(x) for name, x in row.items()} for row in rows]
    assert texts == read
