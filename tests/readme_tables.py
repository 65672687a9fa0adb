"""Write generated tables anew: digits zoo, columns, scores, the index of predictors.

Run by hand after `make demo`, with the results of the same commit on another machine, if there are
any: .venv/bin/python tests/readme_tables.py [OTHER_RESULTS]
"""

import re
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

from scipy.stats import kendalltau, rankdata, spearmanr

import baselines
from leaderboard import render
from leaderboard.pages.markers import between_marks
from leaderboard.results.columns import COLUMNS
from leaderboard.results.result import read_results
from leaderboard.scoring import METRICS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DIGITS = ROOT / "docs" / "digits.md"
PREDICTORS = ROOT / "docs" / "predictors"


class Cells(NamedTuple):
    """What the short tables show of a predictor."""

    rank: int | str
    reads: str
    r2: str


def main():
    whole = render(read_results(ROOT / "demo" / "results"))
    write(DIGITS, {"leaderboard": whole})
    if len(sys.argv) > 1:
        other = render(read_results(Path(sys.argv[1])))
        write(DIGITS, {"machines": machines(whole, other)})
        write(README, {"best": best(whole, other)})
    parts = {"columns": other_columns(), "scores": scores_table()}
    write(ROOT / "docs" / "leaderboard.md", parts)
    write(PREDICTORS / "README.md", {"index": index()})


def digest(table):
    """First digits of the digest of the zoo that a rendered table is of."""
    return re.search(r"sha256 ([0-9a-f]{12})\)", table)[1]


def cells(table):
    """Predictor → its cells, in the order of the ranks."""
    rows = [line.split(" | ") for line in table.splitlines() if re.match(r"\| \d", line)]
    return {row[1]: Cells(int(row[0].strip("| ")), row[3], row[4]) for row in rows}


def best(whole, other):
    """The ten best predictors in five columns, and how much their ranks and R² move."""
    here, there = cells(whole), cells(other)
    rows = [
        "| Rank | Predictor | Reads | R² | R² (rank) on another machine |",
        "| ---: | --- | --- | ---: | ---: |",
    ]
    for name in list(here)[:10]:
        mine, theirs = here[name], there.get(name)
        moved = f"{theirs.r2} ({theirs.rank})" if theirs else "–"
        rows.append(f"| {mine.rank} | {name} | {mine.reads} | {mine.r2} | {moved} |")
    return "\n".join([*rows, "", *paragraph(moves(whole, other))])


def moves(whole, other):
    """How the ranks of two tables differ, in words."""
    here, there = cells(whole), cells(other)
    # Among those that both tables have: a rank among more is another number.
    here, there = among(here, there), among(there, here)
    ranks = [(here[name].rank, there[name].rank) for name in here]
    rho, tau = spearmanr(ranks)[0], kendalltau(*zip(*ranks, strict=True))[0]
    most = max(here, key=lambda name: abs(here[name].rank - there[name].rank))
    return (
        "Ranks move between machines, because training rounds differently on each: the recipe "
        f"gave zoo {digest(whole)} on one and, some commits before, zoo {digest(other)} on "
        f"another. Over {len(here)} predictors the ranks agree with Spearman's ρ = {rho:.2f} and "
        f"Kendall's τ = {tau:.2f}; the largest move is that of {most}, from {here[most].rank} to "
        f"{there[most].rank} (R² {here[most].r2} and {there[most].r2}), and unit-sparsity has "
        f"{here['unit-sparsity'].r2} and {there['unit-sparsity'].r2}."
    )


def among(table, other):
    """Predictor → its cells, of those that another table has, ranked among them alone."""
    kept = {name: cells for name, cells in table.items() if cells.rank != "–" and name in other}
    kept = {name: cells for name, cells in kept.items() if other[name].rank != "–"}
    ranks = rankdata([cells.rank for cells in kept.values()], method="min")
    return {
        name: cells._replace(rank=int(rank))
        for (name, cells), rank in zip(kept.items(), ranks, strict=True)
    }


def machines(whole, other):
    """All predictors on both machines."""
    here, there = cells(whole), cells(other)
    rows = [
        f"| Predictor | Rank ({digest(whole)}) | Rank ({digest(other)}) "
        f"| R² ({digest(whole)}) | R² ({digest(other)}) |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, mine in here.items():
        theirs = there.get(name, Cells("–", "–", "–"))
        rows.append(f"| {name} | {mine.rank} | {theirs.rank} | {mine.r2} | {theirs.r2} |")
    return "\n".join([*paragraph(moves(whole, other)), "", *rows])


def paragraph(text):
    return textwrap.wrap(text, 128, break_on_hyphens=False)


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
    """One row a score: its name in result files, its column, what it is, where it is undefined."""
    rows = ["| score | column | what it is | not defined |", "| --- | --- | --- | --- |"]
    rows += [
        f"| `{name}` | {metric.heading} | {metric.explanation} | {metric.undefined} |"
        for name, metric in METRICS.items()
    ]
    return "\n".join(rows)


def other_columns():
    """What the columns mean that are no scores, one line each."""
    lines = [
        f"- **{column.heading}**: {column.explanation}"
        for column in COLUMNS
        if column.key not in METRICS
    ]
    return "\n".join(
        textwrap.fill(line, 128, subsequent_indent="  ", break_on_hyphens=False) for line in lines
    )


def write(path, parts):
    text = path.read_text()
    for name, content in parts.items():
        text = between_marks(text, name, content)
    path.write_text(text)


if __name__ == "__main__":
    main()
