"""Command `demogen leaderboard publish`; what it needs is imported when it is called."""

import tempfile
from pathlib import Path

import click

from demogen import cli_options
from demogen._util.reporting import shows_progress, tell
from leaderboard.cli import options


@click.command()
@click.argument("target", metavar="OWNER/SPACE")
@options.results("Folder of result files; default: those published with demogen.", default=None)
@click.option("--private", is_flag=True, help="Make the Space private, if it is not there yet.")
@cli_options.endpoint
@cli_options.outcome
def publish(target: str, results: Path | None, private: bool, endpoint: str | None) -> None:
    """Make the page of a folder of results, and publish it as a static Space on the Hub.

    A Space that is not there is made. Only changed files are sent, in one commit, and what an
    earlier publication left is removed. A Space that holds anything else is left alone.

    \b
    Example:
      demogen leaderboard publish owner/leaderboard --results results
    """
    from demogen.hub import publish_site
    from leaderboard.pages.site import MARK, write_site
    from leaderboard.pages.space import CARD, is_site_path, public_places, site_files
    from leaderboard.results.chances import read_chances
    from leaderboard.results.places import NOWHERE, read_places
    from leaderboard.results.result import PUBLISHED, read_results

    folder = results or PUBLISHED
    published = read_results(folder)
    places = NOWHERE if results is None else public_places(read_places(results))
    with tempfile.TemporaryDirectory(prefix="demogen-site-") as scratch:
        site = Path(scratch) / "site"
        write_site(published, site, places=places, chances=read_chances(folder))
        made = publish_site(
            site_files(site, Path(scratch) / CARD),
            target,
            f"{len(published)} results",
            mark=MARK,
            may_hold=is_site_path,
            endpoint=endpoint,
            private=private,
            progress=shows_progress(),
        )
    sent = f"{made.changes} files changed" if made.changes else "nothing new to send"
    tell(
        f"published {len(published)} results to {made.address}, {sent}\n  commit  {made.commit}",
        results=len(published),
        **vars(made),
    )
