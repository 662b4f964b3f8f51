"""The tables of the page of settings, made from ``cletus.settings`` when the pages are built.

    ```{settings}
    ```

gives a heading and a table for each group: name, default, what it means, the option and the variable
that set it, and whether a change waits for a restart.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from cletus.settings.settings import Settings, describe, needs_restart

#: The groups in their order: title, and the beginnings of the names that belong there.
GROUPS = (
    (
        "Where it listens",
        ("host", "port", "listen", "name", "tls", "proxy", "web", "resume", "ssh"),
    ),
    ("The store", ("store",)),
    (
        "Budgets",
        (
            "line",
            "subnegotiation",
            "inflated",
            "input",
            "stranger",
            "connections",
            "output",
            "prompt",
            "detect",
            "call",
            "wait",
            "character",
            "keep",
            "compression",
            "msdp",
        ),
    ),
    ("The reload", ("reload",)),
    ("The restart", ("restart",)),
    ("What people are told, and stopping", ("language", "error", "stop", "close")),
    ("Several processes and machines", ("cluster", "gateway", "session", "workers")),
    ("The reactor", ("reactor",)),
    ("Logs and metrics", ("log", "metrics")),
    ("Control", ("control", "shell")),
    ("Users (contrib.users)", ("users", "linkdead")),
    ("Moderation (contrib.moderation)", ("moderation",)),
    ("Channels (contrib.channels)", ("channels",)),
    ("What people put on others' screens (contrib)", ("screen",)),
)
REST = "Others"
COLUMNS = (("Setting", 24), ("Type", 12), ("Default", 14), ("Meaning", 40), ("A change", 10))


def group_of(name: str) -> str:
    """The title of the group that a setting belongs to: by the first word of its name."""
    word = name.split("_", maxsplit=1)[0]
    return next((title for title, words in GROUPS if word in words), REST)


def grouped(kind: type[Settings] = Settings) -> dict[str, list[tuple[str, Any, Any, str]]]:
    """All settings as ``describe`` has them, by title of their group, in the order of ``GROUPS``."""
    found: dict[str, list[tuple[str, Any, Any, str]]] = {title: [] for title, _ in GROUPS}
    found[REST] = []
    for one in describe(kind):
        found[group_of(one[0])].append(one)
    return {title: settings for title, settings in found.items() if settings}


def in_words(hint: Any) -> str:
    """The type of a setting, for people."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hasattr(hint, "__metadata__"):
        limits = [
            f"{'at least' if meta.ge is not None else 'more than'} {_bound(meta):g}"
            for meta in hint.__metadata__
            if _bound(meta) is not None
        ]
        words = in_words(hint.__origin__)
        return f"{words}, {limits[0]}" if limits and limits[0] != "at least 0" else words
    if origin is typing.Literal:
        return " or ".join(f"{one}" for one in args)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(in_words(one) for one in args)
    if origin is tuple:
        return "list"
    if origin is dict:
        return "table"
    return {bool: "yes or no", int: "whole number", float: "number", str: "text"}.get(
        hint, str(hint)
    )


def _bound(meta: Any) -> float | None:
    found: float | None = meta.ge if meta.ge is not None else meta.gt
    return found


def default_in_words(value: Any) -> str:
    """A default as it is written in ``cletus.toml``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{one}"' for one in value) + "]"
    if isinstance(value, str):
        return f'"{value}"'
    return f"{value:g}" if isinstance(value, float) else str(value)


def option_of(name: str, hint: Any) -> str:
    """The option of ``cletus run`` that sets it."""
    option = "--" + name.replace("_", "-")
    is_switch = in_words(hint) == "yes or no"
    return f"{option}, --no-{option[2:]}" if is_switch else option


class SettingsTables(SphinxDirective):
    """``{settings}``."""

    def run(self) -> list[nodes.Node]:
        """A section with a table for each group."""
        return list(self._sections())

    def _sections(self) -> Iterator[nodes.Node]:
        waiting = needs_restart()
        for title, settings in grouped().items():
            section = nodes.section(ids=[nodes.make_id(title)], names=[title.lower()])
            section += nodes.title(text=title)
            section += self._table(settings, waiting)
            self.state.document.note_explicit_target(section)
            yield section

    def _table(
        self, settings: list[tuple[str, Any, Any, str]], waiting: frozenset[str]
    ) -> nodes.table:
        table = nodes.table(classes=["settings"])
        group = nodes.tgroup(cols=len(COLUMNS))
        table += group
        for _, width in COLUMNS:
            group += nodes.colspec(colwidth=width)
        head = nodes.thead()
        head += _row([nodes.paragraph(text=title)] for title, _ in COLUMNS)
        body = nodes.tbody()
        for name, hint, default, about in settings:
            body += _row(
                [
                    _name(name, hint),
                    [nodes.paragraph(text=in_words(hint))],
                    [_code(default_in_words(default))],
                    [nodes.paragraph(text=_sentence(about))],
                    [
                        nodes.paragraph(
                            text="needs a restart" if name in waiting else "at the next reload"
                        )
                    ],
                ]
            )
        group += [head, body]
        return table


def _name(name: str, hint: Any) -> list[nodes.Node]:
    term = nodes.paragraph(ids=[f"setting-{name.replace('_', '-')}"])
    term += nodes.strong("", "", nodes.literal(text=name))
    ways = [f"CLETUS_{name.upper()}", *option_of(name, hint).split(", ")]
    return [term, *(_code(way, "way") for way in ways)]


def _sentence(about: str) -> str:
    """A description with a capital and a full stop; one that begins with a value keeps that as it is."""
    begins_with_value = about.partition(" ")[0].endswith(":")
    return f"{about}." if begins_with_value else f"{about[:1].upper()}{about[1:]}."


def _code(text: str, *classes: str) -> nodes.paragraph:
    return nodes.paragraph("", "", nodes.literal(text=text), classes=list(classes))


def _row(cells: Any) -> nodes.row:
    row = nodes.row()
    for cell in cells:
        row += nodes.entry("", *cell)
    return row


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("settings", SettingsTables)
    return {"parallel_read_safe": True}
