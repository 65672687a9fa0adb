"""Options that several commands of this package take, each declared once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

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
