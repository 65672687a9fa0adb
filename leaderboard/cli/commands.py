"""Commands `demogen evaluate` and `demogen leaderboard`; what they need is imported when called."""

from pathlib import Path

import click

from leaderboard.cli.paper import paper
from leaderboard.cli.submission import merge, submit, validate


@click.command()
@click.argument("predictors", nargs=-1, metavar="[PREDICTOR]...")
@click.option(
    "--zoo",
    "zoos",
    multiple=True,
    required=True,
    help="A folder, a zoo built here, or owner/name[@revision] on the Hub; repeated, a pool.",
)
@click.option("--revision", help="Tag, branch or commit of a single zoo on the Hub.")
@click.option("--split", "splits", multiple=True, help="May be repeated; default: all of the zoo.")
@click.option(
    "--target",
    default="gap",
    show_default=True,
    help="Or test_accuracy, test_cross_entropy, test_normalized_cross_entropy.",
)
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder for the result files.",
)
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True)
@click.option("--device", default="cpu", show_default=True, help="Where networks are measured.")
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for signatures, instead of this machine's.",
)
def evaluate(
    predictors: tuple[str, ...],
    zoos: tuple[str, ...],
    revision: str | None,
    splits: tuple[str, ...],
    target: str,
    results: Path,
    workers: int,
    device: str,
    cache: Path | None,
) -> None:
    """Measure a zoo, judge predictors on its splits, write results and print the table.

    Without a PREDICTOR, all installed ones are judged. Parameters of a measure may be given as in
    "normalized-loss(p=1)".

    \b
    Example:
      demogen evaluate mean-gap unit-sparsity --zoo digits --workers 2
      demogen evaluate unit-sparsity --zoo digits --zoo owner/name@v1 --split leave-zoo-out
    """
    from demogen.measuring.predictor import list_predictors
    from demogen.zoo.pool import open_zoos
    from leaderboard.pages.tables import render
    from leaderboard.results.evaluation import benchmark
    from leaderboard.results.predictor_names import predictor_called
    from leaderboard.results.result import write_result

    chosen = [predictor_called(name) for name in predictors or list_predictors()]
    found = benchmark(
        chosen,
        open_zoos(zoos, revision),
        target,
        splits or None,
        workers=workers,
        device=device,
        cache=cache,
        progress=True,
    )
    for result in found:
        write_result(result, results)
    click.echo(render(found), nl=False)
    click.echo(f"{len(found)} results in {results}", err=True)


@click.command()
@click.argument("name", required=False)
@click.option("--list", "listed", is_flag=True, help="Name all figures, and what they need.")
@click.option(
    "--zoo",
    "zoos",
    multiple=True,
    help="A folder, a zoo built here, or owner/name[@revision] on the Hub; repeated, a pool.",
)
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder of result files.",
)
@click.option(
    "--network", "networks", multiple=True, help="Id; repeated. Default: a spread over the gap."
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A .png, .svg or .pdf file.  [default: NAME.png]",
)
@click.option(
    "--train-accuracy",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="From it on a network fits its training set (figures of novak2018).",
)
@click.option("--device", default="cpu", show_default=True, help="Where networks are measured.")
def figure(
    name: str | None,
    listed: bool,
    zoos: tuple[str, ...],
    results: Path,
    networks: tuple[str, ...],
    output: Path | None,
    train_accuracy: float,
    device: str,
) -> None:
    """Draw the figure NAME of a paper from a zoo, from results, or from both.

    \b
    Example:
      demogen figure --list
      demogen figure jiang2019-margins --zoo digits --output margins.pdf
      demogen figure zhao2021-ssr --results results
    """
    from leaderboard.figures.catalog import find_figure, listing
    from leaderboard.figures.sources import Sources
    from leaderboard.results.result import read_results, write_file

    if listed or name is None:
        click.echo(listing())
        return
    chosen = find_figure(name)
    zoo = None
    if zoos:
        from demogen.zoo.pool import open_zoos

        zoo = open_zoos(zoos)
    found = read_results(results) if chosen.from_results else ()
    path = output or Path(f"{name}.png")
    sources = Sources(zoo, found, networks, train_accuracy, device)
    write_file(path, chosen.draw(sources, path.suffix.lstrip(".")))
    click.echo(f"wrote {path}")


@click.group()
def leaderboard() -> None:
    """Publish results, and check results of others.

    \b
    Example:
      demogen leaderboard build --results results --site leaderboard-site
    """


for _command in (merge, paper, submit, validate):
    leaderboard.add_command(_command)


@leaderboard.command()
@click.option(
    "--results",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Folder of result files; default: those published with demogen.",
)
@click.option(
    "--site",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("leaderboard-site"),
    show_default=True,
    help="Folder of the page: new, empty, or made by this command.",
)
@click.option(
    "--markdown",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Also put the table between <!-- leaderboard --> and <!-- /leaderboard --> of this file.",
)
@click.option(
    "--figure",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also draw predictions against the truth to this .png or .svg (one zoo and target).",
)
def build(results: Path | None, site: Path, markdown: Path | None, figure: Path | None) -> None:
    """Make the page of a folder of results, with its tables as Markdown, CSV and LaTeX.

    \b
    Example:
      demogen leaderboard build --results results --site leaderboard-site
    """
    from leaderboard.figures import predicted_against_true
    from leaderboard.pages.markers import between_marks
    from leaderboard.pages.site import write_site
    from leaderboard.pages.tables import render
    from leaderboard.results.result import PUBLISHED, read_results, write_file

    found = read_results(results or PUBLISHED)
    if figure is not None:
        predicted_against_true(found, figure)
        click.echo(f"wrote {figure}")
    if markdown is not None:
        text = markdown.read_text(encoding="utf-8")
        write_file(markdown, between_marks(text, "leaderboard", render(found)).encode())
        click.echo(f"wrote the table in {markdown}")
    click.echo(f"wrote {write_site(found, site)}")


@leaderboard.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--zoo",
    "zoos",
    multiple=True,
    help="Hold split, targets and folds against this zoo too; repeated, against their pool.",
)
@click.option("--refit/--no-refit", default=True, help="Fit installed predictors again.")
def verify(files: tuple[Path, ...], zoos: tuple[str, ...], refit: bool) -> None:
    """Check that result FILES hold what they claim.

    \b
    Example:
      demogen leaderboard verify results/*/*/gap/*.json --zoo digits
    """
    from leaderboard.results.result import read_result
    from leaderboard.results.verification import verify as check

    zoo = None
    if zoos:
        from demogen.zoo.pool import open_zoos

        zoo = open_zoos(zoos)
    for file in files:
        for line in check(read_result(file), zoo, refit=refit):
            click.echo(f"{file}: {line}")


@leaderboard.command()
@click.argument("first", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("second", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--statistic", default="r2", show_default=True, help="Or mse, pearson, kendall, ...")
def compare(first: Path, second: Path, statistic: str) -> None:
    """Say whether the predictor of one result file is better than that of another, or lucky.

    Both are judged on the same 1,000 bootstrap draws of whole configurations.

    \b
    Example:
      demogen leaderboard compare results/…/unit-sparsity.json results/…/mean-gap.json
    """
    from leaderboard.results.paired_bootstrap import pair
    from leaderboard.results.result import read_result

    one, other = read_result(first), read_result(second)
    found = pair(one, other, statistic)
    difference = found.difference
    click.echo(
        f"{statistic} of {one.predictor} less that of {other.predictor}, {one.split} of "
        f"{one.zoo}: {difference.estimate:.3f}, 95 % interval {difference.low:.3f} to "
        f"{difference.high:.3f}; {one.predictor} is better in {found.first_better:.1%} of the draws"
    )
