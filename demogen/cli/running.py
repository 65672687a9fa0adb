"""The `demogen` command. Nothing heavy is imported before it is needed."""

import os
import sys
from pathlib import Path
from traceback import walk_tb

import click

from demogen import __version__
from demogen import cli_options as options
from demogen._util.reporting import log_as_notes
from demogen._util.terminal import show_everything
from demogen._util.text import one_line, say
from demogen._util.warned import warnings_in_lines
from demogen.cli.group import Commands
from demogen.cli.measuring import fit, measure, predict, predictors
from demogen.cli.zoos import cite, info, pull, push
from demogen.errors import DemogenError, explain_os_error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="demogen")
def commands() -> None:
    """Benchmark predictors of the generalization gap on zoos of trained networks.

    \b
    Start with:
      demogen demo          train, publish, measure and rank a small zoo, in minutes
      demogen predictors    list the predictors installed here
    """


for _command in (push, pull, info, predictors, measure, fit, predict, cite):
    commands.add_command(_command)


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
        with warnings_in_lines(), log_as_notes("demogen.hub"):
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
