"""Options that several commands take, each declared once.

The commands of demogen and those that other packages bring use them as decorators:

    from demogen import cli_options as options

    @click.command()
    @options.zoos_to_read(required=True)
    @options.measuring
    def command(zoos, revision, images, **running): ...
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from demogen._util.reporting import AS_JSON, QUIET
from demogen.format.printing import FORMATS

Function = TypeVar("Function", bound=Callable[..., Any])


def _kept(key: str) -> Callable[[click.Context, click.Parameter, bool], None]:
    """Keep a flag where `demogen._util.reporting` looks for it."""

    def keep(context: click.Context, parameter: click.Parameter, value: bool) -> None:
        context.meta[key] = value

    return keep


ZOO_HELP = (
    "A folder, a zoo built here, or owner/name[@revision] on the Hub; repeated, a pool of zoos."
)

revision = click.option("--revision", help="Tag, branch or commit of a single zoo on the Hub.")
endpoint = click.option("--endpoint", help="Address of a Hub other than huggingface.co.")
images = click.option(
    "--images",
    type=click.Path(path_type=Path),
    help="Folder with the image sets (default: $DEMOGEN_IMAGES).",
)
ray = click.option("--ray", help="Address of a Ray cluster ('auto', or 'local' to start one).")
device = click.option(
    "--device",
    default="cpu",
    show_default=True,
    help="Torch device that networks run on: cpu, cuda (the first GPU), cuda:1 …",
)
batch_size = click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="How many images a network takes at a time.",
)
image_limit = click.option(
    "--image-limit",
    type=click.IntRange(min=1),
    help="Measure a fixed sample of so many images, and standard errors with it.",
)
cache = click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder in which measurements are kept (default: this machine's).",
)


def zoos(help: str = ZOO_HELP, *, required: bool = False) -> Callable[[Function], Function]:
    """`--zoo`, which may be repeated, as the argument `zoos`: a tuple of names.

    Args:
        help: what the command does with the zoos.
        required: whether the command refuses to run without one.
    """
    return click.option("--zoo", "zoos", multiple=True, required=required, help=help)


def workers(
    help: str = "How many local processes measure.", *, default: int | None = 1
) -> Callable[[Function], Function]:
    """`--workers`, at least 1.

    Args:
        help: what the processes are for, and how many there are by default if that varies.
        default: how many; None: the command decides.
    """
    return click.option(
        "--workers",
        type=click.IntRange(min=1),
        default=default,
        show_default=default is not None,
        help=help,
    )


def output_format(
    help: str = "How the table is printed.  [default: text on a terminal, else markdown]",
    *,
    also: tuple[str, ...] = (),
) -> Callable[[Function], Function]:
    """`--format`, as the argument `output_format`.

    Args:
        help: what it is good for, and what happens without it.
        also: formats that this command alone writes.
    """
    formats = click.Choice([*FORMATS, *also])
    return click.option("--format", "output_format", type=formats, help=help)


quiet = click.option(
    "-q",
    "--quiet",
    is_flag=True,
    expose_value=False,
    callback=_kept(QUIET),
    help="No progress and no notes; warnings and faults are still told.",
)
_as_json = click.option(
    "--json",
    is_flag=True,
    expose_value=False,
    callback=_kept(AS_JSON),
    help="Print what came out as one JSON object a line, for a program.",
)


def outcome(command: Function) -> Function:
    """`--json` and `--quiet`, which hold for `demogen._util.reporting` and are no arguments.

    A command that prints a table takes `output_format` instead, and `quiet`.
    """
    return _together(_as_json, quiet)(command)


def zoos_to_read(*, required: bool = False) -> Callable[[Function], Function]:
    """`--zoo`, `--revision` and `--images`: the arguments of `demogen.zoo.open_zoos`."""
    return _together(zoos(required=required), revision, images)


def part(command: Function) -> Function:
    """`--where` and `--limit`: the arguments of `demogen.zoo.part_asked`."""
    where = click.option(
        "--where",
        multiple=True,
        help="Only networks whose row of the zoo's table meets a condition, 'width == 192 and "
        'optimizer in ("sgd", "adam")\' say; repeated, all of them.',
    )
    limit = click.option(
        "--limit", type=click.IntRange(min=1), help="Only the first so many of these networks."
    )
    return _together(where, limit)(command)


def measuring(command: Function) -> Function:
    """`--workers`, `--ray`, `--device` and the other `MeasuringOptions`."""
    return _together(workers(), ray, device, batch_size, image_limit, cache)(command)


def _together(*options: Callable[[Any], Any]) -> Callable[[Function], Function]:
    """One decorator for several options, which help lists in this order."""

    def decorate(command: Function) -> Function:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
