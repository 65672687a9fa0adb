"""Command `demogen leaderboard compare`; what it needs is imported when it is called."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from demogen import cli_options
from demogen._util.reporting import tell
from leaderboard.cli import options

if TYPE_CHECKING:
    from leaderboard.results.result import Result


@click.command()
@click.argument("first")
@click.argument("second", required=False)
@options.results(
    "Folder of results of named ones; default: those published with demogen.", default=None
)
@options.target
@click.option(
    "--statistic",
    default="r2",
    show_default=True,
    help="Score to compare by: r2, mse, pearson, kendall, ...",
)
@cli_options.outcome
def compare(
    first: str, second: str | None, results: Path | None, target: str, statistic: str
) -> None:
    """Say whether the predictor FIRST is better than SECOND, or than the best of all others.

    Each is a result file, or the name of a predictor that there are results of. On every zoo both
    are scored on the same 1,000 bootstrap draws of whole configurations: what holds in nearly all
    of them is not luck.

    \b
    Example:
      demogen leaderboard compare unit-sparsity mean-gap --results results
      demogen leaderboard compare results/…/unit-sparsity.json results/…/mean-gap.json
      demogen leaderboard compare results/…/unit-sparsity.json
    """
    from leaderboard.results.opponents import pairs
    from leaderboard.results.paired_bootstrap import in_words, pair
    from leaderboard.results.result import PUBLISHED, Result, Results, read_results

    one = _given(first)
    other = None if second is None else _given(second)
    in_files = isinstance(one, Result) and isinstance(other, Result)
    known = Results() if in_files else read_results(results or PUBLISHED)
    for here, there in pairs(one, other, known, target):
        pairing = pair(here, there, statistic)
        difference = pairing.difference
        tell(
            in_words(here, there, statistic, pairing),
            statistic=statistic,
            first=here.predictor,
            second=there.predictor,
            zoo=here.zoo,
            split=here.split,
            difference=difference.estimate,
            low=difference.low,
            high=difference.high,
            first_better=pairing.first_better,
        )


def _given(name: str) -> "Result | str":
    """The result in a file, or the name of a predictor."""
    from leaderboard.results.folders import PACKED
    from leaderboard.results.result import read_result

    if name.endswith(PACKED):
        raise click.UsageError(
            f"{name} holds results of many predictors; name one, and the folder of the file with "
            "--results"
        )
    return read_result(Path(name)) if name.endswith(".json") else name
