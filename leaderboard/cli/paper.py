"""The command `demogen leaderboard paper`; what it needs is imported when called."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from demogen import cli_options
from demogen._util.text import say, say_table
from leaderboard.cli import options

if TYPE_CHECKING:
    from demogen.schema.collections import PublishedCollection
    from demogen.zoo.zoo import Zoo


@click.command()
@options.results(
    "Folder of result files; default: none, only what the papers print and zoos record.",
    default=None,
)
@cli_options.zoos(
    "A zoo whose differences from the paper's collection are named: a folder, a zoo built here, or "
    "owner/name[@revision] on the Hub; may be repeated."
)
@cli_options.output_format(also=("latex",))
def paper(results: Path | None, zoos: tuple[str, ...], output_format: str | None) -> None:
    """Print every number of the papers beside ours, and how our zoos differ from theirs.

    \b
    Example:
      demogen leaderboard paper --results results --zoo zoos/nin-cifar10
      demogen leaderboard paper --format csv
    """
    from demogen.format.printing import chosen_format, frame_bytes
    from demogen.zoo.zoo import load_zoo
    from leaderboard.papers.comparison import ZooAtHand, compare
    from leaderboard.papers.tables import comparison_table, render_comparison
    from leaderboard.results.result import read_results

    chosen = chosen_format(output_format)
    by_digest = {zoo.digest: zoo for zoo in map(load_zoo, zoos)}
    opened = [by_digest[digest] for digest in sorted(by_digest)]
    at_hand = [ZooAtHand(zoo.name, zoo.digest, zoo.table) for zoo in opened]
    ours = read_results(results) if results else []
    comparison = compare(ours, known_collections(opened), at_hand)
    if chosen == "parquet":
        say_table(frame_bytes(comparison_table(comparison), chosen), chosen)
    else:
        say(render_comparison(comparison, chosen), nl=False)


def known_collections(zoos: "Sequence[Zoo]") -> "list[PublishedCollection]":
    """Collections that installed packages offer, and those that only a zoo's manifest describes."""
    from demogen.schema.collections import PublishedCollection, published_collections

    offered = published_collections({zoo.name for zoo in zoos})
    known = {collection.name: collection for collection in offered}
    for zoo in zoos:
        described_by_zoo = PublishedCollection(
            name=zoo.name,
            paper=zoo.manifest.paper,
            networks=None,
            printed_results=zoo.manifest.printed_results,
        )
        known.setdefault(zoo.name, described_by_zoo)
    return [known[name] for name in sorted(known)]
