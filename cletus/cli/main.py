"""``cletus COMMAND``: every command is an entry point of the group ``cletus.commands``.

Ours are registered in the same way as those of others, so that ``import cletus`` imports none of
them, and ``cletus run`` only what it runs.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import Final, NoReturn

import click

from cletus.errors import USAGE, CletusError
from cletus.version import __version__

#: The context settings of every command.
HELP: Final = {"help_option_names": ["-h", "--help"]}


def refuse(error: CletusError) -> NoReturn:
    """Say in one line what is wrong, and end the process."""
    click.echo(f"cletus: {error}", err=True)
    sys.exit(USAGE)


class Commands(click.Group):
    """The commands of the entry point group ``cletus.commands``, each imported when it is called for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted({entry.name for entry in entry_points(group="cletus.commands")})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name; where two packages have one, ours."""
        found = list(entry_points(group="cletus.commands", name=cmd_name))
        found.sort(key=lambda entry: not entry.value.startswith("cletus."))
        return found[0].load() if found else None


@click.group(cls=Commands, context_settings=HELP)
@click.version_option(__version__, prog_name="cletus")
def main() -> None:
    """Run services that people talk in, and edit them while they do."""
