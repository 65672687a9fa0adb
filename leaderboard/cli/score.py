"""The command `demogen score`; what it needs is imported when called."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import click

from demogen import cli_options
from demogen._util.names import from_commas
from demogen._util.reporting import note
from demogen._util.text import say_table
from demogen._util.writable import check_can_write
from leaderboard.cli import options

if TYPE_CHECKING:
    from leaderboard.results.result import Results

FEWEST_GROUPS = 10
"""Configurations that grouped folds need."""


@click.command()
@click.argument("table", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--id",
    help="Column that tells networks apart.  [default: id where there is one, else rows are "
    "numbered]",
)
@click.option("--target", default="gap", show_default=True, help="Column of what is predicted.")
@click.option("--factors", default="", help="Columns of settings, with commas between.")
@click.option(
    "--measures",
    required=True,
    help="What to score, with commas between: a column, or NAME=COLUMN+COLUMN for several "
    "together.",
)
@click.option(
    "--configuration",
    help="Columns in which copies of one configuration agree, with commas between.  [default: the "
    "factors]",
)
@click.option(
    "--test-images",
    type=click.IntRange(1),
    help="How many images each test accuracy in the target is of; for robust sign errors.",
)
@options.splits
@click.option("--json", "json_file", type=options.FILE, help="Write all scores to this file.")
@click.option(
    "--results",
    type=options.FOLDER,
    help="Folder that result files are written to, for `demogen leaderboard build`.",
)
@cli_options.output_format()
@cli_options.quiet
def score(
    table: Path,
    id: str | None,
    target: str,
    factors: str,
    measures: str,
    configuration: str | None,
    test_images: int | None,
    splits: tuple[str, ...],
    json_file: Path | None,
    results: Path | None,
    output_format: str | None,
) -> None:
    """Score the measures in TABLE, a .csv or .parquet file with a row a network.

    Every measure is scored as it stands, and fitted by least squares on splits that are made as
    those of a zoo are. No network is needed.

    \b
    Example:
      demogen score networks.csv --id model --factors bs,depth --measures VR,both=VR+WCV
      demogen score networks.csv --id model --factors bs --measures VR --results results
    """
    from demogen.format.printing import chosen_format
    from demogen.format.table_files import read_table
    from leaderboard.pages.printing import printed, scores_json
    from leaderboard.results.packed_places import check_places
    from leaderboard.results.places import note_places
    from leaderboard.results.result import write_file, write_result
    from leaderboard.results.table_scores import score_table

    chosen = chosen_format(output_format)
    if json_file is not None:
        check_can_write(json_file)
    if results is not None:
        check_can_write(results, folder=True)
    frame = read_table(table, id)
    scored = score_table(
        frame,
        id=id,
        target=target,
        factors=from_commas(factors),
        measures=_measures(measures, frame.columns),
        configuration=None if configuration is None else from_commas(configuration),
        test_images=test_images,
        splits=splits or None,
        name=table.name.removesuffix(".gz").rpartition(".")[0],
    )
    if results is not None:
        check_places(scored, results)
    if json_file is not None:
        write_file(json_file, scores_json(scored))
    if results is not None:
        for result in scored:
            write_result(result, results)
        note_places(results, scored, [str(table)])
        note(f"{len(scored)} results in {results}")
    say_table(printed(scored, chosen), chosen)
    for line in _remarks(scored):
        note(line)


def _measures(text: str, columns: Collection[str]) -> dict[str, list[str]]:
    """Name → columns; what is a column's name as a whole is that column."""
    measures: dict[str, list[str]] = {}
    for item in from_commas(text):
        name, equals, of = item.partition("=")
        if item in columns or not equals:
            name, of = item, item
        if name in measures:
            raise click.UsageError(f"--measures names {name!r} twice")
        measures[name] = [of] if of in columns else of.split("+")
    return measures


def _remarks(scored: "Results") -> list[str]:
    """What a reader must know of the networks."""
    lines = []
    for result in {result.predictor: result for result in scored}.values():
        if result.dropped:
            network, reason = min(result.dropped.items())
            lines.append(
                f"{result.predictor}: {len(result.dropped)} networks left out ({network}: {reason})"
            )
    first = scored[0]
    groups = len(set(first.configurations.values()))
    if groups < FEWEST_GROUPS <= len(first.configurations):
        lines.append(
            f"the networks make {groups} configurations, too few to keep copies together in ten "
            "folds; name all settings that differ by --factors, or by --configuration"
        )
    return lines
