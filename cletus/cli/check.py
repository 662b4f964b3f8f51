"""``cletus check TARGET``: what would go wrong, found without starting anything."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from cletus.check import Finding, Intake, Level, run_checks
from cletus.check.target import Progress
from cletus.cli.main import HELP, refuse
from cletus.errors import USAGE, CletusError

if TYPE_CHECKING:
    from rich.console import Console

#: With fewer files than this, there is nothing to wait for.
_MANY = 500
_STYLES = {Level.ERROR: "bold red", Level.WARNING: "yellow"}


@click.command(context_settings=HELP)
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="write one JSON object, for machines")
@click.option("--strict", is_flag=True, help="let warnings fail, too: exit code 1")
@click.option(
    "--ignore", multiple=True, metavar="NAME", help="leave out findings of this name, such as lost"
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="seconds that the import may take; 0 means no limit",
)
@click.option("--store", help="folder (or URL) of the stores, if not the target's own")
def check(
    target: str,
    as_json: bool,
    strict: bool,
    ignore: tuple[str, ...],
    timeout: float,
    store: str | None,
) -> None:
    """Import TARGET without opening anything, and say what would go wrong.

    Exit code: 0 if there is no error, 1 if there is one, 2 if TARGET cannot be imported at all.
    """
    before = threading.enumerate()
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it, so not before

    options = {} if store is None else {"store": store}
    try:
        intake = Intake(target, Path.cwd(), os.environ, options, reactor, timeout)
        with _progress() as progress:
            subject = intake.load(progress)
            findings = list(intake.findings)
            if subject is not None:
                findings += run_checks(subject)
    except CletusError as error:
        refuse(error)
    shown = [_short(one) for one in findings if one.name not in ignore]
    loaded = subject is not None
    if as_json:
        click.echo(json.dumps(_for_machines(target, shown, loaded), indent=2))
    else:
        _show(shown, target, loaded)
    _leave(_exit_code(shown, loaded, strict), before)


def _leave(code: int, before: Sequence[threading.Thread]) -> NoReturn:
    """End the process, also if the application has started a thread that never ends."""
    if any(one not in before and not one.daemon for one in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _exit_code(findings: Sequence[Finding], loaded: bool, strict: bool) -> int:
    if not loaded:
        return USAGE
    failing = {Level.ERROR, Level.WARNING} if strict else {Level.ERROR}
    return int(any(one.level in failing for one in findings))


def _short(finding: Finding) -> Finding:
    """With its path as people write it, from the current folder on."""
    path = Path(finding.file)
    if not path.is_absolute() or not path.is_relative_to(Path.cwd()):
        return finding
    return dataclasses.replace(finding, file=str(path.relative_to(Path.cwd())))


def _for_machines(target: str, findings: Sequence[Finding], loaded: bool) -> dict[str, Any]:
    return {
        "target": target,
        "loaded": loaded,
        "errors": _count(findings, Level.ERROR),
        "warnings": _count(findings, Level.WARNING),
        "findings": [
            {**dataclasses.asdict(one), "level": one.level.value, "line": one.line or None}
            for one in findings
        ],
    }


def _count(findings: Sequence[Finding], level: Level) -> int:
    return sum(1 for one in findings if one.level is level)


def _show(findings: Sequence[Finding], target: str, loaded: bool) -> None:
    from rich.console import Console  # noqa: PLC0415 - only what shows something imports rich

    console = Console(highlight=False, soft_wrap=True)
    for group, each in groupby(findings, key=lambda one: one.group):
        console.print(group, style="bold", markup=False)
        for one in each:
            _show_one(console, one)
    console.print(_summary(findings, target, loaded), markup=False)


def _show_one(console: Console, one: Finding) -> None:
    """On a terminal wrapped beside the level; else, for ``grep`` and the like, never wrapped."""
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    place = f"{one.file}:{one.line}" if one.line else one.file
    level = Text(f"  {one.level.value:<7}", style=_STYLES[one.level])
    said = Text()
    said.append(f"{place}  " if place else "", style="cyan")
    said.append(one.what)
    said.append(f" [{one.name}]", style="dim")
    if console.is_terminal:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_row(level, said)
        grid.add_row("", Text(one.todo, style="dim"))
        console.print(grid, soft_wrap=False)
    else:
        console.print(level.append("  ").append(said), Text(f"           {one.todo}"), sep="\n")


def _summary(findings: Sequence[Finding], target: str, loaded: bool) -> str:
    counts = [
        f"{count} {level.value}{'' if count == 1 else 's'}"
        for level in Level
        if (count := _count(findings, level))
    ]
    if not loaded:
        return f"{target} cannot be imported: {', '.join(counts)}"
    return f"{target}: {', '.join(counts) or 'nothing to complain of'}"


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on stderr, if that is a terminal, for what has many parts."""
    if not _is_terminal():
        yield lambda _what, _total, _done: None
        return
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.progress import Progress as Bar  # noqa: PLC0415 - as above

    bar = Bar(console=Console(stderr=True), transient=True)
    tasks: dict[str, Any] = {}

    def report(what: str, total: int, done: int) -> None:
        if total < _MANY:
            return
        if what not in tasks:
            bar.start()
            tasks[what] = bar.add_task(what, total=total)
        bar.update(tasks[what], completed=done)

    try:
        yield report
    finally:
        bar.stop()


def _is_terminal() -> bool:
    return sys.stderr.isatty()
