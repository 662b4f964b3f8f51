"""The text of help: an overview, one command, a topic, or a search."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterable, Iterator

from cletus.contrib.commands.command import Command
from cletus.contrib.language import listed, say_duration
from cletus.text import gettext as _
from cletus.text.translation import in_language

WIDTH = 79
_COLUMN = 26
_NARROW = 60  # a window with fewer columns, such as a phone's, has no room beside the usage


def overview(
    groups: dict[str, list[Command]],
    topics: Iterable[str],
    prefix: str,
    columns: int = WIDTH,
    language: str = "",
    *,
    is_read_aloud: bool = False,
) -> list[str]:
    """All commands by group, each with the first line of its help, and the topics.

    Args:
        groups: heading to commands; empty groups are left out.
        topics: names of further help texts.
        prefix: typed before a command.
        columns: of the window.
        language: of the reader.
        is_read_aloud: whether a screen reader reads it: then each command is one line.
    """
    lines = []
    for heading, commands in groups.items():
        if commands:
            entries = [
                line
                for command in commands
                for line in (
                    [f"{prefix}{command.usage}: {command.summary_in(language)}"]
                    if is_read_aloud
                    else _entry(f"  {prefix}{command.usage}", command.summary_in(language), columns)
                )
            ]
            lines += [in_language(_(heading), language), *entries, ""]
    names = ", ".join(sorted(topics))
    if names:
        lines += wrapped(_("Topics: {names}.", names=names), language)
    return [
        *lines,
        *wrapped(_("Type {prefix}help and a name to read more about it.", prefix=prefix), language),
    ]


def describe(command: Command, prefix: str, language: str = "") -> list[str]:
    """The full help of one command, in the language of the reader."""
    lines = [_("Usage: {usage}", usage=prefix + command.usage)]
    if command.aliases:
        lines.append(
            _("Also: {names}", names=", ".join(prefix + alias for alias in command.aliases))
        )
    if command.cooldown:
        lines.append(_("Cooldown: {duration}", duration=say_duration(command.cooldown)))
    text = command.text or _("It has no description yet.")
    return [*lines, "", *in_language(text, language).split("\n")]


def search(words: str, texts: dict[str, str], language: str = "") -> list[str]:
    """The answer if there is no command or topic of this name: the texts that contain the words.

    Args:
        words: what to look for.
        texts: help texts by name.
        language: of the reader.
    """
    wanted = words.lower()
    mentions = sorted(name for name, text in texts.items() if wanted in text.lower())
    if mentions:
        return wrapped(
            _(
                "There is no command {words!r}, but it is mentioned in: {mentions}.",
                words=words,
                mentions=", ".join(mentions),
            ),
            language,
        )
    near = difflib.get_close_matches(wanted, texts, n=3)
    hint = _(" Did you mean {names}?", names=listed(near, word="or")) if near else ""
    text = _("There is no help about {words!r}.{hint}", words=words, hint=hint)
    return wrapped(text, language)


def wrapped(text: str, language: str = "") -> list[str]:
    """A text in a language, as lines of at most 79 columns; its own line ends are kept."""
    lines = in_language(_(text), language).strip("\n").split("\n")
    return [row for line in lines for row in textwrap.wrap(line, WIDTH) or [""]]


def _entry(usage: str, summary: str, columns: int) -> Iterator[str]:
    """The usage with the summary beside it, or below it if the usage is long or the window narrow."""
    if columns < _NARROW:
        yield usage
        indent = " " * 6
        yield from textwrap.wrap(summary, columns, initial_indent=indent, subsequent_indent=indent)
        return
    if len(usage) >= _COLUMN:
        yield usage
        usage = ""
    indent = " " * (_COLUMN + 1)
    text = textwrap.wrap(summary, WIDTH - len(indent)) or [""]
    yield f"{usage:<{_COLUMN}} {text[0]}".rstrip()
    yield from (indent + line for line in text[1:])
