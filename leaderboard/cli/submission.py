"""Commands of `demogen leaderboard` for submissions; what they need is imported when called."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import click

from demogen import cli_options
from demogen._util.reporting import shows_progress, tell, tell_meanwhile
from demogen._util.writable import check_can_write
from leaderboard.cli import options

if TYPE_CHECKING:
    from datetime import datetime

    from demogen.measuring.options import MeasuringOptions
    from demogen.zoo.base import NetworkSet
    from leaderboard.results.origins import Unseen
    from leaderboard.results.permutation import PermutationTest
    from leaderboard.submissions.folder import Contents
    from leaderboard.submissions.merging import Confirmed
    from leaderboard.submissions.rerun import Remeasured

PERMUTING = 300.0
"""Seconds, by count, that the permutations of a result may take where nobody asks for more."""

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
@cli_options.outcome
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
    running["progress"] = shows_progress()
    zoo = open_zoos(zoos, revision, images=images)
    submission = submitting.submit(request, zoo, folder, tell_meanwhile, **running)
    tell_meanwhile(f"wrote {folder}")
    facts = {"folder": folder, "predictor": submission.name, "files": len(submission.files)}
    if hub is None:
        tell(submitting.how_to_propose(submission, folder), **facts)
    else:
        address = submitting.propose(submission, folder, hub, endpoint)
        tell(f"pull request: {address}", **facts, pull_request=address)


@click.command()
@_folder
@_zoos_to_compare
@click.option(
    "--against",
    type=options.EXISTING_FOLDER,
    help="Folder of the results already there; default: those published with demogen.",
)
@options.checking
@cli_options.outcome
def validate(
    folder: Path,
    zoos: tuple[str, ...],
    against: Path | None,
    **checking: "Unpack[options.Checking]",
) -> None:
    """Check the submission in FOLDER; without --run-code none of its code is run.

    \b
    Example:
      demogen leaderboard validate mine --zoo digits
      demogen leaderboard validate mine --zoo digits --run-code --sample 10 --seconds 900
    """
    _, confirmed = _checked(folder, zoos, against, checking)
    tell(None, folder=folder, **_facts(confirmed))


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
@click.option(
    "--held-out",
    metavar="ZOO",
    help="Score the submission on this zoo, too, which nobody who submits has (needs --run-code).",
)
@click.option(
    "--day",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Day that the submission was proposed on (default: today).",
)
@options.checking
@cli_options.outcome
def merge(
    folder: Path,
    results: Path,
    zoos: tuple[str, ...],
    held_out: str | None,
    day: "datetime | None",
    **checking: "Unpack[options.Checking]",
) -> None:
    """Validate the submission in FOLDER and copy its results to those already there.

    What was not checked, without --zoo or without --run-code, is marked as claimed in every table.

    \b
    Example:
      demogen leaderboard merge mine --into results --zoo digits --run-code --sample 20
    """
    from leaderboard.submissions.merging import merge as copy

    if held_out and not checking["run_code"]:
        raise click.UsageError("--held-out runs the submitted code on that zoo; give --run-code")
    check_can_write(results, folder=True)
    contents, confirmed = _checked(folder, zoos, results, checking)
    if held_out:
        confirmed = replace(confirmed, unseen=_scored(folder, contents, held_out, checking))
    written = copy(contents, results, confirmed, day.date() if day else None)
    for path in written:
        tell_meanwhile(f"wrote {path}")
    tell(None, folder=folder, into=results, written=written, **_facts(confirmed))


def _facts(confirmed: "Confirmed") -> dict[str, Any]:
    """What was confirmed, for a program."""
    return {
        "zoos": {zoo.name: zoo.digest for zoo in confirmed.zoos},
        "measured_again": {one.zoo_digest: one.again.model_dump() for one in confirmed.again},
        "p": dict(confirmed.chances),
        "held_out": {path: score.model_dump() for path, score in confirmed.unseen.items()},
    }


def _scored(
    folder: Path, contents: "Contents", held_out: str, checking: "options.Checking"
) -> "dict[str, Unseen]":
    """Scores on a zoo that is held out, by `Result.path`."""
    from demogen.zoo.zoo import load_zoo
    from leaderboard.submissions.held_out import score_on_held_out
    from leaderboard.submissions.rerun_isolation import Limits

    limits = Limits(checking["seconds"], checking["memory"])
    scores = score_on_held_out(contents, load_zoo(held_out), limits)
    for path, score in scores.items():
        r2 = "not defined" if score.r2 is None else f"{score.r2:.3f}"
        tell_meanwhile(
            f"{folder}: {path}: R² {r2} on {score.networks} networks held out, {score.missing} of "
            "them not measured"
        )
    return scores


def _checked(
    folder: Path, zoos: tuple[str, ...], against: Path | None, checking: "options.Checking"
) -> "tuple[Contents, Confirmed]":
    """Do all checks that are asked for, and print what each found."""
    from leaderboard.fitting.fit_cost import FitLimit
    from leaderboard.submissions.merging import Confirmed
    from leaderboard.submissions.validation import permutation_tests
    from leaderboard.submissions.validation import validate as check

    if checking["run_code"] and not zoos:
        raise click.UsageError("--run-code measures networks again: of which zoo? give --zoo")
    opened = each_and_pool(zoos)
    limit = None if checking["long_fits"] else FitLimit()
    contents, report = check(folder, opened, against, limit)
    for line in report:
        tell_meanwhile(f"{folder}: {line}")
    again: list[Remeasured] = []
    if checking["run_code"]:
        from leaderboard.submissions.rerun import Sample, remeasure
        from leaderboard.submissions.rerun_isolation import Limits

        limits = Limits(checking["seconds"], checking["memory"])
        again = remeasure(contents, opened, Sample(checking["sample"], checking["seed"], limits))
        for line in (line for one in again for line in one.report):
            tell_meanwhile(f"{folder}: {line}")
    tests: dict[str, PermutationTest] = {}
    untested: dict[str, str] = {}
    if checking["permutations"]:
        permuting = None if checking["long_fits"] else FitLimit(seconds=PERMUTING)
        tests, untested = permutation_tests(contents, checking["permutations"], permuting)
    for path, why in untested.items():
        tell_meanwhile(f"{folder}: {path}: {why}")
    for path, test in tests.items():
        tell_meanwhile(
            f"{folder}: {path}: R² {test.observed:.3f}; p = {test.p:.3g} of {test.permutations} "
            "permutations of the gaps"
        )
    chances = {path: test.p for path, test in tests.items()}
    return contents, Confirmed(tuple(opened), tuple(again), chances)


def each_and_pool(zoos: tuple[str, ...], images: Path | None = None) -> "list[NetworkSet]":
    """Each zoo, and the pool of all where several make one."""
    if not zoos:
        return []
    from demogen.errors import ZooError
    from demogen.zoo.pool import Pool
    from demogen.zoo.zoo import load_zoo

    single = [load_zoo(zoo, images=images) for zoo in zoos]
    try:
        return [*single, Pool(single)]
    except ZooError:
        return [*single]
