"""``cletus new``: a package to start from."""

from __future__ import annotations

from pathlib import Path

import click

from cletus.cli.refusing import HELP, refuse
from cletus.errors import CletusError
from cletus.templates import make_talker


@click.command(context_settings=HELP)
@click.argument("name")
@click.option(
    "--template", type=click.Choice(["talker"]), default="talker", help="what to start from"
)
def new(name: str, template: str) -> None:
    """Write a package NAME to start from: a talker with all that contrib has."""
    try:
        folder = make_talker(name, Path.cwd())
    except CletusError as error:
        refuse(error)
    click.echo(f"A {template} is in {folder}. Run it: cletus run {name}")
