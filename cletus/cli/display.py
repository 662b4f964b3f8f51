"""Output of commands: tables and colours on a terminal, plain lines otherwise; progress bars."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import click
from rich import box
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

#: A column: its heading, and whether it holds numbers.
Column = tuple[str, bool]

Advance = Callable[..., None]
"""Called after each step; its arguments are ignored."""


def visible(text: str) -> str:
    """The text without control characters: those that are not printable are escaped."""
    return "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    """As JSON and Python write it."""
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def line(text: str, colour: str = "") -> None:
    """Print one or more lines; on a terminal in this colour of click.

    They go through ``sys.stdout``, so that a progress bar makes room for them.
    """
    _write(visible(text), colour)


def _write(text: str, colour: str = "") -> None:
    if colour and sys.stdout.isatty():  # rich's Console would bypass the progress bar
        text = click.style(text, fg=colour)
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Print a line for people to the standard error, beside the output."""
    sys.stderr.write(visible(text) + "\n")


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """Print a table on a terminal; otherwise a line for each row, separated by tabs, without headings."""
    if not sys.stdout.isatty():
        for row in rows:
            _write("\t".join(map(visible, row)))
        return
    drawn = Table(title=visible(title) or None, title_justify="left", header_style="bold")
    for heading, is_number in columns:
        drawn.add_column(heading, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(visible(cell)) for cell in row))
    Console().print(drawn)


def json_text(text: str) -> None:
    """Print JSON, in colour on a terminal, with JSON escapes for control characters."""
    text = "".join(c if c.isprintable() or c == "\n" else _in_json(c) for c in text)
    if sys.stdout.isatty():
        Console().print(JSONHighlighter()(Text(text)), soft_wrap=True)
    else:
        sys.stdout.write(text + "\n")


def _in_json(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


@contextmanager
def progress(name: str, total: int) -> Iterator[Advance]:
    """Show a progress bar on the standard error while the block runs, if that is a terminal.

    Args:
        name: of the work.
        total: number of steps.
    """
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # otherwise piped output would end up here
    )
    with bar:
        task = bar.add_task(name, total=total)
        yield lambda *_: bar.advance(task)


def size(count: int) -> str:
    """A number of bytes, for people."""
    if count < 1000:
        return f"{count} B"
    amount = float(count)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 1000:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} TB"


_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def show_facts(title: str, facts: Mapping[str, str]) -> None:
    """Print names and values, one pair a line.

    Args:
        title: shown on a terminal only.
        facts: values may have several lines; without a terminal, semicolons separate them.
    """
    if not sys.stdout.isatty():
        for name, value in facts.items():
            line(f"{name}: {'; '.join(part.strip() for part in value.splitlines())}")
        return
    drawn = Table(box=box.ROUNDED, title=visible(title), title_justify="left", show_header=False)
    drawn.add_column(style="bold", no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in facts.items():
        drawn.add_row(name, Text(visible(value)))
    Console().print(drawn)


def duration(seconds: float) -> str:
    """``12 s``, ``3 min 5 s``, ``2 h 10 min``, ``3 d 4 h``."""
    whole = int(max(0.0, seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def moment(seconds: float) -> str:
    """Seconds since the epoch as local date and time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
