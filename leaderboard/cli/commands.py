"""Commands `demogen evaluate`, `figure`, `figures` and `leaderboard`, which import late."""

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click
from click.core import ParameterSource

from demogen import cli_options
from demogen._util.reporting import note, shows_progress, tell
from demogen._util.text import say, say_table
from demogen._util.writable import check_can_write
from leaderboard.cli import options
from leaderboard.cli.across import across
from leaderboard.cli.audit import audit
from leaderboard.cli.chance import chance
from leaderboard.cli.compare import compare
from leaderboard.cli.pack import pack
from leaderboard.cli.paper import paper
from leaderboard.cli.publish import publish
from leaderboard.cli.submission import merge, submit, validate

if TYPE_CHECKING:
    from demogen.measuring.options import MeasuringOptions


@click.command()
@click.argument("names", nargs=-1, metavar="[PREDICTOR]...")
@cli_options.zoos_to_read(required=True)
@cli_options.part
@options.splits
@options.target
@options.results("Folder that the result files are written to.")
@click.option(
    "--signatures",
    type=options.FILE,
    help="A .csv or .parquet file of what was measured, by network id, as `demogen measure --csv` "
    "writes it: nothing is measured.",
)
@cli_options.measuring
@cli_options.output_format()
@cli_options.quiet
@click.pass_context
def evaluate(
    context: click.Context,
    names: tuple[str, ...],
    zoos: tuple[str, ...],
    revision: str | None,
    images: Path | None,
    where: tuple[str, ...],
    limit: int | None,
    splits: tuple[str, ...],
    target: str,
    results: Path,
    signatures: Path | None,
    output_format: str | None,
    **running: "Unpack[MeasuringOptions]",
) -> None:
    """Score predictors on the splits of a zoo, write the results and print the table.

    Networks that were not measured before are measured first, and results that are there and would
    come out the same are left as they are. PREDICTOR is an installed name, which
    `demogen predictors` lists, module:attribute, or file.py:attribute; without one, all that are
    installed are scored. Parameters of a measure may be given, as in "normalized-loss(p=1)". With
    --image-limit the table is printed and no results are written, for results are of all images.

    \b
    Example:
      demogen evaluate mean-gap unit-sparsity --zoo digits --workers 2
      demogen evaluate mine.py:MINE mean-gap --zoo digits
      demogen evaluate unit-sparsity --zoo digits --zoo owner/name@v1 --split leave-zoo-out
      demogen evaluate unit-sparsity --zoo digits --where "corruption == 0" --format csv
    """
    from demogen._util.attributes import names_attribute
    from demogen._util.paths import measurements
    from demogen.format.printing import chosen_format
    from demogen.measuring.named_predictors import predictor_named
    from demogen.measuring.predictor import list_predictors
    from demogen.zoo.part import part_asked
    from demogen.zoo.pool import open_zoos
    from leaderboard.pages.printing import printed
    from leaderboard.results.evaluation import benchmark
    from leaderboard.results.kept import KeptResults
    from leaderboard.results.packed_places import check_places
    from leaderboard.results.places import note_places, places_of

    chosen = chosen_format(output_format)
    predictors = [predictor_named(name) for name in names or list_predictors()]
    sampled = running["image_limit"] is not None
    if sampled and context.get_parameter_source("results") is ParameterSource.COMMANDLINE:
        raise click.UsageError(
            "results are of all images: with --image-limit the table is printed, and --results has "
            "nothing to write; leave out one of them"
        )
    if not sampled:
        check_can_write(results, folder=True)
    running["progress"] = shows_progress()
    whole = open_zoos(zoos, revision, images=images)
    zoo = part_asked(whole, where, limit)
    kept = None if sampled else KeptResults(results, running["cache"] or measurements())
    scored = benchmark(
        predictors, zoo, target, splits or None, signatures=signatures, kept=kept, **running
    )
    if kept is None:
        say_table(printed(scored, chosen), chosen)
        note("no results written: they would be of a sample of the images")
        return
    check_places(scored, results)
    found = kept.write(scored)
    called = zip(predictors, names, strict=False)
    files = {one.name: name for one, name in called if names_attribute(name)}
    note_places(results, scored, places_of(whole, zoos), files)
    say_table(printed(scored, chosen), chosen)
    again = f", {found} of them as they were" if found else ""
    note(f"{len(scored)} results in {results}{again}")


@click.command()
@cli_options.output_format()
def figures(output_format: str | None) -> None:
    """List the figures of the papers that can be drawn, and what each is drawn from.

    \b
    Example:
      demogen figures
      demogen figures --format csv
    """
    from demogen.format.printing import print_frame
    from leaderboard.figures.catalog import figure_table

    print_frame(figure_table(), output_format)


@click.command()
@click.argument("name", required=False)
@click.argument("predictors", nargs=-1)
@cli_options.zoos_to_read()
@options.results("Folder of result files.")
@click.option(
    "--network",
    "networks",
    multiple=True,
    help="Id of a network to show; may be repeated. Default: networks spread over the gap.",
)
@click.option("--output", type=options.FILE, help="A .png, .svg or .pdf file.  [default: NAME.png]")
@click.option(
    "--train-accuracy",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="Training accuracy from which on a network counts as fitting its training set "
    "(figures of novak2018).",
)
@cli_options.measuring
@click.option("--list", "list_only", is_flag=True, hidden=True)
@click.pass_context
def figure(
    context: click.Context,
    name: str | None,
    predictors: tuple[str, ...],
    zoos: tuple[str, ...],
    revision: str | None,
    images: Path | None,
    results: Path,
    networks: tuple[str, ...],
    output: Path | None,
    train_accuracy: float,
    list_only: bool,
    **running: "Unpack[MeasuringOptions]",
) -> None:
    """Draw the figure NAME of a paper from a zoo, from results, or from both.

    `demogen figures` lists the names, as this command does without one. PREDICTORS, named as for
    `evaluate`, are shown in the place of the paper's where the figure compares predictors. Where
    results are lacking and a zoo is given, they are made for the figure, and not kept.

    \b
    Example:
      demogen figure jiang2019-margins --zoo digits --output margins.pdf
      demogen figure jiang2019-predicted unit-sparsity mine.py:MINE --zoo digits --workers 2
      demogen figure zhao2021-ssr --results results
    """
    if list_only or name is None:
        context.invoke(figures, output_format=None)
        return
    from demogen.measuring.named_predictors import predictor_named
    from leaderboard.figures.catalog import find_figure
    from leaderboard.figures.sources import Sources
    from leaderboard.results.folders import result_files
    from leaderboard.results.result import read_results, write_file

    chosen = find_figure(name)
    path = output or Path(f"{name}.png")
    check_can_write(path)
    if running["image_limit"] is not None:
        raise click.UsageError("a figure is drawn from all images; leave out --image-limit")
    asked = context.get_parameter_source("train_accuracy") is ParameterSource.COMMANDLINE
    if asked and not chosen.of_fitted:
        raise click.UsageError(
            f"the figure {name} is of all networks; leave out --train-accuracy, which the figures "
            "of novak2018 take"
        )
    running["progress"] = shows_progress()
    zoo = None
    if zoos:
        from demogen.zoo.pool import open_zoos

        zoo = open_zoos(zoos, revision, images=images)
    # Of a zoo that is given, what lacks is made; a folder that is named has to hold results.
    named = context.get_parameter_source("results") is ParameterSource.COMMANDLINE
    has_some = zoo is None or named or bool(result_files(results))
    sources = Sources(
        zoo,
        read_results(results) if chosen.from_results and has_some else (),
        networks,
        train_accuracy,
        tuple(predictor_named(predictor) for predictor in predictors),
        running,
    )
    write_file(path, chosen.draw(sources, path.suffix.lstrip(".")))
    say(f"wrote {path}")


@click.group()
def leaderboard() -> None:
    """Publish results, and check results of others.

    \b
    Example:
      demogen leaderboard build --results results --site leaderboard-site
    """


_COMMANDS = (across, audit, chance, compare, merge, pack, paper, publish, submit, validate)
for _command in _COMMANDS:
    leaderboard.add_command(_command)


@leaderboard.command()
@options.results("Folder of result files; default: those published with demogen.", default=None)
@click.option(
    "--site",
    type=options.FOLDER,
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
    type=options.FILE,
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
    from leaderboard.results.chances import read_chances
    from leaderboard.results.places import NOWHERE, read_places
    from leaderboard.results.result import PUBLISHED, read_results, write_file

    folder = results or PUBLISHED
    published, chances = read_results(folder), read_chances(folder)
    if figure is not None:
        predicted_against_true(published, figure)
        say(f"wrote {figure}")
    if markdown is not None:
        text = markdown.read_text(encoding="utf-8")
        table = render(published, chances=chances)
        write_file(markdown, between_marks(text, "leaderboard", table).encode())
        say(f"wrote the table in {markdown}")
    places = NOWHERE if results is None else read_places(results)
    say(f"wrote {write_site(published, site, places=places, chances=chances)}")


@leaderboard.command()
@click.argument("files", nargs=-1, required=True, type=options.FILE)
@cli_options.zoos(
    "Also compare split, targets and folds with those of this zoo; repeated, of the pool of all."
)
@click.option(
    "--refit/--no-refit",
    default=True,
    show_default=True,
    help="Fit installed predictors again and compare the predictions.",
)
@click.option(
    "--predictor",
    "predictors",
    multiple=True,
    help="Check the results of this predictor alone; may be repeated. Default: all in the files.",
)
@options.long_fits
@cli_options.outcome
def verify(
    files: tuple[Path, ...],
    zoos: tuple[str, ...],
    refit: bool,
    predictors: tuple[str, ...],
    long_fits: bool,
) -> None:
    """Check that result FILES hold what they claim, or the results packed in Parquet files.

    \b
    Example:
      demogen leaderboard verify results/*/*/gap/*.json --zoo digits
      demogen leaderboard verify packed/*.parquet --predictor unit-sparsity
    """
    from demogen.errors import ResultError
    from leaderboard.fitting.fit_cost import FitLimit
    from leaderboard.results.result import results_in
    from leaderboard.results.verification import verify as check

    limit, zoo = None if long_fits else FitLimit(), None
    if zoos:
        from demogen.zoo.pool import open_zoos

        zoo = open_zoos(zoos)
    missing = set(predictors)
    for file in files:
        for result in results_in(file):
            if predictors and result.predictor not in predictors:
                continue
            missing.discard(result.predictor)
            checked = check(result, zoo, refit=refit, limit=limit)
            what = file if file.suffix == ".json" else f"{file}: {result.path}"
            lines = "\n".join(f"{what}: {line}" for line in checked)
            tell(lines, file=file, result=str(result.path), checked=checked)
    if missing:
        raise ResultError(f"none of the files has a result of {min(missing)!r}")
