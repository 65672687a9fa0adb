"""Options that several commands of this package take, each declared once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

FOLDER = click.Path(file_okay=False, path_type=Path)
EXISTING_FOLDER = click.Path(file_okay=False, exists=True, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)

splits = click.option(
    "--split",
    "splits",
    multiple=True,
    help="Name of a split to score on; may be repeated. Default: every split of the zoo.",
)
target = click.option(
    "--target",
    default="gap",
    show_default=True,
    help="What is predicted: gap, test_accuracy, test_cross_entropy or "
    "test_normalized_cross_entropy.",
)


def results(help: str, *, default: Path | None = Path("results")) -> Callable[[Function], Function]:
    """`--results`, a folder of result files.

    Args:
        help: what the command does with them.
        default: None: there is none, and a folder that is given must exist.
    """
    return click.option(
        "--results",
        type=EXISTING_FOLDER if default is None else FOLDER,
        default=default,
        show_default=default is not None,
        help=help,
    )


long_fits = click.option(
    "--long-fits",
    is_flag=True,
    help="Fit again where that may take more than 10 s or 512 MB a result, too.",
)


class Checking(TypedDict):
    """What `checking` gives a command.

    Attributes:
        run_code: whether networks are measured again by the submitted code.
        sample: how many.
        seed: decides which.
        seconds: how long the code may run.
        memory: how many megabytes it may use.
        permutations: how often the regressor is fitted to gaps dealt out at random.
        long_fits: whether all that is done however long it takes.
    """

    run_code: bool
    sample: int
    seed: int
    seconds: float
    memory: int
    permutations: int
    long_fits: bool


def checking(command: Function) -> Function:
    """The options of checking a submission beyond what it holds, as `Checking`."""
    for option in (
        long_fits,
        click.option(
            "--permutations",
            type=click.IntRange(0),
            default=199,
            show_default=True,
            help="How often the regressor is fitted again to gaps dealt out at random; 0: never.",
        ),
        click.option(
            "--memory",
            type=click.IntRange(1),
            default=4096,
            show_default=True,
            help="How much memory the submitted code may use, in MB.",
        ),
        click.option(
            "--seconds",
            type=click.FloatRange(0, min_open=True),
            default=600.0,
            show_default=True,
            help="How long the submitted code may run.",
        ),
        click.option(
            "--seed",
            default=0,
            show_default=True,
            help="Decides which networks are drawn; keep it to yourself.",
        ),
        click.option(
            "--sample",
            type=click.IntRange(1),
            default=5,
            show_default=True,
            help="How many networks are measured again.",
        ),
        click.option(
            "--run-code",
            is_flag=True,
            help="Run the submitted code: measure a sample of networks again (needs --zoo).",
        ),
    ):
        command = option(command)
    return command
