"""Command `demogen leaderboard audit`; what it needs is imported when it is called."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from demogen import cli_options
from demogen._util.reporting import note, tell, tell_meanwhile
from leaderboard.cli import options

if TYPE_CHECKING:
    from demogen.zoo.base import NetworkSet


@click.command()
@click.option(
    "--sample",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="How many pairs of a predictor and a network are measured again.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Decides which pairs are drawn.",
)
@options.results("Folder of result files; default: those published with demogen.", default=None)
@cli_options.zoos(
    "A zoo that results are of; repeated, also the pool of all. Default: where `evaluate` noted "
    "that they lie."
)
@cli_options.images
@cli_options.outcome
def audit(
    sample: int, seed: int, results: Path | None, zoos: tuple[str, ...], images: Path | None
) -> None:
    """Draw published results and measure them again with the predictors installed here.

    Each is a predictor and a network. Says which agree, within which tolerance; where one does not,
    it is told and the command fails. Results of predictors that are not installed, and of zoos that
    are not at hand, are not drawn.

    \b
    Example:
      demogen leaderboard audit --results results --zoo digits
      demogen leaderboard audit --sample 20 --seed 7 --zoo owner/digits@v1
    """
    from demogen.errors import ResultError
    from leaderboard.results.result import PUBLISHED, read_results
    from leaderboard.submissions import auditing

    folder = PUBLISHED if results is None else results
    published = read_results(folder)
    opened = _opened(zoos, folder, images)
    drawn_from = auditing.population(published, opened)
    for what, why in drawn_from.left_out.items():
        note(f"not drawn: {what}: {why}")
    audited = []
    for one in auditing.audit(drawn_from, opened, sample, seed):
        tell_meanwhile(one.line())
        audited.append(one)
    differing = [one for one in audited if one.fault]
    facts = [{**vars(one), "deviation": _number(one.deviation)} for one in audited]
    agree = len(audited) - len(differing)
    found = (
        f"{agree} of {len(audited)} drawn agree (seed {seed}; {drawn_from.networks:,} pairs of "
        f"{len(drawn_from.results):,} results): {auditing.TOLERANCE}"
    )
    tell(found, agree=agree, audited=facts, seed=seed, pairs=drawn_from.networks)
    if differing:
        first = differing[0]
        raise ResultError(
            f"{len(differing)} of {len(audited)} results measured again do not agree, the first "
            f"{first.predictor} on {first.network} of {first.zoo}; evaluate again, or take the "
            "result out"
        )


def _opened(zoos: tuple[str, ...], folder: Path, images: Path | None) -> "list[NetworkSet]":
    """The zoos given, and their pool; else those noted beside the results, as far as they open."""
    from demogen.errors import DemogenError
    from demogen.zoo.pool import open_zoos
    from leaderboard.cli.submission import each_and_pool
    from leaderboard.results.places import read_places

    if zoos:
        return each_and_pool(zoos, images)
    opened: list[NetworkSet] = []
    for noted in dict.fromkeys(map(tuple, read_places(folder).zoos.values())):
        try:
            opened.append(open_zoos(noted, images=images))
        except DemogenError as error:
            note(f"not at hand: {error}")
    return opened


def _number(deviation: float | None) -> float | None:
    return deviation if deviation is not None and math.isfinite(deviation) else None
