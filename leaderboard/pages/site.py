"""The leaderboard as a folder of static pages: an index, a page a predictor, and data files."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from urllib.parse import quote

from demogen.errors import ResultError
from leaderboard.pages.index import index_page
from leaderboard.pages.predictor import predictor_page
from leaderboard.pages.tables import render
from leaderboard.pages.views import STANDARD, views
from leaderboard.results.ranking import COLUMNS, RankedTable, ranked_tables
from leaderboard.results.result import Result, file_name, held_out, write_file

ASSETS = Path(__file__).parent / "assets"

GENERATOR = "demogen leaderboard build"
"""Marks an index as ours: only a folder with such an index is written over."""

FILES = {
    "data/leaderboard.csv": ("csv", "CSV"),
    "data/leaderboard.md": ("markdown", "Markdown"),
    "data/leaderboard.tex": ("latex", "LaTeX"),
}
"""Address of a data file → format and name; each holds the whole table."""

BY_SPLIT = "data/by-split.csv"


def write_site(
    results: Sequence[Result],
    folder: Path,
    *,
    references: Mapping[str, str] | None = None,
) -> Path:
    """Write the leaderboard as a folder that can be opened from disk or served as it is.

    The same results always give the same bytes. Pages of predictors that are no longer among the
    results are removed.

    Args:
        results: of any zoos and targets.
        folder: new, empty, or written by this function before.
        references: paper → BibTeX.

    Returns:
        The index.

    Raises:
        ResultError: no results, results that contradict each other, a folder that holds other
            things, or no way to write.
    """
    if not results:
        raise ResultError("no results to make a site of; `demogen evaluate` makes some")
    _check(folder)
    contents = dict(_contents(results, references or {}))
    index = contents.pop("index.html")
    for address, content in contents.items():
        write_file(folder / address, content)
    _remove_others(folder, {folder / address for address in contents})
    # Last, so that an index never leads to a page that is not there yet.
    write_file(folder / "index.html", index)
    return folder / "index.html"


def _contents(
    results: Sequence[Result], references: Mapping[str, str]
) -> Iterator[tuple[str, bytes]]:
    found = ranked_tables(results)
    names = sorted({row.predictor for table in found for row in table.rows})
    for path in sorted(ASSETS.rglob("*")):
        if path.is_file() and path.suffix != ".md":
            yield f"assets/{path.relative_to(ASSETS).as_posix()}", path.read_bytes()
    for address, (format, _) in FILES.items():
        yield address, render(results, format).encode()
    yield BY_SPLIT, _by_split(found).encode()
    for name in names:
        paper = next(result.paper for result in results if result.predictor == name)
        predictions = f"data/predictions/{file_name(name)}.csv"
        page = predictor_page(
            name,
            found,
            f"../{quote(predictions)}",
            GENERATOR,
            references.get(paper, ""),
        )
        yield f"predictors/{file_name(name)}.html", page.encode()
        yield predictions, _predictions(name, found).encode()
    hrefs = {name: f"predictors/{quote(file_name(name))}.html" for name in names}
    files = [(address, what) for address, (_, what) in FILES.items()]
    files.append((BY_SPLIT, "CSV of every split"))
    yield "index.html", index_page(found, hrefs, files, GENERATOR).encode()


def _by_split(found: Sequence[RankedTable]) -> str:
    """Every score on every split, unrounded."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["zoo", "target", "split", *(column.key for column in COLUMNS)])
    for view in views(found):
        if view.split != STANDARD:
            writer.writerow([view.zoo, view.target, view.split, *astuple(view.row)])
    return text.getvalue()


def _predictions(name: str, found: Sequence[RankedTable]) -> str:
    """Out-of-fold predictions, unrounded; the many of holdouts stand in the result files."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["zoo", "zoo_digest", "target", "split", "network", "true", "predicted"])
    for table in found:
        for result in table.results.get(name, {}).values():
            if result.split_kind == "holdout":
                continue
            of = [table.zoo, table.zoo_digest, table.target, result.split]
            for network, prediction in sorted(held_out(result).items()):
                writer.writerow([*of, network, result.targets[network], prediction])
    return text.getvalue()


def _check(folder: Path) -> None:
    """Refuse a folder in which something else may lie."""
    try:
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return
        index = folder / "index.html"
        ours = index.is_file() and f'content="{GENERATOR}"'.encode() in index.read_bytes()
    except OSError as error:
        raise ResultError(f"{folder}: cannot be read: {error.strerror or error}") from error
    if not ours:
        raise ResultError(
            f"{folder} holds other things than a leaderboard; name a new or an empty folder"
        )


def _remove_others(folder: Path, kept: set[Path]) -> None:
    """Remove pages and predictions of predictors that there are no results of any more."""
    for pattern in ("predictors/*.html", "data/predictions/*.csv"):
        for path in sorted(folder.glob(pattern)):
            if path not in kept:
                path.unlink()
