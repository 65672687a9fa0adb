"""The `demogen` command. Nothing heavy is imported before it is needed."""

import os
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Unpack

import click

from demogen import __version__
from demogen import cli_options as options
from demogen._util.terminal import show_everything
from demogen._util.text import one_line, say, say_table
from demogen._util.warned import warnings_in_lines
from demogen._util.writable import check_can_write
from demogen.errors import DemogenError, explain_os_error, naming
from demogen.format.printing import chosen_format, frame_bytes

if TYPE_CHECKING:
    from demogen.measuring.options import MeasuringOptions

COMMANDS = "demogen.commands"
"""Entry-point group: name → click command of another package, loaded when called or listed."""


class _Commands(click.Group):
    """The commands of this package, and those that other packages bring."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_commands_of_packages()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        entry = _commands_of_packages().get(cmd_name)
        if command is not None or entry is None:
            return command
        try:
            loaded = entry.load()
        except Exception as error:
            raise click.ClickException(
                f"command {cmd_name!r} ({entry.value}) does not load: {error!r}"
            ) from error
        return loaded if isinstance(loaded, click.Command) else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from demogen._util.lookup import lookup

            names = dict.fromkeys(self.list_commands(ctx))
            try:
                lookup(args[0], names, "command", DemogenError)
            except DemogenError as with_near_names:
                raise click.UsageError(str(with_near_names), ctx) from error
            raise


def _commands_of_packages() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=COMMANDS)}


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="demogen")
def commands() -> None:
    """Benchmark predictors of the generalization gap on zoos of trained networks.

    \b
    Start with:
      demogen demo          train, publish, measure and rank a small zoo, in minutes
      demogen predictors    list the predictors installed here
    """


@commands.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("target")
@click.option("--private", is_flag=True, help="Make the Hub repository private.")
@click.option("--tag", help="Name of a tag to put on the revision once it is published.")
@click.option(
    "--pr", "pull_request", is_flag=True, help="Propose the zoo by a pull request instead."
)
@options.endpoint
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
    )
    verb = "proposed" if pushed.proposed else "published"
    unchanged = ", with nothing new to send" if pushed.commit and not pushed.changes else ""
    say(f"{verb} {folder} to {target}{unchanged}\n{pushed.report()}")


@commands.command()
@click.argument("source")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@options.revision
@options.endpoint
def pull(source: str, folder: Path | None, revision: str | None, endpoint: str | None) -> None:
    """Fetch the zoo SOURCE (OWNER/NAME on the Hub, or a folder) and check every byte.

    Without FOLDER it is kept in the Hub's cache.

    \b
    Example:
      demogen pull owner/digits zoos/digits --revision v1
    """
    from demogen.hub import download

    say(str(download.pull(source, folder, revision=revision, endpoint=endpoint)))


@commands.command()
@click.argument("zoo")
@options.revision
@click.option("--verify", is_flag=True, help="Read and check every network.")
def info(zoo: str, revision: str | None, verify: bool) -> None:
    """Show what a zoo holds: networks, factors, accuracies, gap, splits, digests.

    \b
    Example:
      demogen info digits
      demogen info owner/digits --revision v1 --verify
    """
    from demogen.description import describe
    from demogen.zoo.zoo import load_zoo

    opened = load_zoo(zoo, revision)
    say(describe(opened))
    if verify:
        opened.verify()
        say(f"all {len(opened)} networks are as the zoo says")


@commands.command()
@click.argument("names", nargs=-1, metavar="[PREDICTOR]...")
def predictors(names: tuple[str, ...]) -> None:
    """List the installed predictors: paper, what each reads, costs and applies to.

    Only those named by PREDICTOR, if any; a single one is described in full.

    \b
    Example:
      demogen predictors
      demogen predictors unit-sparsity
    """
    from demogen.description import predictor_list
    from demogen.measuring.predictor import get_predictor, list_predictors

    say(predictor_list([get_predictor(name) for name in names or list_predictors()]))


@commands.command()
@click.argument("names", nargs=-1, metavar="[PREDICTOR]...")
@options.zoos_to_read()
@options.part
@options.measuring
@click.option("--csv", type=click.Path(path_type=Path), help="Write all signatures to this file.")
@options.output_format("Print all signatures, in this format; without it only what was measured.")
@click.option("--list", "list_only", is_flag=True, hidden=True)
@click.pass_context
def measure(
    context: click.Context,
    names: tuple[str, ...],
    zoos: tuple[str, ...],
    revision: str | None,
    images: Path | None,
    where: tuple[str, ...],
    limit: int | None,
    csv: Path | None,
    output_format: str | None,
    list_only: bool,
    **running: "Unpack[MeasuringOptions]",
) -> None:
    """Measure the networks of a zoo: compute the numbers that predictors start from.

    Without a PREDICTOR, the measures of all installed ones are computed; `demogen predictors` lists
    them. The numbers of a network, its signature, are kept: what is known is not computed again,
    and an interrupted run goes on.

    \b
    Example:
      demogen measure margin-quartiles-log unit-sparsity --zoo digits --workers 2
      demogen measure unit-sparsity --zoo digits --zoo owner/name@v1 --csv signatures.csv
    """
    if list_only:
        context.invoke(predictors, names=names)
        return
    from demogen.measuring.measurements import measure_all
    from demogen.measuring.predictor import list_predictors
    from demogen.measuring.predictor_names import predictor_called
    from demogen.measuring.signature_tables import signature_table, summary
    from demogen.zoo.part import part_asked
    from demogen.zoo.pool import open_zoos

    printed = output_format and chosen_format(output_format)
    chosen = [predictor_called(name) for name in names or list_predictors()]
    if not zoos:
        raise click.UsageError("which zoo? give --zoo NAME, a folder or OWNER/NAME")
    if csv is not None:
        check_can_write(csv)
    measures = [predictor.measure for predictor in chosen]
    running["progress"] = True
    zoo = part_asked(open_zoos(zoos, revision, images=images), where, limit)
    results = measure_all(measures, zoo, **running)
    for predictor, result in zip(chosen, results, strict=True):
        # Where the table itself goes to standard output, nothing else may.
        say(summary(predictor.name, result), err=bool(printed))
    if csv is not None:
        with naming(csv):
            csv.write_bytes(frame_bytes(signature_table(results, zoo), "csv"))
        say(f"signatures: {csv}", err=bool(printed))
    if printed:
        say_table(frame_bytes(signature_table(results, zoo), printed))


@commands.command()
@click.argument("name", metavar="PREDICTOR")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="FITTED")
@options.zoos_to_read(required=True)
@click.option("--split", help="Split whose folds give the residuals for intervals.")
@options.measuring
def fit(
    name: str,
    file: Path,
    zoos: tuple[str, ...],
    revision: str | None,
    images: Path | None,
    split: str | None,
    **running: "Unpack[MeasuringOptions]",
) -> None:
    """Fit PREDICTOR to the gaps of a zoo and write it to FITTED, for `demogen predict`.

    \b
    Example:
      demogen fit margin-quartiles-log fitted.json --zoo digits
    """
    from demogen.measuring import fitted_predictor
    from demogen.zoo.pool import open_zoos

    check_can_write(file)
    running["progress"] = True
    opened = open_zoos(zoos, revision, images=images)
    fitted = fitted_predictor.fit(name, opened, split=split, **running)
    fitted.save(file)
    say(f"{fitted}\nfitted predictor: {file}")


@commands.command()
@click.argument("fitted", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("weights", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--network", "maker", required=True, help="What makes the network: file.py:NAME or module:NAME."
)
@click.option(
    "--train", required=True, help="The images and labels it was trained on: file.py:NAME."
)
@click.option("--test-inputs", help="Test images, as --train; labels are not read.")
@click.option(
    "--initial",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Weights before training, for measures that compare with them.",
)
@click.option(
    "--level", type=float, default=0.9, show_default=True, help="Share that intervals are to hold."
)
@options.device
@options.batch_size
def predict(
    fitted: Path,
    weights: tuple[Path, ...],
    maker: str,
    train: str,
    **settings: Any,
) -> None:
    """Predict the gap of networks of your own, by what `demogen fit` wrote to FITTED.

    WEIGHTS are safetensors files of the network's state_dict. The network's NAME is a function or
    class that makes it; that of data is a Dataset, a DataLoader, a pair of images and labels, or a
    function that gives one. The code that they name is run.

    \b
    Example:
      demogen predict fitted.json a.safetensors --network net.py:Net --train net.py:train_set
    """
    from demogen.own_files import predictions

    for line in predictions(fitted, weights, maker, train, **settings):
        say(line)


@commands.command()
@click.argument("zoos", nargs=-1, required=True, metavar="ZOO[@REV]...")
@options.revision
@click.option("--split", help="Name of a split to cite as well.")
def cite(zoos: tuple[str, ...], revision: str | None, split: str | None) -> None:
    """Print how to cite a zoo, or a pool of several, and a split of it.

    As BibTeX, and as one line with commit and digests. ZOO@REV is for a zoo on the Hub.

    \b
    Example:
      demogen cite digits --split grouped-kfold-10
      demogen cite owner/digits@v1 --split leave-width-out
      demogen cite owner/digits@v1 owner/name@v2 --split leave-zoo-out
    """
    from demogen.description import citation
    from demogen.zoo.pool import open_zoos

    say(citation(open_zoos(zoos, revision), split))


@commands.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Where the zoo, the results, the page and the picture go.",
)
@options.workers("Local processes (default: one a core).", default=None)
def demo(folder: Path, workers: int | None) -> None:
    """Train the digits zoo, publish it to a folder, measure and rank every predictor.

    Takes minutes; a second run finds the zoo and the measurements and takes seconds.

    \b
    Example:
      demogen demo --folder demo
    """
    from demogen.demo import run_demo
    from demogen.parallel import cores

    run_demo(folder, workers or cores(), main)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a fault is one line on standard error and exit code 2."""
    show_everything()
    try:
        with warnings_in_lines():
            commands.main(args=arguments, prog_name="demogen", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as help_text:
        say(help_text.format_message())
        sys.exit(2)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "demogen"
        _fail(f"{error.format_message()} (see '{command} --help')")
    except click.ClickException as error:
        _fail(error.format_message())
    except DemogenError as error:
        _fail(str(error))
    except (click.Abort, KeyboardInterrupt):
        say("demogen: interrupted; what was finished is kept", err=True)
        sys.exit(130)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            sys.exit(141)
        if _is_of_output(error):
            error.filename = "standard output"
            # What is left in it would fail once more when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        _fail(explain_os_error(error))


def _is_of_output(error: OSError) -> bool:
    """Whether standard output, which is no file of ours, could not be written."""
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    return any(frame.f_code is click.echo.__code__ for frame in frames)


def _fail(message: str) -> None:
    say(f"demogen: {one_line(message)}", err=True)
    sys.exit(2)
