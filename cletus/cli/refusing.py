"""What all commands share: ``-h``, and how a mistake of the caller's is told."""

from __future__ import annotations

import sys
from typing import Final, NoReturn

import click

from cletus.errors import CletusError

#: What could not be done as asked: the exit code of a usage error.
USAGE: Final = 2

#: The context settings of every command.
HELP: Final = {"help_option_names": ["-h", "--help"]}


def refuse(error: CletusError) -> NoReturn:
    """Say in one line what is wrong, and end the process."""
    click.echo(f"cletus: {error}", err=True)
    sys.exit(USAGE)
