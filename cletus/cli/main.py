"""``cletus COMMAND``: every command is an entry point of the group ``cletus.commands``.

Our own commands are registered like those of other packages, so that ``import cletus`` imports none of
them, and each command only what it needs.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import Final, NoReturn

import click
from click.shell_completion import CompletionItem

from cletus.errors import USAGE, CletusError
from cletus.service.succession import succeeds_another_process
from cletus.version import __version__

#: The context settings of every command.
HELP: Final = {"help_option_names": ["-h", "--help"]}


class TargetType(click.types.StringParamType):
    """What ``cletus run`` takes. Shells complete paths; ``click.Path`` would refuse some by itself."""

    name = "target"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Whatever files there are."""
        del ctx, param
        return [CompletionItem(incomplete, type="file")]


def refuse(error: CletusError) -> NoReturn:
    """Print the error in one line, and exit."""
    click.echo(f"cletus: {error}", err=True)
    if succeeds_another_process():
        resolve_name("cletus.restart.successor:say_no")(str(error))  # most commands need no reactor
    sys.exit(USAGE)


class Commands(click.Group):
    """The commands of the entry point group ``cletus.commands``, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted({entry.name for entry in entry_points(group="cletus.commands")})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name; if two packages have one, ours."""
        entries = list(entry_points(group="cletus.commands", name=cmd_name))
        entries.sort(key=lambda entry: not entry.value.startswith("cletus."))
        return entries[0].load() if entries else None


@click.group(cls=Commands, context_settings=HELP)
@click.version_option(__version__, prog_name="cletus")
def main() -> None:
    """Run services that people connect to and talk in, and edit their code meanwhile."""
