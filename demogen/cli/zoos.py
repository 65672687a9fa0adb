"""Commands `push`, `pull`, `info` and `cite`; what they need is imported when called."""

from pathlib import Path

import click

from demogen import cli_options as options
from demogen._util.reporting import shows_progress, tell
from demogen._util.text import say
from demogen.format.printing import print_frame


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("target")
@click.option("--private", is_flag=True, help="Make the Hub repository private.")
@click.option("--tag", help="Name of a tag to put on the revision once it is published.")
@click.option(
    "--pr", "pull_request", is_flag=True, help="Propose the zoo by a pull request instead."
)
@options.endpoint
@options.outcome
def push(
    folder: Path,
    target: str,
    private: bool,
    tag: str | None,
    pull_request: bool,
    endpoint: str | None,
) -> None:
    """Publish the zoo in FOLDER: to OWNER/NAME on the Hugging Face Hub, or to a folder.

    Only what changed is sent; an interrupted push is finished by running it again. A target that
    starts with /, . or ~ is a folder.

    \b
    Example:
      demogen push zoos/digits owner/digits --tag v1
      demogen push zoos/digits somebody/digits --pr
      demogen push zoos/digits ./published/digits
    """
    from demogen.zoo import publishing

    pushed = publishing.push(
        folder,
        target,
        endpoint=endpoint,
        private=private,
        tag=tag,
        pull_request=pull_request,
        progress=shows_progress(),
    )
    verb = "proposed" if pushed.proposed else "published"
    unchanged = ", with nothing new to send" if pushed.commit and not pushed.changes else ""
    tell(f"{verb} {folder} to {target}{unchanged}\n{pushed.report()}", **vars(pushed))


@click.command()
@click.argument("source")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@options.revision
@options.endpoint
@options.outcome
def pull(source: str, folder: Path | None, revision: str | None, endpoint: str | None) -> None:
    """Fetch the zoo SOURCE (OWNER/NAME on the Hub, or a folder) and check every byte.

    Without FOLDER it is kept in the Hub's cache. SOURCE may name a revision, as OWNER/NAME@REV.

    \b
    Example:
      demogen pull owner/digits zoos/digits --revision v1
    """
    from demogen.hub import download
    from demogen.zoo.folders import check_may_be_on_hub, folder_of

    if not download.is_folder(source.partition("@")[0]):
        if revision is None and folder_of(source):
            source = f"./{source}"
        elif revision is None:
            source, _, suffix = source.partition("@")
            revision = suffix or None
            check_may_be_on_hub(source, revision=bool(revision))
    pulled = download.pull(source, folder, revision=revision, endpoint=endpoint)
    tell(str(pulled), folder=pulled)


@click.command()
@click.argument("zoo")
@options.revision
@click.option("--verify", is_flag=True, help="Read and check every network.")
@options.output_format("Print the table of its networks instead, in this format.")
def info(zoo: str, revision: str | None, verify: bool, output_format: str | None) -> None:
    """Show what a zoo holds: networks, factors, accuracies, gap, splits, digests.

    \b
    Example:
      demogen info digits
      demogen info digits --format csv
      demogen info owner/digits --revision v1 --verify
    """
    from demogen.description import describe
    from demogen.zoo.zoo import load_zoo

    opened = load_zoo(zoo, revision)
    if output_format is None:
        say(describe(opened))
    else:
        print_frame(opened.table, output_format)
    if verify:
        opened.verify()
        # Where a table goes to standard output, nothing else may.
        say(f"all {len(opened)} networks are as the zoo says", err=output_format is not None)


@click.command()
@click.argument("zoos", nargs=-1, required=True, metavar="ZOO[@REV]...")
@options.revision
@click.option("--split", help="Name of a split to cite as well.")
@click.option(
    "--results",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Folder of a leaderboard's results, whose state is cited as well.",
)
def cite(
    zoos: tuple[str, ...], revision: str | None, split: str | None, results: Path | None
) -> None:
    """Print how to cite a zoo, or a pool of several, a split of it, and a leaderboard.

    As BibTeX, and as one line with commit and digests. ZOO@REV is for a zoo on the Hub. The state
    of a leaderboard is pinned by a digest over all its result files.

    \b
    Example:
      demogen cite digits --split grouped-kfold-10
      demogen cite owner/digits@v1 --split leave-width-out
      demogen cite owner/digits@v1 owner/name@v2 --split leave-zoo-out
      demogen cite digits --split kfold-10 --results results
    """
    from demogen.description import citation
    from demogen.format.results_state import ResultsState
    from demogen.zoo.pool import open_zoos

    state = None if results is None else ResultsState.of(results)
    say(citation(open_zoos(zoos, revision), split, state))
