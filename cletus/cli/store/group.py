"""``cletus store`` as a group, and what its commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from cletus.cli import display
from cletus.cli.main import HELP, refuse
from cletus.errors import CletusError, ImportFailed, SourceError

#: The exit code where what was asked for was done, but something is wrong with the data.
WRONG = 1

F = TypeVar("F", bound=Callable[..., Any])

TARGET = click.argument("target")
STORE = click.option("--store", help="folder (or URL) of the stores, if not the target's own")
NO_CODE = click.option(
    "--no-code",
    "code",
    flag_value=False,
    default=True,
    help="do not import the application: look at the documents alone",
)
ONLY = click.option("--only", multiple=True, metavar="NAME", help="this store; may be repeated")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="for programs")
DRY_RUN = click.option("--dry-run", is_flag=True, help="say what would be done, and change nothing")


@click.group(context_settings=HELP)
def store() -> None:
    """Look into the stored data of TARGET, move it, bring it up to the code, and verify it.

    TARGET is a package, a module, or the path of a Python file, as for `cletus run`. It is imported,
    and neither started nor does anything that it saves while it is imported reach the disk. All that
    only reads works while the service runs; `import` and `migrate` want it stopped.
    """


def command(name: str, *parameters: Callable[[F], F]) -> Callable[[F], click.Command]:
    """A command of the group, with these arguments and options; our errors are its refusals."""

    def make(function: F) -> click.Command:
        def run(**arguments: Any) -> None:
            try:
                function(**arguments)
            except CletusError as error:
                if isinstance(error, (ImportFailed, SourceError)) and "code" in arguments:
                    display.note("The application cannot be imported; --no-code does without it.")
                refuse(error)

        made: Any = run
        made.__doc__ = function.__doc__
        for parameter in reversed(parameters):
            made = parameter(made)
        return store.command(name, context_settings=HELP)(made)

    return make
