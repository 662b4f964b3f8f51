"""``cletus store migrate`` and ``verify``: that the code can use what is stored."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter

import click

from cletus.cli import display
from cletus.cli.store.group import AS_JSON, DRY_RUN, NO_CODE, ONLY, STORE, TARGET, WRONG, command
from cletus.cli.store.moving import export_to
from cletus.cli.store.stored import Stored, looking, owning
from cletus.errors import NotTransferable
from cletus.storage.tools.migrate import Migration, in_words
from cletus.storage.tools.verify import Category, Finding, Severity, verify

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "bright_black"}


@command(
    "migrate",
    TARGET,
    DRY_RUN,
    click.option(
        "--backup", metavar="FILE", help="first export everything to this file, a new one"
    ),
    ONLY,
    STORE,
)
def _migrate(
    target: str, dry_run: bool, backup: str | None, only: tuple[str, ...], store: str | None
) -> None:
    """Bring all documents to the version of the code, by the application's own migrate().

    What is of that version already is not touched. What cannot be brought up is named and left as it
    is; the others are brought up all the same, and the exit code is 1.
    """
    with looking(target, store) as stored:
        classes = stored.classes
        names = [
            name
            for name in stored.stores(only)
            if name in classes and not classes[name].schema.is_temporary
        ]
        if dry_run:
            failed = _bring_up(stored, names, write=False)
        else:
            with owning(stored, "migrate"):
                if backup is not None:
                    _back_up(stored, backup)
                failed = _bring_up(stored, names, write=True)
    if failed:
        sys.exit(WRONG)


def _back_up(stored: Stored, path: str) -> None:
    if os.path.lexists(path):  # a second run must not replace what the first one has saved
        raise NotTransferable(f"{path} is there already; give the backup another name")
    if export_to(stored, stored.stores(), path).missing:
        raise NotTransferable("the backup is not complete, so nothing was migrated")


def _bring_up(stored: Stored, names: list[str], *, write: bool) -> int:
    """How many could not be brought up."""
    totals = {name: len(stored.home.keys(name)) for name in names}
    done: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    work = Migration(stored.home, [stored.classes[name] for name in names], write=write)
    with display.progress("Migrating", sum(totals.values())) as seen:
        for one in work.run(seen):
            (done if one.error is None else failed)[one.store] += 1
            if one.error is not None:
                display.line(_failure(one.location, one.error), _COLOURS[Severity.ERROR])
    verb = "brought up" if write else "would be brought up"
    for name in names:
        rest = totals[name] - done[name] - failed[name]
        counts = {verb: done[name], "failed": failed[name], "up to date": max(rest, 0)}
        words = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
        display.line(f"{name} (version {stored.classes[name].version}): {words or 'nothing saved'}")
    return failed.total()


def _failure(place: str, error: Exception) -> str:
    words = in_words(error)
    return words if place in words else f"{place}: {words}"


@command(
    "verify",
    TARGET,
    click.option(
        "-v", "--verbose", is_flag=True, help="name also what is merely of an earlier version"
    ),
    AS_JSON,
    ONLY,
    STORE,
    NO_CODE,
)
def _verify(
    target: str,
    verbose: bool,
    as_json: bool,
    only: tuple[str, ...],
    store: str | None,
    code: bool,
) -> None:
    """Read every stored document as the code would, and tell what is wrong.

    Errors are documents that cannot be used; the exit code is 1 if there are any. References to what
    is not saved, stores that the code does not have, and files that are no documents are warnings.
    """
    with looking(target, store, code=code) as stored:
        names = stored.stores(only)
        count: Counter[Severity] = Counter()
        read = 0

        with display.progress("Verifying", stored.count(names)) as seen:

            def one_read(*_: str) -> None:
                nonlocal read
                read += 1
                seen()

            for found in verify(stored.home, stored.classes, names, one_read):
                if found.category is Category.UNKNOWN and not stored.has_code:
                    continue
                count[found.severity] += 1
                _say_finding(found, as_json=as_json, verbose=verbose)
    _sum_up(read, count, target)
    if count[Severity.ERROR]:
        sys.exit(WRONG)


def _say_finding(found: Finding, *, as_json: bool, verbose: bool) -> None:
    if as_json:
        said = {
            "severity": found.severity.value,
            "kind": found.category.value,
            "store": found.store,
            "key": found.key,
            "place": found.location,
            "line": found.line,
            "reason": found.reason,
        }
        display.line(json.dumps(said))
    elif verbose or found.severity is not Severity.NOTE:
        display.line(f"{found.severity.value}: {found}", _COLOURS[found.severity])


def _sum_up(read: int, count: Counter[Severity], target: str) -> None:
    errors = display.counted(count[Severity.ERROR], "error")
    warnings = display.counted(count[Severity.WARNING], "warning")
    words = f"{display.counted(read, 'document')}: {errors}, {warnings}"
    if count[Severity.NOTE]:
        words += (
            f"; {count[Severity.NOTE]:,} of an earlier version, which is all right "
            f"(cletus store migrate {target} brings them up)"
        )
    display.note(words)
