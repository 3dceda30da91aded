"""Command groups that import a command's module when it is used, so that `stead --help` stays fast."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

import click


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command to be imported: its module in this package, the name in it, and one line for the list of commands."""

    module: str
    name: str
    help: str


class LazyGroup(click.Group):
    """A group whose commands stand under headings and are imported one by one."""

    def __init__(self, *args: object, sections: Mapping[str, Mapping[str, Lazy]], **options: object) -> None:
        super().__init__(*args, **options)  # pyright: ignore[reportArgumentType] - click's own, passed through
        self._sections = sections
        self._lazy = {name: lazy for commands in sections.values() for name, lazy in commands.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order in which help shows them."""
        del ctx
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module. None for a name that is not listed."""
        del ctx
        lazy = self._lazy.get(cmd_name)
        if lazy is None:
            return None
        command: click.Command = getattr(import_module(f"swarmstead.doors.cli.{lazy.module}"), lazy.name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from what is written here and without an import."""
        del ctx
        for heading, commands in self._sections.items():
            with formatter.section(heading):
                formatter.write_dl([(name, lazy.help) for name, lazy in commands.items()], col_max=12)
