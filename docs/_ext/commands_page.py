"""The page of commands, made from the commands themselves when the pages are built.

    ```{commands}
    ```

gives a section for each command of ``cletus``, with its usage, its help and its options. Options that
are settings are on the page of settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from cletus.cli import main
from cletus.settings.settings import describe

_CODE = re.compile(r"`([^`]+)`")


def commands_of(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """The commands of a group by what is typed for them; a group comes before its own."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and not command.hidden:
            yield f"{path} {name}", command
            if isinstance(command, click.Group):
                yield from commands_of(command, f"{path} {name}")


def usage_of(path: str, command: click.Command) -> str:
    """How it is typed: ``cletus store export [OPTIONS] TARGET FILE``."""
    pieces = command.collect_usage_pieces(click.Context(command))
    return " ".join([path, *pieces])


def options_of(command: click.Command) -> list[tuple[str, str]]:
    """Its own options, each as it is typed and what it does, without those that are settings."""
    settings = {name for name, *_ in describe()} if takes_settings(command) else set()
    context = click.Context(command)
    records = [
        option.get_help_record(context)
        for option in command.params
        if isinstance(option, click.Option) and option.name not in settings
    ]
    return [record for record in records if record is not None]


def takes_settings(command: click.Command) -> bool:
    """Whether all settings are options of it."""
    names = {parameter.name for parameter in command.params}
    return {name for name, *_ in describe()} <= names


class Commands(SphinxDirective):
    """``{commands}``."""

    def run(self) -> list[nodes.Node]:
        """A section for each command; those of a group are inside its own."""
        found: list[nodes.Node] = []
        groups: dict[str, nodes.section] = {}
        for path, command in commands_of(main, "cletus"):
            section = self._section(path, command)
            parent = groups.get(path.rpartition(" ")[0])
            if parent is None:
                found.append(section)
            else:
                parent += section
            groups[path] = section
        return found

    def _section(self, path: str, command: click.Command) -> nodes.section:
        section = nodes.section(ids=[nodes.make_id(path)], names=[path])
        section += nodes.title("", "", nodes.literal(text=path))
        self.state.document.note_explicit_target(section)
        if not isinstance(command, click.Group):
            usage = usage_of(path, command)
            section += nodes.literal_block(usage, usage, language="text")
        for paragraph in (command.help or "").replace("\b\n", "").split("\n\n"):
            section += nodes.paragraph("", "", *_inline(" ".join(paragraph.split())))
        if takes_settings(command):
            section += nodes.paragraph(text="Every setting is an option, too.")
        if options_of(command):
            section += _table(options_of(command))
        return section


def _inline(text: str) -> Iterator[nodes.Node]:
    for number, part in enumerate(_CODE.split(text)):
        yield nodes.literal(text=part) if number % 2 else nodes.Text(part)


def _table(options: list[tuple[str, str]]) -> nodes.table:
    table = nodes.table(classes=["options"])
    group = nodes.tgroup(cols=2)
    table += group
    group += [nodes.colspec(colwidth=30), nodes.colspec(colwidth=70)]
    body = nodes.tbody()
    for option, about in options:
        row = nodes.row()
        row += nodes.entry("", nodes.paragraph("", "", nodes.literal(text=option)))
        row += nodes.entry("", nodes.paragraph("", "", *_inline(about)))
        body += row
    group += body
    return table


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True}
