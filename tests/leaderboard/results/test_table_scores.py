import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import leaderboard
from demogen.errors import PredictorError, TableError
from demogen.format.splits import make_splits
from leaderboard.results.table_scores import columns_of, score_table
from leaderboard.results.verification import verify
from tests.published_tables import DZIUGAITE_FACTORS, PGDL_FACTORS, at_hand, dziugaite, table

PUBLISHED = {
    "pgdl-task1": {"VPM_1": 0.060701, "VPM_80": 0.056105, "WCV": 0.277451, "VR": 0.093163},
    "pgdl-task2": {"VPM_1": 0.064400, "VPM_80": 0.168425, "WCV": 0.374414, "VR": 0.195815},
}


@pytest.fixture
def frame():
    """24 configurations, two copies each; the names of its columns collide with ours."""
    draw = np.random.default_rng(0)
    rows = [(zoo, gap, copy) for gap in (1, 2, 4) for zoo in "abcdefgh" for copy in (0, 1)]
    truth = np.array([0.1 * ord(zoo) / 97 + 0.02 * gap for zoo, gap, _ in rows])
    return pd.DataFrame(
        {
            "net": [f"{number:02d}" for number in range(len(rows))],
            "zoo": [zoo for zoo, _, _ in rows],
            "gap": [gap for _, gap, _ in rows],
            "configuration": [copy for _, _, copy in rows],
            "gen error": truth + draw.normal(0, 0.002, len(rows)),
            "good": truth,
            "2": draw.normal(size=len(rows)),
        }
    )


def scored(frame, **changed):
    settings = {
        "id": "net",
        "target": "gen error",
        "factors": ["zoo", "gap"],
        "measures": {"good": ["good"], "both": ["good", "2"]},
    }
    return score_table(frame, **(settings | changed))


@at_hand
@pytest.mark.parametrize("task", PUBLISHED)
def test_published_scores_of_a_competition_come_out(task):
    results = score_table(
        table(task),
        id="model",
        factors=PGDL_FACTORS[task],
        measures=list(PUBLISHED[task]),
        splits=["kfold-10"],
    )
    found = {result.predictor: result.scores.measure_pgdl / 100 for result in results}
    assert found == pytest.approx(PUBLISHED[task], abs=1e-6)


@at_hand
def test_the_references_of_a_paper_come_out():
    """Of one of its six measures; the statistics of all six are tested where they are computed."""
    name = "inverse_margin"
    expected = table("dziugaite2020-references").set_index("measure").loc[name]
    (result,) = score_table(
        dziugaite(),
        target="gen.gap",
        factors=DZIUGAITE_FACTORS,
        measures={name: f"complexity.{name}"},
        test_images=10_000,
        splits=["kfold-10"],
    )
    assert len(result.targets) == 4836
    scores = result.scores
    assert 2 * scores.measure_sign_error_environments == expected["pap_true_n"]
    assert scores.measure_sign_error_max == pytest.approx(expected["pap_true_max"], abs=1e-6)
    assert scores.measure_sign_error_mean == pytest.approx(expected["pap_true_mean"], abs=1e-6)
    assert scores.measure_kendall == pytest.approx(expected["tau_scipy"], abs=1e-6)
    assert scores.measure_spearman == pytest.approx(expected["rho_scipy"], abs=1e-6)
    (column,) = scores.columns.values()
    assert column.r2 == pytest.approx(expected["pearson_scipy"] ** 2, abs=1e-6)


def test_results_are_those_of_a_zoo_with_the_same_numbers(frame, make):
    """Splits, folds and every score, down to the last bit."""
    zoo = make.zoo(20, factors={"width": lambda number: 2 ** (number % 3)})
    features = make.features(zoo)
    own = zoo.table.join(features).reset_index()
    found = score_table(
        own,
        factors=["width"],
        configuration="configuration",
        measures={"p": list(features)},
        test_images=1797,
    )
    expected = make.results(zoo, "p", splits=sorted(zoo.splits))
    assert [result.split for result in found] == [result.split for result in expected]
    assert "leave-width-out" in [result.split for result in found]
    for one, other in zip(found, expected, strict=True):
        assert one.split_digest == other.split_digest
        assert one.folds == other.folds
        assert one.model == other.model
        ours, theirs = one.scores.model_dump(), other.scores.model_dump()
        assert {name for name in ours if ours[name] != theirs[name]} == set()


def test_a_factor_is_a_column_whatever_its_name(frame):
    results = scored(frame)
    splits = {result.split: result for result in results.select(predictor="good")}
    assert set(splits) == {
        *("kfold-10", "grouped-kfold-10", "holdout-100", "leave-zoo-out", "leave-gap-out")
    }
    assert len(splits["leave-zoo-out"].folds) == 8
    assert set(splits["kfold-10"].factors) == {"zoo", "gap"}
    assert splits["kfold-10"].targets["00"] == frame["gen error"][0]
    assert splits["kfold-10"].factors["gap"]["47"] == 4
    assert len(set(splits["kfold-10"].configurations.values())) == 24
    grouped = splits["grouped-kfold-10"]
    fold_of = {network: fold.fold for fold in grouped.folds for network in fold.ids}
    assert all(fold_of[f"{n:02d}"] == fold_of[f"{n + 1:02d}"] for n in range(0, 48, 2))
    by_copy = scored(frame, configuration=["configuration"], splits=["kfold-10"])
    assert set(by_copy[0].configurations.values()) == {"[0]", "[1]"}
    numbered = frame.rename(columns={"zoo": 7, "2": 2})
    again = scored(numbered, factors=[7, "gap"], measures={"good": "good", "both": ["good", 2]})
    assert set(again[0].factors) == {"7", "gap"}
    assert [one.scores.r2_pooled for one in again.select(split="kfold-10")] == [
        one.scores.r2_pooled for one in results.select(split="kfold-10")
    ]


def test_the_digest_is_of_networks_and_not_of_measures(frame):
    digest = scored(frame)[0].zoo_digest
    assert scored(frame.sample(frac=1, random_state=1), measures=["2"])[0].zoo_digest == digest
    assert scored(frame.set_index("net"))[0].zoo_digest == digest
    other = frame.assign(gap=frame["gap"] + 1)
    assert scored(other)[0].zoo_digest != digest
    assert scored(frame, factors=["zoo"])[0].zoo_digest != digest


def test_networks_without_a_value_are_dropped_as_a_benchmark_drops_them(frame):
    frame.loc[[3, 5], "2"] = [np.nan, np.inf]
    good, both = scored(frame, splits=["kfold-10"])
    assert (len(good.targets), len(both.targets)) == (48, 46)
    assert both.dropped == {"03": "no value of 2", "05": "no value of 2"}
    rendered = leaderboard.render([good, both])
    assert "the mean target outside of its fold stands in" in rendered


def test_results_are_written_read_checked_and_shown(frame, tmp_path):
    results = scored(frame, name="my table")
    for result in results:
        leaderboard.write_result(result, tmp_path / "results")
    read = leaderboard.read_results(tmp_path / "results")
    assert sorted(read, key=lambda r: r.path) == sorted(results, key=lambda r: r.path)
    assert "not fitted again: its signatures are columns" in verify(read[0])[-1]
    page = leaderboard.write_site(read, tmp_path / "site")
    assert "my table" in page.read_text(encoding="utf-8")
    of_good = next((tmp_path / "site").rglob("*good*.html")).read_text(encoding="utf-8")
    assert "demogen score &#39;my table.csv&#39; --target &#39;gen error&#39; --id net" in of_good
    assert "demogen evaluate" not in of_good


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"target": "gen_error"}, r"no column of table 'gen_error'; did you mean 'gen error'\?"),
        ({"id": "nett"}, r"no column of table 'nett'; did you mean 'net'"),
        ({"factors": ["zooo"]}, r"no column of table 'zooo'; did you mean 'zoo'"),
        ({"measures": ["god"]}, r"no column of table 'god'; did you mean 'good'"),
        ({"configuration": "copy"}, r"no column of table 'copy'"),
        ({"id": "zoo"}, r"'zoo' does not tell networks apart \(a, b, c and 5 more more than once"),
        ({"target": "zoo"}, r"target 'zoo' of 00 is 'a', and must be a number"),
        ({"measures": {"x": "zoo"}}, r"measure 'zoo' of 00 is 'a', and must be a number"),
        ({"measures": {}}, "no measure is named"),
        ({"measures": {"x": []}}, "measure 'x' lacks its name or its columns"),
        ({"measures": ["good", "good"]}, "two measures are called 'good'"),
        ({"measures": {"x": ["good", "good"]}}, "measure 'x' names a column twice"),
        ({"splits": ["kfold10"]}, "no split of table 'kfold10'; did you mean 'kfold-10'"),
        ({"test_images": 0}, "test_images is 0"),
        ({"test_images": 2.5}, "test_images is 2.5; give how many"),
        ({"test_images": "500"}, "test_images is '500'; give how many"),
    ],
)
def test_what_is_asked_for_wrongly_is_one_clear_line(frame, changed, message):
    with pytest.raises(TableError, match=message) as raised:
        scored(frame, **changed)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("column", "rows", "value", "message"),
    [
        ("net", [1], "00", r"does not tell networks apart \(00 more than once\)"),
        ("net", [1], None, "a row has no 'net'"),
        ("gen error", [1, 2], np.nan, r"2 of 48 networks have no finite 'gen error' \(01, 02\)"),
        ("gen error", [3], np.inf, r"1 of 48 networks have no finite 'gen error' \(03\)"),
        ("good", [4], "n/a", "measure 'good' of 04 is 'n/a', and must be a number"),
        ("gap", [5], np.inf, "factor 'gap' of 05 is inf; write a word for it"),
    ],
)
def test_bad_tables_are_one_clear_line(frame, column, rows, value, message):
    frame = frame.astype(object)
    frame.loc[rows, column] = value
    with pytest.raises(TableError, match=message) as raised:
        scored(frame)
    assert "\n" not in str(raised.value)


def test_percentages_are_not_told_apart_by_a_number_of_images(frame):
    # Every pair of gaps would count as surely different.
    percent = frame.assign(**{"gen error": 100 * frame["gen error"]})
    with pytest.raises(TableError, match=r"target 'gen error' of 4\d is 1\d\.\d+, no accuracy or"):
        scored(percent, test_images=500)
    assert scored(percent, splits=["kfold-10"])[0].scores.measure_sign_error_max is None
    result = scored(frame, splits=["kfold-10"], test_images=np.int64(500))[0]
    assert result.test_images == 500


def test_the_text_that_makes_texts_of_a_column_is_named(frame):
    texts = frame["good"].map(str).where(frame.index != 4, "-")
    with pytest.raises(TableError, match="measure 'good' of 04 is '-', and must be a number"):
        scored(frame.assign(good=texts))


def test_a_column_too_small_for_its_coefficient_is_one_line(frame):
    tiny = frame.assign(good=frame["good"] * 1e-310)
    with pytest.raises(
        PredictorError, match="coefficient of its linear model is too large for a double"
    ) as raised:
        scored(tiny, measures=["good"], splits=["kfold-10"])
    assert "\n" not in str(raised.value)
    assert "good" in str(raised.value)


def test_what_is_no_table_of_pandas_is_named(frame):
    with pytest.raises(TableError, match=r"^table is a dict; give a pandas\.DataFrame$"):
        scored(frame.to_dict("list"))


def test_empty_and_small_tables_and_double_columns(frame):
    for few in (frame.head(0), frame.head(2)):
        with pytest.raises(TableError, match=rf"has {len(few)} networks; scores need 3 or more"):
            scored(few)
    many = pd.DataFrame({"net": range(50_001), "gen error": 0.5, "zoo": 1, "gap": 1, "good": 1})
    with pytest.raises(TableError, match="has 50001 rows; scores are of 50000 at most"):
        scored(many)
    assert {result.split for result in scored(frame.head(19))} == {"leave-one-out"}
    twice = pd.concat([frame, frame["good"]], axis=1)
    with pytest.raises(TableError, match="two columns are called 'good'"):
        scored(twice)
    with pytest.raises(TableError, match="table has 0 networks"):
        scored(pd.DataFrame())
    numbered = scored(frame, id=None, splits=["kfold-10"])[0]
    assert list(numbered.targets)[:2] == ["row 01", "row 02"]
    assert columns_of("VR") == {"VR": ["VR"]}


def test_levels_may_be_missing_words_or_mixed(frame):
    frame["zoo"] = frame["zoo"].where(frame["zoo"] != "a", None)
    frame["gap"] = frame["gap"].astype("Int64").where(frame["gap"] != 2)
    result = scored(frame, splits=["leave-gap-out"])[0]
    assert [fold.ids[0] for fold in result.folds] == ["16", "00", "32"]
    assert set(result.factors["gap"].values()) == {None, 1, 4}
    assert make_splits(frame.set_index("net"), factors=["gap"])["leave-gap-out"].tests == tuple(
        tuple(fold.ids) for fold in result.folds
    )


WITHOUT_TORCH = """
import sys
import pandas
import leaderboard

frame = pandas.DataFrame({"id": range(30), "gap": range(30), "m": range(1, 31), "bs": [1, 2] * 15})
results = leaderboard.score_table(frame, factors=["bs"], measures=["m"])
assert results[0].scores.fit_r2 > 0.999
leaderboard.render(results)
assert "torch" not in sys.modules, "torch was imported"
"""


def test_no_torch_is_imported():
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH], check=True)
