"""``cletus new``: create an application from a template."""

from __future__ import annotations

from pathlib import Path

import click

from cletus.cli.main import HELP, refuse
from cletus.cli.templates import TEMPLATES, make
from cletus.errors import CletusError, TemplateError


@click.command(context_settings=HELP)
@click.argument("name")
@click.option(
    "--template",
    type=click.Choice(list(TEMPLATES)),
    default="talker",
    show_default=True,
    help="template to start from",
)
def new(name: str, template: str) -> None:
    """Create a folder NAME with a package to start from, and its tests.

    echo is a dozen lines that repeat what is typed; chat has names, commands and a store for people;
    talker has accounts, rooms, channels, mail; mud has areas, things, characters and fights.
    """
    try:
        folder = _make(name, template)
    except CletusError as error:
        refuse(error)
    program = click.get_current_context().find_root().command_path
    article = "An" if template[0] in "aeiou" else "A"
    click.echo(
        f"{article} {template} is in {folder}. Next:\n\n"
        f"    cd {name}\n"
        f"    {program} run {name}          # then open http://127.0.0.1:9080/, or: telnet 127.0.0.1 9000\n"
        f"    make test\n\n"
        f"Edit {name}/ while it runs. README.md describes its files."
    )


def _make(name: str, template: str) -> Path:
    try:
        return make(name, template, Path.cwd())
    except OSError as error:
        raise TemplateError(f"{error.filename}: {error.strerror}") from error
