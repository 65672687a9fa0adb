"""Commands of `demogen leaderboard` for submissions; what they need is imported when called."""

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from demogen import cli_options
from leaderboard.cli import options

if TYPE_CHECKING:
    from demogen.measuring.options import MeasuringOptions
    from demogen.zoo.base import NetworkSet

_folder = click.argument("folder", type=click.Path(path_type=Path))
_zoos_to_compare = cli_options.zoos(
    "Compare splits, targets and folds with those of this zoo; repeated, also of the pool of all."
)


@click.command()
@click.argument("predictor")
@cli_options.zoos_to_read(required=True)
@options.splits
@options.target
@click.option("--authors", multiple=True, required=True, help="An author; may be repeated.")
@click.option("--paper", help="Short name of the paper (default: what the predictor says).")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    required=True,
    help="Where the submission goes; must be empty or not there.",
)
@click.option("--hub", metavar="OWNER/NAME", help="Open a pull request on this dataset repository.")
@cli_options.endpoint
@cli_options.measuring
def submit(
    predictor: str,
    zoos: tuple[str, ...],
    revision: str | None,
    images: Path | None,
    splits: tuple[str, ...],
    target: str,
    authors: tuple[str, ...],
    paper: str | None,
    folder: Path,
    hub: str | None,
    endpoint: str | None,
    **running: "Unpack[MeasuringOptions]",
) -> None:
    """Check, measure and score PREDICTOR, and write it as a folder to submit.

    PREDICTOR is an installed name, module:attribute, or file.py:attribute; a file is copied into
    the submission.

    \b
    Example:
      demogen leaderboard submit my_package:MINE --zoo digits --authors "A. Author" --folder mine
      demogen leaderboard submit mine.py:MINE --zoo owner/name@v1 --authors "A. Author" \\
          --folder mine --hub owner/leaderboard
    """
    from demogen.zoo.pool import open_zoos
    from leaderboard.submissions import submitting

    request = submitting.SubmissionRequest(predictor, authors, paper, target, splits or None)
    running["progress"] = True
    zoo = open_zoos(zoos, revision, images=images)
    submission = submitting.submit(request, zoo, folder, click.echo, **running)
    click.echo(f"wrote {folder}")
    if hub is None:
        click.echo(submitting.how_to_propose(submission, folder))
    else:
        click.echo(f"pull request: {submitting.propose(submission, folder, hub, endpoint)}")


@click.command()
@_folder
@_zoos_to_compare
@click.option(
    "--against",
    type=options.EXISTING_FOLDER,
    help="Folder of the results already there; default: those published with demogen.",
)
@click.option(
    "--run-code",
    is_flag=True,
    help="Run the submitted code: measure a sample of networks again (needs --zoo).",
)
@click.option(
    "--sample",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="How many networks are measured again.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    help="Decides which networks are drawn; keep it to yourself.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=600.0,
    show_default=True,
    help="How long the submitted code may run.",
)
@click.option(
    "--memory",
    type=click.IntRange(1),
    default=4096,
    show_default=True,
    help="How much memory the submitted code may use, in MB.",
)
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
    opened = _each_and_pool(zoos)
    contents, report = check(folder, opened, against)
    for line in report:
        click.echo(f"{folder}: {line}")
    if run_code:
        from leaderboard.submissions.rerun import Sample, remeasure
        from leaderboard.submissions.rerun_isolation import Limits

        networks = Sample(sample, seed, Limits(seconds, memory))
        for line in remeasure(contents, opened, networks):
            click.echo(f"{folder}: {line}")


@click.command()
@_folder
@click.option(
    "--into",
    "results",
    type=options.FOLDER,
    required=True,
    help="Folder of the results already there.",
)
@_zoos_to_compare
def merge(folder: Path, results: Path, zoos: tuple[str, ...]) -> None:
    """Validate the submission in FOLDER and copy its results to those already there.

    \b
    Example:
      demogen leaderboard merge mine --into results --zoo digits
    """
    from leaderboard.submissions.merging import merge as copy
    from leaderboard.submissions.validation import validate as check

    contents, report = check(folder, _each_and_pool(zoos), results)
    for line in report:
        click.echo(f"{folder}: {line}")
    for path in copy(contents, results):
        click.echo(f"wrote {path}")


def _each_and_pool(zoos: tuple[str, ...]) -> "list[NetworkSet]":
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
