"""Commands of `demogen leaderboard` for submissions; what they need is imported when called."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from demogen.zoo.base import NetworkSet

_FOLDER = click.argument("folder", type=click.Path(path_type=Path))
_ZOOS = click.option(
    "--zoo",
    "zoos",
    multiple=True,
    help="Hold splits, targets and folds against this zoo; repeated, also against their pool.",
)
_RESULTS = click.Path(file_okay=False, exists=True, path_type=Path)


@click.command()
@click.argument("predictor")
@click.option(
    "--zoo",
    "zoos",
    multiple=True,
    required=True,
    help="A folder, a zoo built here, or owner/name[@revision] on the Hub; repeated, a pool.",
)
@click.option("--split", "splits", multiple=True, help="May be repeated; default: all of the zoo.")
@click.option("--target", default="gap", show_default=True, help="Or test_accuracy, ...")
@click.option("--authors", multiple=True, required=True, help="May be repeated.")
@click.option("--paper", help="Short name of the paper (default: what the predictor says).")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    required=True,
    help="Where the submission goes; must be empty or not there.",
)
@click.option("--hub", metavar="OWNER/NAME", help="Open a pull request on this dataset repository.")
@click.option("--endpoint", help="Address of another Hub.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True)
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for signatures, instead of this machine's.",
)
def submit(
    predictor: str,
    zoos: tuple[str, ...],
    splits: tuple[str, ...],
    target: str,
    authors: tuple[str, ...],
    paper: str | None,
    folder: Path,
    hub: str | None,
    endpoint: str | None,
    workers: int,
    cache: Path | None,
) -> None:
    """Check, measure and score PREDICTOR, and write it as a folder to submit.

    PREDICTOR is an installed name, module:attribute, or file.py:attribute; a file goes along.

    \b
    Example:
      demogen leaderboard submit my_package:MINE --zoo digits --authors "A. Author" --folder mine
      demogen leaderboard submit mine.py:MINE --zoo owner/name@v1 --authors "A. Author" \\
          --folder mine --hub owner/leaderboard
    """
    from demogen.zoo.pool import open_zoos
    from leaderboard.submissions import submitting

    wish = submitting.SubmissionRequest(predictor, authors, paper, target, splits or None)
    how = {"workers": workers, "cache": cache, "progress": True}
    made = submitting.submit(wish, open_zoos(zoos), folder, click.echo, **how)
    click.echo(f"wrote {folder}")
    if hub is None:
        click.echo(submitting.how_to_propose(made, folder))
    else:
        click.echo(f"pull request: {submitting.propose(made, folder, hub, endpoint)}")


@click.command()
@_FOLDER
@_ZOOS
@click.option(
    "--against",
    type=_RESULTS,
    help="Folder of the results already there; default: those published with demogen.",
)
@click.option("--run-code", is_flag=True, help="Measure a sample of networks again (needs --zoo).")
@click.option("--sample", type=click.IntRange(1), default=5, show_default=True, help="Networks.")
@click.option("--seed", default=0, show_default=True, help="Of the sample: keep it to yourself.")
@click.option(
    "--seconds", type=click.FloatRange(0, min_open=True), default=600.0, show_default=True
)
@click.option("--memory", type=click.IntRange(1), default=4096, show_default=True, help="In MB.")
def validate(
    folder: Path,
    zoos: tuple[str, ...],
    against: Path | None,
    run_code: bool,
    sample: int,
    seed: int,
    seconds: float,
    memory: int,
) -> None:
    """Check the submission in FOLDER; without --run-code none of its code is run.

    \b
    Example:
      demogen leaderboard validate mine --zoo digits
      demogen leaderboard validate mine --zoo digits --run-code --sample 10 --seconds 900
    """
    from leaderboard.submissions.validation import validate as check

    if run_code and not zoos:
        raise click.UsageError("--run-code measures networks again: of which zoo? give --zoo")
    opened = _opened(zoos)
    contents, checked = check(folder, opened, against)
    for line in checked:
        click.echo(f"{folder}: {line}")
    if run_code:
        from leaderboard.submissions.rerun import Sample, remeasure
        from leaderboard.submissions.rerun_isolation import Limits

        drawn = Sample(sample, seed, Limits(seconds, memory))
        for line in remeasure(contents, opened, drawn):
            click.echo(f"{folder}: {line}")


@click.command()
@_FOLDER
@click.option(
    "--into",
    "results",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder of result files.",
)
@_ZOOS
def merge(folder: Path, results: Path, zoos: tuple[str, ...]) -> None:
    """Validate the submission in FOLDER and copy its results where they belong.

    \b
    Example:
      demogen leaderboard merge mine --into results --zoo digits
    """
    from leaderboard.submissions.merging import merge as copy
    from leaderboard.submissions.validation import validate as check

    contents, checked = check(folder, _opened(zoos), results)
    for line in checked:
        click.echo(f"{folder}: {line}")
    for path in copy(contents, results):
        click.echo(f"wrote {path}")


def _opened(zoos: tuple[str, ...]) -> "list[NetworkSet]":
    """Each zoo, and the pool of all where several make one."""
    if not zoos:
        return []
    from demogen.errors import ZooError
    from demogen.zoo.pool import Pool
    from demogen.zoo.zoo import load_zoo

    single = [load_zoo(zoo) for zoo in zoos]
    try:
        return [*single, Pool(single)]
    except ZooError:
        return [*single]
