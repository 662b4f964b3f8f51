"""The group ``cletus store``, and the options that its commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from cletus.cli import display
from cletus.cli.main import HELP, TargetType, refuse
from cletus.errors import CletusError, ImportFailed, SourceError

#: The exit code if there are problems in the data.
PROBLEMS = 1

F = TypeVar("F", bound=Callable[..., Any])

TARGET = click.argument("target", type=TargetType())
STORE = click.option("--store", help="use this store (a folder or URL) instead of the target's")
NO_CODE = click.option(
    "--no-code",
    "code",
    flag_value=False,
    default=True,
    help="do not import the application; use the documents only",
)
ONLY = click.option(
    "--only", multiple=True, metavar="NAME", help="only this store; may be repeated"
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="print JSON, for programs")
DRY_RUN = click.option(
    "--dry-run", is_flag=True, help="show what would be done, and change nothing"
)


@click.group(context_settings=HELP)
def store() -> None:
    """Read, move, migrate and verify the stored data of TARGET.

    TARGET is a package, a module, or the path of a Python file, as for `cletus run`. It is imported, but
    not started, and what it saves during the import is discarded. Commands that only read work while
    the service runs; for `import` and `migrate` it must be stopped.
    """


def command(name: str, *parameters: Callable[[F], F]) -> Callable[[F], click.Command]:
    """Decorator: a command of the group with these parameters, which prints our errors in one line."""

    def decorate(function: F) -> click.Command:
        def run(**arguments: Any) -> None:
            try:
                function(**arguments)
            except CletusError as error:
                if isinstance(error, (ImportFailed, SourceError)) and "code" in arguments:
                    display.note("The application cannot be imported; --no-code works without it.")
                refuse(error)

        decorated: Any = run
        decorated.__doc__ = function.__doc__
        for parameter in reversed(parameters):
            decorated = parameter(decorated)
        return store.command(name, context_settings=HELP)(decorated)

    return decorate
