"""``cletus store migrate`` and ``verify``."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter

import click

from cletus.cli import display
from cletus.cli.store.group import AS_JSON, DRY_RUN, NO_CODE, ONLY, PROBLEMS, STORE, TARGET, command
from cletus.cli.store.moving import export_to
from cletus.cli.store.stored import Stored, owning, reading
from cletus.errors import NotTransferable
from cletus.storage.tools.migrate import Migration, in_words
from cletus.storage.tools.verify import Category, Finding, Severity, verify
from cletus.text.plural import counted

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "bright_black"}


@command(
    "migrate",
    TARGET,
    DRY_RUN,
    click.option("--backup", metavar="FILE", help="first export everything to this new file"),
    ONLY,
    STORE,
)
def _migrate(
    target: str, dry_run: bool, backup: str | None, only: tuple[str, ...], store: str | None
) -> None:
    """Migrate all documents to the version of the code, by the application's migrate().

    Documents of that version are not changed. A document whose migration fails is reported and not
    changed; the others are migrated, and the exit code is 1.
    """
    with reading(target, store) as stored:
        classes = stored.classes
        names = [
            name
            for name in stored.stores(only)
            if name in classes and not classes[name].schema.is_temporary
        ]
        if dry_run:
            failed = _migrate_stores(stored, names, write=False)
        else:
            with owning(stored, "migrate"):
                if backup is not None:
                    _back_up(stored, backup)
                failed = _migrate_stores(stored, names, write=True)
    if failed:
        sys.exit(PROBLEMS)


def _back_up(stored: Stored, path: str) -> None:
    if os.path.lexists(path):  # a second run must not overwrite the backup of the first
        raise NotTransferable(f"{path} exists already; give the backup another name")
    if export_to(stored, stored.stores(), path).missing:
        raise NotTransferable("the backup is not complete, so nothing was migrated")


def _migrate_stores(stored: Stored, names: list[str], *, write: bool) -> int:
    """Migrate; returns the number of failures."""
    totals = {name: len(stored.backend.keys(name)) for name in names}
    done: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    work = Migration(stored.backend, [stored.classes[name] for name in names], write=write)
    with display.progress("Migrating", sum(totals.values())) as seen:
        for step in work.run(seen):
            (done if step.error is None else failed)[step.store] += 1
            if step.error is not None:
                display.line(_failure(step.location, step.error), _COLOURS[Severity.ERROR])
    verb = "migrated" if write else "would be migrated"
    for name in names:
        current = totals[name] - done[name] - failed[name]
        counts = {verb: done[name], "failed": failed[name], "up to date": max(current, 0)}
        words = ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)
        display.line(f"{name} (version {stored.classes[name].version}): {words or 'nothing saved'}")
    return failed.total()


def _failure(location: str, error: Exception) -> str:
    words = in_words(error)
    return words if location in words else f"{location}: {words}"


@command(
    "verify",
    TARGET,
    click.option(
        "-v", "--verbose", is_flag=True, help="report documents of an earlier version, too"
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
    """Read every stored document as the code would, and report problems.

    Errors are documents that cannot be used; the exit code is 1 if there are any. References to missing
    objects, stores that the code does not have, and files that are not documents are warnings.
    """
    with reading(target, store, code=code) as stored:
        names = stored.stores(only)
        count: Counter[Severity] = Counter()
        read = 0

        with display.progress("Verifying", stored.count(names)) as seen:

            def count_document(*_: str) -> None:
                nonlocal read
                read += 1
                seen()

            for finding in verify(stored.backend, stored.classes, names, count_document):
                if finding.category is Category.UNKNOWN and not stored.has_code:
                    continue
                count[finding.severity] += 1
                _show_finding(finding, as_json=as_json, verbose=verbose)
    _show_summary(read, count, target)
    if count[Severity.ERROR]:
        sys.exit(PROBLEMS)


def _show_finding(finding: Finding, *, as_json: bool, verbose: bool) -> None:
    if as_json:
        fields = {
            "severity": finding.severity.value,
            "kind": finding.category.value,
            "store": finding.store,
            "key": finding.key,
            "place": finding.location,
            "line": finding.line,
            "reason": finding.reason,
        }
        display.line(json.dumps(fields))
    elif verbose or finding.severity is not Severity.NOTE:
        display.line(f"{finding.severity.value}: {finding}", _COLOURS[finding.severity])


def _show_summary(read: int, count: Counter[Severity], target: str) -> None:
    errors = counted(count[Severity.ERROR], "error")
    warnings = counted(count[Severity.WARNING], "warning")
    words = f"{counted(read, 'document')}: {errors}, {warnings}"
    if count[Severity.NOTE]:
        words += (
            f"; {count[Severity.NOTE]:,} of an earlier version, which is not a problem "
            f"(cletus store migrate {target} migrates them)"
        )
    display.note(words)
