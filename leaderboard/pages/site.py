"""The leaderboard as a folder of static pages: an index, a page a predictor, and data files.

Where predictors can be compared over several zoos, a page of that, too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from urllib.parse import quote

from demogen.errors import ResultError, os_fault
from leaderboard.pages.across import across_page
from leaderboard.pages.across_tables import duels_csv, standings_csv
from leaderboard.pages.bibliography import installed_bibliography
from leaderboard.pages.index import index_page
from leaderboard.pages.predictor import predictor_page
from leaderboard.pages.table_rows import STANDARD, TableRow, table_rows
from leaderboard.pages.tables import render_tables
from leaderboard.pages.text_tables import csv_table
from leaderboard.results.best_by_chance import with_chances
from leaderboard.results.chances import BestByChance
from leaderboard.results.columns import COLUMNS
from leaderboard.results.comparable import comparable
from leaderboard.results.file_names import file_name
from leaderboard.results.places import NOWHERE, Places
from leaderboard.results.ranking import RankedTable, ranked_tables
from leaderboard.results.result import Result, held_out, write_file
from leaderboard.results.standings import standing_of

ASSETS = Path(__file__).parent / "assets"

GENERATOR = "demogen leaderboard build"

MARK = f'content="{GENERATOR}"'.encode()
"""Marks an index as ours: only a folder or Space with such an index is written over."""

FILES = {
    "data/leaderboard.csv": ("csv", "CSV"),
    "data/leaderboard.md": ("markdown", "Markdown"),
    "data/leaderboard.tex": ("latex", "LaTeX"),
}
"""Address of a data file → format and name; each holds the whole table."""

BY_SPLIT = "data/by-split.csv"

ACROSS = "across.html"


def write_site(
    results: Sequence[Result],
    folder: Path | str,
    *,
    bibliography: Mapping[str, str] | None = None,
    places: Places = NOWHERE,
    chances: Sequence[BestByChance] = (),
) -> Path:
    """Write the leaderboard as a folder that can be opened from disk or served as it is.

    The same results, bibliography and places always give the same bytes. Pages of predictors that
    are no longer among the results are removed.

    Args:
        results: of any zoos and targets.
        folder: new, empty, or written by this function before.
        bibliography: short name of a paper → BibTeX; None: what installed packages offer.
        places: where on this machine what the results are of lies, for the commands on the pages.
        chances: what the best of the predictors has by chance, of any of the tables.

    Returns:
        The index.

    Raises:
        ResultError: no results, results that contradict each other, a folder that holds other
            things, or no way to write.
        DemogenError: the bibliographies of installed packages do not load or contradict each other.
    """
    if not results:
        raise ResultError("no results to make a site of; `demogen evaluate` makes some")
    folder = Path(folder)
    # Resolved, for a part of it that is not there yet hides what lies where ".." leads.
    _check(folder.resolve())
    if bibliography is None:
        bibliography = installed_bibliography()
    tables = with_chances(ranked_tables(results), chances)
    contents = dict(_contents(tables, bibliography, places))
    index = contents.pop("index.html")
    for address, content in contents.items():
        write_file(folder / address, content)
    _remove_others(folder, {folder / address for address in contents})
    # Last, so that an index never leads to a page that is not there yet.
    write_file(folder / "index.html", index)
    return folder / "index.html"


def _contents(
    tables: Sequence[RankedTable], bibliography: Mapping[str, str], places: Places
) -> Iterator[tuple[str, bytes]]:
    """Address and content of every file, the index last."""
    rows = list(table_rows(tables))
    papers = {row.cells.predictor: row.cells.paper for row in reversed(rows)}
    for path in sorted(ASSETS.rglob("*")):
        if path.is_file() and path.suffix != ".md":
            yield f"assets/{path.relative_to(ASSETS).as_posix()}", path.read_bytes()
    for address, (format, _) in FILES.items():
        yield address, render_tables(tables, format).encode()
    yield BY_SPLIT, _by_split(rows).encode()
    for name in sorted(papers):
        predictions = f"data/predictions/{file_name(name)}.csv"
        bibtex = bibliography.get(papers[name], "")
        page = predictor_page(
            name, tables, rows, f"../{quote(predictions)}", GENERATOR, bibtex, places
        )
        yield f"predictors/{file_name(name)}.html", page.encode()
        yield predictions, _predictions(name, tables).encode()
    hrefs = {name: f"predictors/{quote(file_name(name))}.html" for name in papers}
    files = [(address, what) for address, (_, what) in FILES.items()]
    files.append((BY_SPLIT, "CSV of every split"))
    across = dict(_across(tables, hrefs))
    yield from across.items()
    address = ACROSS if across else ""
    yield "index.html", index_page(tables, rows, hrefs, files, GENERATOR, address).encode()


def _across(tables: Sequence[RankedTable], hrefs: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Address and content of the page across zoos and its data; none where none is comparable."""
    targets = dict.fromkeys(table.target for table in tables)
    of_targets = [comparable(tables, target) for target in targets]
    standings = [standing_of(of) for of in of_targets if not of.fault]
    files = {}
    for of in standings:
        name = f"data/across/{file_name(of.target)}"
        files[of.target] = [
            (f"{quote(name)}.csv", "CSV"),
            (f"{quote(name)}-pairs.csv", "CSV of every comparison"),
        ]
        yield f"{name}.csv", standings_csv(of).encode()
        yield f"{name}-pairs.csv", duels_csv(of).encode()
    if standings:
        yield ACROSS, across_page(standings, hrefs, files, GENERATOR).encode()


def _by_split(rows: Sequence[TableRow]) -> str:
    """Every score on every split."""
    return csv_table(
        ["zoo", "target", "split", *(column.key for column in COLUMNS)],
        [
            [row.zoo, row.target, row.split, *astuple(row.cells)]
            for row in rows
            if row.split != STANDARD
        ],
    )


def _predictions(name: str, tables: Sequence[RankedTable]) -> str:
    """Out-of-fold predictions; the many of holdouts stand in the result files."""
    return csv_table(
        ["zoo", "zoo_digest", "target", "split", "network", "true", "predicted"],
        [
            [
                *(table.zoo, table.zoo_digest, table.target, result.split),
                *(network, result.targets[network], prediction),
            ]
            for table in tables
            for result in table.results.get(name, {}).values()
            if result.split_kind != "holdout"
            for network, prediction in sorted(held_out(result).items())
        ],
    )


def _check(folder: Path) -> None:
    """Refuse a folder in which something else may lie."""
    try:
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return
        index = folder / "index.html"
        ours = index.is_file() and MARK in index.read_bytes()
    except OSError as error:
        raise ResultError(f"{folder}: cannot be read: {os_fault(error)}") from error
    if not ours:
        raise ResultError(
            f"{folder} holds other things than a leaderboard; name a new or an empty folder"
        )


def _remove_others(folder: Path, kept: set[Path]) -> None:
    """Remove pages and data that there are no results for any more."""
    for pattern in ("predictors/*.html", "data/predictions/*.csv", "data/across/*.csv", ACROSS):
        for path in sorted(folder.glob(pattern)):
            if path not in kept:
                path.unlink()
