"""``cletus check TARGET``: find problems without starting anything."""

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

from cletus.check import Finding, Importer, Level, run_checks
from cletus.check.target import Progress
from cletus.cli.main import HELP, TargetType, refuse
from cletus.errors import USAGE, CletusError

if TYPE_CHECKING:
    from rich.console import Console

#: The least number of steps for which there is a progress bar.
_PROGRESS_MIN = 500
_STYLES = {Level.ERROR: "bold red", Level.WARNING: "yellow"}


@click.command(context_settings=HELP)
@click.argument("target", type=TargetType())
@click.option("--json", "as_json", is_flag=True, help="print a JSON object, for programs")
@click.option("--strict", is_flag=True, help="exit with code 1 for warnings, too")
@click.option(
    "--ignore",
    multiple=True,
    metavar="NAME",
    help="leave out findings with this name, such as lost",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="seconds for the import; 0 means no limit",
)
@click.option("--store", help="check this store (a folder or URL) instead of the target's")
def check(
    target: str,
    as_json: bool,
    strict: bool,
    ignore: tuple[str, ...],
    timeout: float,
    store: str | None,
) -> None:
    """Import TARGET without opening anything, and report problems.

    Exit code: 0 without errors, 1 with errors, 2 if TARGET cannot be imported.
    """
    before = threading.enumerate()
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it, so not before

    options = {} if store is None else {"store": store}
    try:
        importer = Importer(target, Path.cwd(), os.environ, options, reactor, timeout)
        with _progress() as progress:
            imported = importer.load(progress)
            findings = list(importer.findings)
            if imported is not None:
                findings += run_checks(imported)
    except CletusError as error:
        refuse(error)
    shown = [_short(finding) for finding in findings if finding.name not in ignore]
    loaded = imported is not None
    if as_json:
        click.echo(json.dumps(_as_json(target, shown, loaded), indent=2))
    else:
        _show(shown, target, loaded)
    _leave(_exit_code(shown, loaded, strict), before)


def _leave(code: int, before: Sequence[threading.Thread]) -> NoReturn:
    """End the process, even if the application has started a thread that never ends."""
    started = [thread for thread in threading.enumerate() if thread not in before]
    if not all(thread.daemon for thread in started):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _exit_code(findings: Sequence[Finding], loaded: bool, strict: bool) -> int:
    if not loaded:
        return USAGE
    failing = {Level.ERROR, Level.WARNING} if strict else {Level.ERROR}
    return int(any(finding.level in failing for finding in findings))


def _short(finding: Finding) -> Finding:
    """The finding with its path relative to the current folder."""
    path = Path(finding.file)
    if not path.is_absolute() or not path.is_relative_to(Path.cwd()):
        return finding
    return dataclasses.replace(finding, file=str(path.relative_to(Path.cwd())))


def _as_json(target: str, findings: Sequence[Finding], loaded: bool) -> dict[str, Any]:
    return {
        "target": target,
        "loaded": loaded,
        "errors": _count(findings, Level.ERROR),
        "warnings": _count(findings, Level.WARNING),
        "findings": [
            {
                **dataclasses.asdict(finding),
                "level": finding.level.value,
                "line": finding.line or None,
            }
            for finding in findings
        ],
    }


def _count(findings: Sequence[Finding], level: Level) -> int:
    return sum(finding.level is level for finding in findings)


def _show(findings: Sequence[Finding], target: str, loaded: bool) -> None:
    from rich.console import Console  # noqa: PLC0415 - slow to import, and not needed for JSON

    console = Console(highlight=False, soft_wrap=True)
    for group, members in groupby(findings, key=lambda finding: finding.group):
        console.print(group, style="bold", markup=False)
        for finding in members:
            _show_finding(console, finding)
    console.print(_summary(findings, target, loaded), markup=False)


def _show_finding(console: Console, finding: Finding) -> None:
    """Print a finding: wrapped on a terminal, on lines of any length otherwise, as for ``grep``."""
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    location = f"{finding.file}:{finding.line}" if finding.line else finding.file
    level = Text(f"  {finding.level.value:<7}", style=_STYLES[finding.level])
    message = Text()
    message.append(f"{location}  " if location else "", style="cyan")
    message.append(finding.what)
    message.append(f" [{finding.name}]", style="dim")
    if console.is_terminal:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_row(level, message)
        grid.add_row("", Text(finding.todo, style="dim"))
        console.print(grid, soft_wrap=False)
    else:
        console.print(
            level.append("  ").append(message), Text(f"           {finding.todo}"), sep="\n"
        )


def _summary(findings: Sequence[Finding], target: str, loaded: bool) -> str:
    counts = [
        f"{count} {level.value}{'' if count == 1 else 's'}"
        for level in Level
        if (count := _count(findings, level))
    ]
    if not loaded:
        return f"{target} cannot be imported: {', '.join(counts)}"
    return f"{target}: {', '.join(counts) or 'no problems found'}"


@contextmanager
def _progress() -> Iterator[Progress]:
    """A progress bar on stderr for long work, if that is a terminal."""
    if not _is_terminal():
        yield lambda _name, _total, _done: None
        return
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.progress import Progress as Bar  # noqa: PLC0415 - as above

    bar = Bar(console=Console(stderr=True), transient=True)
    tasks: dict[str, Any] = {}

    def report(name: str, total: int, done: int) -> None:
        if total < _PROGRESS_MIN:
            return
        if name not in tasks:
            bar.start()
            tasks[name] = bar.add_task(name, total=total)
        bar.update(tasks[name], completed=done)

    try:
        yield report
    finally:
        bar.stop()


def _is_terminal() -> bool:
    return sys.stderr.isatty()
