import csv
import io
import re

import pytest
from sklearn.dummy import DummyRegressor

from demogen.errors import ResultError
from leaderboard.pages.tables import render
from leaderboard.results.columns import COLUMNS

HOSTILE = '<script>alert("x")</script>|`[a](javascript:b)\n\\_&'


@pytest.fixture(scope="module")
def field(zoo, make):
    """Three predictors on all splits, the best not first by name."""
    return [
        *make.results(zoo, name="average", regressor=DummyRegressor()),
        *make.results(zoo, name="weak", noise=0.3),
        *make.results(zoo, name="strong", noise=0.02),
    ]


def by_split(results, name):
    return {result.split: result for result in results if result.predictor == name}


def test_markdown(field):
    lines = render(field).splitlines()
    assert lines[0] == (
        "**gap on toy (sha256 5a5a5a5a5a5a), ranked by pooled R² on grouped-kfold-10**"
    )
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:] if "|" in line
    ]
    assert {len(row) for row in cells} == {sum(column.brief for column in COLUMNS)}
    assert [row[1] for row in cells[2:]] == ["strong", "weak", "average"]
    best = by_split(field, "strong")["grouped-kfold-10"].scores
    assert cells[2][4] == f"{best.r2_pooled:.3f}"


def test_csv_is_not_rounded(field):
    rows = list(csv.DictReader(io.StringIO(render(field, "csv"))))
    scores = by_split(field, "strong")["grouped-kfold-10"].scores
    assert float(rows[0]["r2_pooled"]) == scores.r2_pooled
    assert rows[0]["zoo_digest"] == "5a" * 32


def test_latex_is_laid_out_as_table_1_of_jiang2019(field, zoo, make):
    other = [
        result.model_copy(update={"zoo": "b_zoo", "zoo_digest": "6b" * 32})
        for result in make.results(zoo, name="weak", noise=0.3)
    ]
    text = render([*field, *other], "latex")
    assert text.count(r"\begin{tabular}{lrrrrrr}") == 1
    lines = [line.removesuffix(r" \\") for line in text.splitlines() if line.endswith(r"\\")]
    head, names, *rows = [line.split(" & ") for line in lines]
    assert head == ["", r"\multicolumn{3}{c}{b\_zoo}", r"\multicolumn{3}{c}{toy}"]
    assert r"\cmidrule(lr){2-4} \cmidrule(lr){5-7}" in text
    assert names == ["Predictor", *["Adj. R$^2$", "R$^2$ k-fold", "RMSE, pp"] * 2]
    assert [row[0] for row in rows] == ["weak", "strong", "average"]
    weak, strong, _ = rows
    scores = by_split(field, "strong")
    assert strong[1:4] == ["--"] * 3
    assert strong[4] == f"{scores['kfold-10'].scores.fit_adjusted_r2:.3f}"
    assert strong[5] == f"{scores['kfold-10'].scores.r2_fold_mean:.3f}"
    assert float(strong[6]) == pytest.approx(
        scores["grouped-kfold-10"].scores.rmse_points, rel=0.005
    )
    assert weak[1:4] == weak[4:]


def test_latex_has_a_table_for_each_target(field, zoo, make):
    accuracy = make.results(zoo, target="test_accuracy")
    text = render([*field, *accuracy], "latex")
    assert text.count(r"\begin{tabular}{lrrr}") == 2
    assert "% test_accuracy on toy" in text


def test_hostile_names_stay_text(zoo, make):
    results = make.results(zoo, name=HOSTILE, splits=["kfold-10"])
    page = render(results, "html")
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;" in page
    row = render(results).splitlines()[4]
    assert "<script" not in row
    assert "\\[a\\](javascript:b) \\\\\\_&amp;" in row
    assert len(re.findall(r"(?<!\\)\|", row)) == sum(column.brief for column in COLUMNS) + 1
    assert r"\textbackslash{}\_\&" in render(results, "latex")
    hostile_zoo = results[0].model_copy(update={"zoo": "<img src=x onerror=y>"})
    assert "<img" not in render([hostile_zoo], "html")
    assert "<img" not in render([hostile_zoo])


def test_unknown_formats_are_refused(field):
    with pytest.raises(ResultError, match="no format 'markdwn'; did you mean 'markdown'"):
        render(field, "markdwn")


def test_nothing_gives_nothing():
    assert render([]) == ""
