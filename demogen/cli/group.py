"""The group of all commands: those of this package, and those that other packages bring."""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from demogen.errors import DemogenError

COMMANDS = "demogen.commands"
"""Entry-point group: name → click command of another package, loaded when called or listed."""


class Commands(click.Group):
    """The commands of this package, and those that other packages bring."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, sorted."""
        return sorted({*super().list_commands(ctx), *_of_packages()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, loaded; None: there is none."""
        command = super().get_command(ctx, cmd_name)
        entry = _of_packages().get(cmd_name)
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
        """The command that the first argument names; near names are offered where there is none."""
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


def _of_packages() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=COMMANDS)}
