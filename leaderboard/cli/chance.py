"""Command `demogen leaderboard chance`; what it needs is imported when it is called."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from demogen import cli_options
from demogen._util.reporting import note, tell, tell_meanwhile
from leaderboard.cli import options

if TYPE_CHECKING:
    from leaderboard.results.chances import BestByChance


@click.command()
@click.option(
    "--deals",
    type=click.IntRange(1),
    default=99,
    show_default=True,
    help="How often the targets are dealt out at random.",
)
@cli_options.workers("Processes that fit predictors side by side.")
@options.results("Folder of result files; what is found is written beside them.")
@cli_options.outcome
def chance(deals: int, workers: int, results: Path) -> None:
    """Say how well the best of the predictors of each table would do by chance.

    The targets are dealt out at random among configurations, and every installed predictor is
    fitted to them on every fold; the highest R² of each deal is kept beside the results. `build`
    and `publish` show it as long as the results stay as they are. A predictor takes some 20 ms a
    deal on 100 networks by least squares, and seconds with boosted trees.

    \b
    Example:
      demogen leaderboard chance --results results --workers 2
    """
    from demogen.errors import ResultError
    from leaderboard.results.best_by_chance import best_by_chance, selection_in_words
    from leaderboard.results.chances import write_chances
    from leaderboard.results.ranking import ranked_tables
    from leaderboard.results.result import read_results

    by_zoo: dict[str, list[BestByChance]] = {}
    faults: list[ResultError] = []
    for table in ranked_tables(read_results(results)):
        what = f"{table.target} on {table.zoo}"
        try:
            found = best_by_chance(table, deals=deals, workers=workers)
        except ResultError as error:
            note(f"{what}: left out: {error}")
            faults.append(error)
            continue
        for name, why in found.left_out.items():
            note(f"{what}: {name} was not fitted again: {why}")
        zoo = next(table.ranked()).path.parts[0]
        by_zoo.setdefault(zoo, []).append(found)
        write_chances(results, zoo, by_zoo[zoo])
        tell_meanwhile(f"{what}: {selection_in_words(replace(table, chance=found))}")
    if not by_zoo:
        raise faults[0]
    facts = [
        {
            "zoo_digest": one.zoo_digest,
            "target": one.target,
            "tried": len(one.tried),
            "deals": len(one.best),
            "median": one.median,
            "most": one.best[-1],
            "p": one.p,
        }
        for of_zoo in by_zoo.values()
        for one in of_zoo
    ]
    tell(None, tables=facts)
