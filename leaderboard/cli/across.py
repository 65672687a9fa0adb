"""Command `demogen leaderboard across`; what it needs is imported when it is called."""

from pathlib import Path

import click

from demogen import cli_options
from demogen._util.reporting import note
from demogen._util.text import say_table
from demogen._util.writable import check_can_write
from leaderboard.cli import options


@click.command()
@options.results("Folder of result files; default: those published with demogen.", default=None)
@options.target
@click.option(
    "--figure",
    type=options.FILE,
    help="Also draw the critical-difference diagram to this .png, .svg or .pdf.",
)
@cli_options.output_format()
@cli_options.quiet
def across(
    results: Path | None, target: str, figure: Path | None, output_format: str | None
) -> None:
    """Rank predictors over all zoos that there are results on.

    Mean ranks with Friedman's test and Nemenyi's critical difference, and how often a predictor
    beats another on a zoo by more than chance. Predictors count that have a result on each zoo, and
    zoos once each, by the split that ranks.

    \b
    Example:
      demogen leaderboard across --results results
      demogen leaderboard across --results results --figure across.svg --format csv
    """
    from demogen.format.printing import chosen_format
    from leaderboard.figures.critical_difference import draw_critical_difference
    from leaderboard.figures.style import check_format
    from leaderboard.pages.across_tables import notes, printed_across
    from leaderboard.results.result import PUBLISHED, read_results
    from leaderboard.results.standings import across as over_zoos

    chosen = chosen_format(output_format)
    if figure is not None:
        check_format(figure.suffix.lstrip("."))
        check_can_write(figure)
    standing = over_zoos(read_results(results or PUBLISHED), target)
    say_table(printed_across(standing, chosen), chosen)
    if chosen not in ("text", "markdown"):
        for line in notes(standing):
            note(line)
    if figure is not None:
        draw_critical_difference(standing, figure)
        note(f"wrote {figure}")
