"""Write generated tables anew: the demo's leaderboard, its columns, scores, the predictors' index.

Run by hand after `make demo`: .venv/bin/python tests/readme_tables.py
"""

import textwrap
from pathlib import Path

import baselines
from leaderboard import render
from leaderboard.pages.markers import between_marks
from leaderboard.results.ranking import COLUMNS
from leaderboard.results.result import read_results
from leaderboard.scoring import METRICS

ROOT = Path(__file__).parents[1]
PREDICTORS = ROOT / "docs" / "predictors"


def main():
    columns = [f"- **{column.heading}**: {column.explanation}" for column in COLUMNS]
    parts = {
        "leaderboard": render(read_results(ROOT / "demo" / "results")),
        "columns": "\n".join(
            textwrap.fill(line, 100, subsequent_indent="  ", break_on_hyphens=False)
            for line in columns
        ),
    }
    write(ROOT / "README.md", parts)
    write(PREDICTORS / "README.md", {"index": index()})
    write(ROOT / "docs" / "leaderboard.md", {"scores": scores_table()})


def index():
    """One row a predictor, in the order of the baselines, with the page that describes it."""
    pages = {path.stem: path.read_text() for path in sorted(PREDICTORS.glob("*.md"))}
    rows = ["| predictor | paper | reads | cost | page |", "| --- | --- | --- | --- | --- |"]
    for predictor in baselines.ALL:
        measure = predictor.measure
        page = next(
            name
            for name, text in pages.items()
            if name != "README" and f"\n| `{predictor.name}`" in text
        )
        rows.append(
            f"| `{predictor.name}` | {predictor.paper or '–'} | {measure.access} | {measure.cost} "
            f"| [{page}]({page}.md) |"
        )
    return "\n".join(rows)


def scores_table():
    """One row a score: its name in result files, what it is, and where it is not defined."""
    rows = ["| score | what it is | not defined |", "| --- | --- | --- |"]
    rows += [
        f"| `{name}` | {metric.explanation} | {metric.undefined} |"
        for name, metric in METRICS.items()
    ]
    return "\n".join(rows)


def write(path, parts):
    text = path.read_text()
    for name, content in parts.items():
        text = between_marks(text, name, content)
    path.write_text(text)


if __name__ == "__main__":
    main()
