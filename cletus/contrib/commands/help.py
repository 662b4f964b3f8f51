"""Help: what there is, what it takes, and where a word is mentioned. Only what a person may use."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterable, Iterator

from cletus.contrib.commands.command import Command
from cletus.contrib.language import say_duration

WIDTH = 79
_COLUMN = 26


def overview(groups: dict[str, list[Command]], topics: Iterable[str], prefix: str) -> list[str]:
    """All commands by group, each with the first line of its help, and the topics.

    Args:
        groups: heading to commands; empty ones are left out.
        topics: names of further help texts.
        prefix: what is typed before a command.
    """
    lines = []
    for heading, commands in groups.items():
        if commands:
            lines += [heading, *(line for one in commands for line in _entry(one, prefix)), ""]
    named = ", ".join(sorted(topics))
    if named:
        lines += _wrapped(f"Topics: {named}.")
    return [*lines, *_wrapped(f"{prefix}help and a name tells more about it.")]


def describe(command: Command, prefix: str) -> list[str]:
    """All about one command."""
    lines = [f"Usage: {prefix}{command.usage}"]
    if command.aliases:
        lines.append(f"Also: {', '.join(command.aliases)}")
    if command.cooldown:
        lines.append(f"Again after: {say_duration(command.cooldown)}")
    return [*lines, "", *(command.text or "Nobody has described it yet.").split("\n")]


def search(words: str, texts: dict[str, str]) -> list[str]:
    """What is said when nothing is called so.

    Args:
        words: what was looked for.
        texts: help texts by name.
    """
    wanted = words.lower()
    found = sorted(name for name, text in texts.items() if wanted in text.lower())
    if found:
        return _wrapped(f"Nothing is called {words!r}, but it is mentioned by: {', '.join(found)}.")
    near = difflib.get_close_matches(wanted, texts, n=3)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return _wrapped(f"There is no help about {words!r}.{hint}")


def wrapped(text: str) -> list[str]:
    """A text as lines of at most 79 columns; its own line ends stay."""
    return [line for one in text.strip("\n").split("\n") for line in _wrapped(one) or [""]]


def _entry(command: Command, prefix: str) -> Iterator[str]:
    """The usage, and the summary beside it; below it where the usage is long."""
    usage = f"  {prefix}{command.usage}"
    if len(usage) >= _COLUMN:
        yield usage
        usage = ""
    indent = " " * (_COLUMN + 1)
    text = textwrap.wrap(command.summary, WIDTH - len(indent)) or [""]
    yield f"{usage:<{_COLUMN}} {text[0]}".rstrip()
    yield from (indent + line for line in text[1:])


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)
