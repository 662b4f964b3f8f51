"""Facts and tables for people: drawn on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import click

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB")


def show_facts(title: str, facts: Mapping[str, str]) -> None:
    """A name and a value in each line.

    Args:
        title: shown on a terminal only.
        facts: values may have several lines.
    """
    if not sys.stdout.isatty():
        for name, value in facts.items():
            click.echo(f"{name}: {'; '.join(printable(line) for line in value.splitlines())}")
        return
    from rich import box  # noqa: PLC0415 - only who looks at a terminal waits for it
    from rich.table import Table  # noqa: PLC0415 - as above

    table = Table(box=box.ROUNDED, title=printable(title), show_header=False, title_justify="left")
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, "\n".join(printable(line) for line in value.splitlines()))
    _draw(table)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table. In plain lines its columns are two spaces or more apart.

    Args:
        columns: their names.
        rows: as many values each.
    """
    clean = [[printable(value) for value in row] for row in rows]
    if not sys.stdout.isatty():
        widths = [max(map(len, column)) for column in zip(columns, *clean, strict=True)]
        for row in (columns, *clean):
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            click.echo("  ".join(cells).rstrip())
        return
    from rich import box  # noqa: PLC0415 - as above
    from rich.table import Table  # noqa: PLC0415 - as above

    table = Table(*columns, box=box.ROUNDED)
    for row in clean:
        table.add_row(*row)
    _draw(table)


def printable(text: str) -> str:
    """This text in one line that does nothing to a terminal, whoever has written it."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


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


def size(count: float) -> str:
    """``17.5 MiB``."""
    for unit in _UNITS[:-1]:
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} {_UNITS[-1]}"


def _draw(table: object) -> None:
    from rich.console import Console  # noqa: PLC0415 - as above

    Console(markup=False, highlight=False).print(table)
