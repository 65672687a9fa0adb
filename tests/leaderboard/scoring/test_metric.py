"""The table of scores: what follows from one entry, and the document that lists them."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from demogen.errors import ResultError
from leaderboard.scoring import scores
from leaderboard.scoring.scores import METRICS
from tests.readme_tables import scores_table

DOCUMENT = Path(__file__).parents[3] / "docs" / "leaderboard.md"

ENTRY = """
    median_error: Annotated[
        Finite | None,
        Metric(
            POOLED,
            median,
            "Median absolute error out of fold.",
            heading="Median error",
            direction="down",
            text=digits,
            resampled=medians,
        ),
    ] = None


METRICS:"""


def median(targets, predictions):
    return float(np.median(np.abs(np.subtract(targets, predictions))))


def medians(targets, predictions, counts):
    errors = np.abs(targets - predictions)
    return np.array([np.median(np.repeat(errors, row)) for row in counts])


@pytest.fixture
def with_one_more():
    """Import modules of a leaderboard whose table of scores has one more entry."""
    kept = {name: module for name, module in sys.modules.items() if is_ours(name)}
    text = Path(scores.__file__).read_text(encoding="utf-8").replace("\n\nMETRICS:", ENTRY, 1)
    table = ModuleType(scores.__name__)
    table.__dict__.update(median=median, medians=medians)
    try:
        forget()
        sys.modules[table.__name__] = table
        exec(compile(text, scores.__file__, "exec"), table.__dict__)
        yield importlib.import_module
    finally:
        forget()
        sys.modules.update(kept)


def forget():
    for name in list(filter(is_ours, sys.modules)):
        del sys.modules[name]


def is_ours(name):
    return name.split(".")[0] == "leaderboard"


def test_a_new_score_is_one_entry(results, with_one_more):
    more = with_one_more("leaderboard")
    verification = with_one_more("leaderboard.results.verification")
    columns = with_one_more("leaderboard.results.columns")
    ranking = with_one_more("leaderboard.results.ranking")
    paired = with_one_more("leaderboard.results.paired_bootstrap")
    [stored] = (one.to_json() for one in results if one.split == "grouped-kfold-10")

    result = more.Result.from_json(stored, "here")
    scored = with_one_more("leaderboard.scoring").score(result.score_inputs())
    forged = result.model_copy(update={"scores": scored.model_copy(update={"median_error": 0.0})})
    with pytest.raises(ResultError, match="it claims median_error 0.0, but its predictions give"):
        verification.check_scores(forged)
    result = result.model_copy(update={"scores": scored})
    verification.check_scores(result)

    error = scored.median_error
    pooled = result.score_inputs().pooled
    assert error == np.median(np.abs(np.subtract(pooled.targets, pooled.predictions)))
    assert scored.intervals["median_error"].low < error < scored.intervals["median_error"].high
    [table] = ranking.ranked_tables([result])
    assert table.rows[0].median_error == error
    [column] = [column for column in columns.COLUMNS if column.key == "median_error"]
    assert column.text(table.rows[0]) == columns.digits(error)
    assert "| Median error ↓ |" in more.render([result])
    assert more.Results([result]).to_frame()["median_error"].tolist() == [error]
    assert paired.pair(result, result, "median").first_better == 0.5


def test_the_document_lists_every_score():
    assert scores_table() in DOCUMENT.read_text(encoding="utf-8")
    assert all(metric.explanation.endswith(".") for metric in METRICS.values())
