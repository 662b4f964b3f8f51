"""The text of help: an overview, one command, a topic, or a search."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterable, Iterator

from cletus.contrib.commands.command import Command
from cletus.contrib.language import say_duration
from cletus.text import Text
from cletus.text import gettext as _

WIDTH = 79
_COLUMN = 26
_NARROW = 60  # a window with fewer columns, such as a phone's, has no room beside the usage


def overview(
    groups: dict[str, list[Command]],
    topics: Iterable[str],
    prefix: str,
    columns: int = WIDTH,
    *,
    is_read_aloud: bool = False,
) -> list[str]:
    """All commands by group, each with the first line of its help, and the topics.

    Args:
        groups: heading to commands; empty groups are left out.
        topics: names of further help texts.
        prefix: typed before a command.
        columns: of the window.
        is_read_aloud: whether a screen reader reads it: then each command is one line.
    """
    lines = []
    for heading, commands in groups.items():
        if commands:
            entries = [
                line
                for command in commands
                for line in (
                    [f"{prefix}{command.usage}: {command.summary}"]
                    if is_read_aloud
                    else _entry(command, prefix, columns)
                )
            ]
            lines += [heading, *entries, ""]
    names = ", ".join(sorted(topics))
    if names:
        lines += _wrapped(_("Topics: {names}.", names=names))
    return [
        *lines,
        *_wrapped(_("Type {prefix}help and a name to read more about it.", prefix=prefix)),
    ]


def describe(command: Command, prefix: str) -> list[str]:
    """The full help of one command."""
    lines = [_("Usage: {usage}", usage=prefix + command.usage)]
    if command.aliases:
        lines.append(
            _("Also: {names}", names=", ".join(prefix + alias for alias in command.aliases))
        )
    if command.cooldown:
        lines.append(_("Cooldown: {duration}", duration=say_duration(command.cooldown)))
    text = command.text.split("\n") if command.text else [_("It has no description yet.")]
    return [*lines, "", *text]


def search(words: str, texts: dict[str, str]) -> list[str]:
    """The answer if there is no command or topic of this name: the texts that contain the words.

    Args:
        words: what to look for.
        texts: help texts by name.
    """
    wanted = words.lower()
    mentions = sorted(name for name, text in texts.items() if wanted in text.lower())
    if mentions:
        return _wrapped(
            _(
                "There is no command {words!r}, but it is mentioned in: {mentions}.",
                words=words,
                mentions=", ".join(mentions),
            )
        )
    near = difflib.get_close_matches(wanted, texts, n=3)
    hint = _(" Did you mean {names}?", names=" or ".join(near)) if near else ""
    return _wrapped(_("There is no help about {words!r}.{hint}", words=words, hint=hint))


def wrapped(text: str) -> list[str]:
    """A text as lines of at most 79 columns; its own line ends are kept."""
    return [line for full in text.strip("\n").split("\n") for line in _wrapped(full) or [""]]


def _entry(command: Command, prefix: str, columns: int) -> Iterator[str]:
    """The usage with the summary beside it, or below it if the usage is long or the window narrow."""
    usage = f"  {prefix}{command.usage}"
    if columns < _NARROW:
        yield usage
        indent = " " * 6
        yield from textwrap.wrap(
            command.summary, columns, initial_indent=indent, subsequent_indent=indent
        )
        return
    if len(usage) >= _COLUMN:
        yield usage
        usage = ""
    indent = " " * (_COLUMN + 1)
    text = textwrap.wrap(command.summary, WIDTH - len(indent)) or [""]
    yield f"{usage:<{_COLUMN}} {text[0]}".rstrip()
    yield from (indent + line for line in text[1:])


def _wrapped(text: str) -> list[str]:
    if isinstance(text, Text) and len(text) <= WIDTH:
        return [text]  # it is translated for each reader; wrapped, it is in English
    return textwrap.wrap(text, WIDTH)
