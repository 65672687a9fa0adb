"""The command `demogen leaderboard paper`; what it needs is imported when called."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from demogen.schema.collections import PublishedCollection
    from demogen.zoo.zoo import Zoo


@click.command()
@click.option(
    "--results",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Folder of result files; default: none, only what the papers print and zoos record.",
)
@click.option(
    "--zoo",
    "zoos",
    multiple=True,
    help="A zoo at hand, to say what it cut down: a folder, a zoo built here, or "
    "owner/name[@revision] on the Hub; repeated.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "csv", "latex"]),
    default="markdown",
    show_default=True,
)
def paper(results: Path | None, zoos: tuple[str, ...], form: str) -> None:
    """Print every number of the papers beside ours, with what our zoos cut down.

    \b
    Example:
      demogen leaderboard paper --results results --zoo zoos/nin-cifar10
      demogen leaderboard paper --format csv
    """
    from demogen.zoo.zoo import load_zoo
    from leaderboard.papers.comparison import ZooAtHand, compare
    from leaderboard.papers.tables import render_comparison
    from leaderboard.results.result import read_results

    found = read_results(results) if results else []
    by_digest = {zoo.digest: zoo for zoo in map(load_zoo, zoos)}
    opened = [by_digest[digest] for digest in sorted(by_digest)]
    at_hand = [ZooAtHand(zoo.name, zoo.digest, zoo.table) for zoo in opened]
    compared = compare(found, known_collections(opened), at_hand)
    click.echo(render_comparison(compared, form), nl=False)


def known_collections(zoos: "Sequence[Zoo]") -> "list[PublishedCollection]":
    """Collections that installed packages offer, and what zoos of others tell of their own."""
    from demogen.schema.collections import PublishedCollection, published_collections

    offered = published_collections({zoo.name for zoo in zoos})
    known = {collection.name: collection for collection in offered}
    for zoo in zoos:
        told = PublishedCollection(
            name=zoo.name,
            paper=zoo.manifest.paper,
            networks=None,
            printed_results=zoo.manifest.printed_results,
        )
        known.setdefault(zoo.name, told)
    return [known[name] for name in sorted(known)]
