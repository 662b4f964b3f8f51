"""Facts about one thing, for people: drawn on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cletus.cli.display import line, visible

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def show_facts(title: str, facts: Mapping[str, str]) -> None:
    """A name and its value in each line.

    Args:
        title: what they are about; shown on a terminal only.
        facts: values may have several lines; where nothing is drawn, semicolons separate these.
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
    """Seconds since the epoch, as the date and time here."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
