"""Command `demogen leaderboard pack`; what it needs is imported when it is called."""

from pathlib import Path

import click

from demogen import cli_options
from demogen._util.reporting import tell
from demogen._util.writable import check_can_write
from leaderboard.cli import options


@click.command()
@options.results("Folder of result files.")
@click.option(
    "--into",
    type=options.FOLDER,
    required=True,
    help="Folder that the packed files go to; of the same zoos, they replace packed ones there.",
)
@cli_options.outcome
def pack(results: Path, into: Path) -> None:
    """Pack a folder of results into one small Parquet file a zoo.

    Nothing is lost: whatever reads a folder of results reads the packed one, too, and finds the
    same results to the last digit. Who submitted them comes along.

    \b
    Example:
      demogen leaderboard pack --results results --into packed
    """
    from leaderboard.results.pack_folder import pack_folder

    check_can_write(into, folder=True)
    packed, written = pack_folder(results, into)
    size = sum(path.stat().st_size for path in written)
    zoos = len({result.zoo_digest for result in packed})
    tell(
        f"packed {len(packed)} results into {into}, {size:,} bytes",
        results=len(packed),
        zoos=zoos,
        into=into,
        written=written,
        bytes=size,
    )
