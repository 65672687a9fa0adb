"""Commands `demogen evaluate` and `demogen leaderboard`; what they need is imported when called."""

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from demogen.errors import ZooError

if TYPE_CHECKING:
    from demogen.predictor import Predictor


@click.command()
@click.argument("predictors", nargs=-1, metavar="[PREDICTOR]...")
@click.option("--zoo", required=True, help="A folder, a zoo built here, or owner/name on the Hub.")
@click.option("--revision", help="Tag, branch or commit of a zoo on the Hub.")
@click.option("--split", "splits", multiple=True, help="May be repeated; default: all of the zoo.")
@click.option("--target", default="gap", show_default=True, help="Or test_accuracy, ...")
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
    zoo: str,
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
    """
    from demogen.predictor import list_predictors
    from demogen.zoo import load_zoo
    from leaderboard.evaluation import benchmark
    from leaderboard.rendering import render
    from leaderboard.results import write_result

    chosen = [predictor_called(name) for name in predictors or list_predictors()]
    found = benchmark(
        chosen,
        load_zoo(zoo, revision),
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


@click.group()
def leaderboard() -> None:
    """Publish results, and check results of others.

    \b
    Example:
      demogen leaderboard build --results results --page leaderboard.html
    """


@leaderboard.command()
@click.option(
    "--results",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Folder of result files; default: those published with demogen.",
)
@click.option(
    "--page",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("leaderboard.html"),
    show_default=True,
)
@click.option(
    "--figure",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also draw predictions against the truth to this .png or .svg (one zoo and target).",
)
def build(results: Path | None, page: Path, figure: Path | None) -> None:
    """Make the page (and a figure) of a folder of results.

    \b
    Example:
      demogen leaderboard build --results results --page leaderboard.html
    """
    from leaderboard.figures import predicted_against_true
    from leaderboard.results import PUBLISHED, read_results
    from leaderboard.site import write_page

    found = read_results(results or PUBLISHED)
    if figure is not None:
        predicted_against_true(found, figure)
        click.echo(f"wrote {figure}")
    write_page(found, page)
    click.echo(f"wrote {page}")


@leaderboard.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--zoo", help="Hold split, targets and folds against this zoo too.")
@click.option("--refit/--no-refit", default=True, help="Fit installed predictors again.")
def verify(files: tuple[Path, ...], zoo: str | None, refit: bool) -> None:
    """Check that result FILES hold what they claim.

    \b
    Example:
      demogen leaderboard verify results/*/*/gap/*.json --zoo digits
    """
    from leaderboard.results import read_result
    from leaderboard.submission import verify as check

    opened = None
    if zoo is not None:
        from demogen.zoo import load_zoo

        opened = load_zoo(zoo)
    for file in files:
        for line in check(read_result(file), opened, refit=refit):
            click.echo(f"{file}: {line}")


def predictor_called(text: str) -> "Predictor":
    """The installed predictor of a name, with parameters of its measure if any are given.

    Args:
        text: "normalized-loss" or "normalized-loss(p=1)"; values are numbers, None, True, False
            or words.

    Raises:
        ZooError: no such predictor or parameter, or no such notation.
    """
    from demogen.predictor import get_predictor

    name, bracket, rest = text.partition("(")
    return (
        get_predictor(name, **_parameters(text, bracket + rest))
        if bracket
        else (get_predictor(name))
    )


def _parameters(text: str, brackets: str) -> dict[str, Any]:
    call = f"f{brackets}"
    try:
        parsed = ast.parse(call, mode="eval").body
    except SyntaxError:
        parsed = None
    match parsed:
        case ast.Call(func=ast.Name(), args=[], keywords=words) if all(w.arg for w in words):
            return {str(word.arg): _value(word.value, call) for word in words}
    raise ZooError(f"{text!r} is no predictor with parameters; write name(key=value,key=value)")


def _value(node: ast.expr, call: str) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.get_source_segment(call, node)
