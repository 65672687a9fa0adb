import csv
import dataclasses
import io
import json
import math

import pandas as pd
import pytest

from demogen.format.printing import FORMATS
from leaderboard.pages.across_tables import (
    duels_csv,
    facts,
    printed_across,
    standings_csv,
    standings_frame,
    verdicts,
)
from leaderboard.results.standings import across
from leaderboard.scoring.friedman import friedman, ranks_of_rows


@pytest.fixture(scope="module")
def standing(across_results):
    return across(across_results)


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_data_is_unrounded_and_whole(standing):
    found = rows(standings_csv(standing))
    assert [row["predictor"] for row in found] == [one.predictor for one in standing.standings]
    for row, one in zip(found, standing.standings, strict=True):
        assert float(row["mean_rank"]) == one.mean_rank
        assert (row["target"], row["claimed"]) == ("gap", "False")
        assert [float(row[f"rank_{zoo}"]) for zoo in ("first", "second", "third")] == list(
            one.ranks
        )
        counts = [int(row[name]) for name in ("wins", "losses", "ties")]
        assert counts == [one.wins, one.losses, one.ties]
    duels = rows(duels_csv(standing))
    assert len(duels) == 9
    assert [float(row["p_holm"]) for row in duels] == [one.adjusted for one in standing.duels]
    assert {row["winner"] for row in duels} <= {"", *(row["predictor"] for row in found)}


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_has_every_predictor(standing, format):
    made = printed_across(standing, format)
    if format == "parquet":
        frame = pd.read_parquet(io.BytesIO(made))
        pd.testing.assert_frame_equal(frame, standings_frame(standing).reset_index())
    elif format == "json":
        assert [row["place"] for row in json.loads(made)] == [1, 2, 3]
    else:
        text = made.decode()
        assert text.count("strong") == 1
        if format == "markdown":
            assert '| a\\|b&lt;i&gt;" |' in text
        if format != "csv":
            assert f"{standing.critical_difference:.3f}" in text
            assert "Left out: alone: no R² of all on second, third." in text


def test_the_numbers_of_the_tests_are_said(standing):
    said = dict(facts(standing))
    assert (said["Predictors, k"], said["Zoos, N"]) == ("3", "3")
    assert said["Critical difference at 5 %"] == f"{2.3437 * math.sqrt(12 / 18):.3f}"
    # The same order on all zoos.
    assert said["Friedman's χ² (2)"] == "6.00, p = 0.0498"
    assert said["Iman and Davenport's F (2, 4)"] == "∞, p = 0.0278"


def test_the_verdict_is_no_more_than_the_tests_show(standing):
    assert "lie less than 1.914 apart are not told apart (Nemenyi)" in verdicts(standing)[0]
    assert "(1,000 draws)" in verdicts(standing)[-1]
    assert "over all 9 comparisons" in verdicts(standing)[-1]
    wide = dataclasses.replace(standing, critical_difference=2.5)
    assert (
        "these differ by at most 2, less than the critical difference of 2.500"
        in (verdicts(wide)[0])
    )
    chance = friedman(ranks_of_rows([[3, 2, 1], [1, 2, 3], [2, 3, 1]]))
    assert chance.f_p_value > 0.05
    by_chance = dataclasses.replace(standing, test=chance)
    assert verdicts(by_chance)[0].startswith("It is not shown that the predictors differ at all")
    tied = dataclasses.replace(standing, test=friedman(ranks_of_rows([[1, 1], [2, 2]])))
    assert verdicts(tied)[0] == "All predictors tie on each zoo."
    assert dict(facts(tied))["Friedman's χ² (1)"] == "–"
    few = dataclasses.replace(
        standing,
        data_sets=tuple(dataclasses.replace(one, draws=300) for one in standing.data_sets),
    )
    assert verdicts(few)[-1].endswith("all are ties.")


def test_what_is_only_claimed_is_marked(standing):
    claimed = dataclasses.replace(standing.standings[0], claimed=True)
    marked = dataclasses.replace(standing, standings=(claimed, *standing.standings[1:]))
    assert "strong (claimed)" in printed_across(marked, "text").decode()
    assert "claimed" not in printed_across(standing, "text").decode()
