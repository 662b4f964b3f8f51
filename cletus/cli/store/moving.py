"""``cletus store export``, ``import`` and ``copy``: stored data in a file, or in another store."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from shutil import copyfileobj
from typing import BinaryIO

import click

from cletus.cli import display
from cletus.cli.store.group import DRY_RUN, NO_CODE, ONLY, PROBLEMS, STORE, TARGET, command
from cletus.cli.store.stored import Stored, owning, reading
from cletus.errors import NotTransferable, StoreInUse, StoreLocked
from cletus.settings.settings import Settings
from cletus.storage import Backend, backend_for
from cletus.storage.backends.atomic_file import atomic_file
from cletus.storage.backends.urls import shown
from cletus.storage.tools import copy as copying
from cletus.storage.tools import export as exporting
from cletus.storage.tools.browse import stores_in
from cletus.storage.tools.dump_format import FORMAT, VERSION, Header
from cletus.storage.tools.import_ import Fate, Import, Plan, Taken
from cletus.text.plural import counted
from cletus.version import __version__


@command("export", TARGET, click.argument("file"), ONLY, STORE, NO_CODE)
def _export(target: str, file: str, only: tuple[str, ...], store: str | None, code: bool) -> None:
    """Write all stored data of TARGET to FILE, or to the standard output if that is -.

    FILE is JSON Lines: a header, a line for each document, and a last line. It contains secrets, too. It
    is written completely or not at all.
    """
    with reading(target, store, code=code) as stored:
        exported = export_to(stored, stored.stores(only), file)
    if exported.missing:
        sys.exit(PROBLEMS)


def export_to(stored: Stored, stores: list[str], path: str) -> exporting.Exported:
    """Export these stores to a file, with a progress bar, and show the result.

    Raises:
        NotTransferable: the file cannot be written.
        StorageError: the stores cannot be listed.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    header = Header(format=FORMAT, version=VERSION, cletus=__version__, time=now, name=stored.name)
    with (
        display.progress("Exporting", stored.count(stores)) as seen,
        _written(path) as file,
    ):
        exported = exporting.export(stored.backend, stores, file, header, seen)
    for error in exported.errors:
        display.note(f"left out: {error}")
    if exported.missing > len(exported.errors):
        display.note(f"and {exported.missing - len(exported.errors)} more")
    destination = "" if path == "-" else f" to {path}"
    display.note(f"Exported {counted(exported.count, 'document')}{destination}")
    return exported


@contextmanager
def _written(path: str) -> Iterator[BinaryIO]:
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        with atomic_file(path) as file:
            yield file
    except OSError as error:
        raise NotTransferable(f"{path} cannot be written: {error.strerror}") from error


@command(
    "import",
    TARGET,
    click.argument("file"),
    DRY_RUN,
    click.option(
        "--replace",
        "taken",
        flag_value="REPLACE",
        help="overwrite documents with the same keys",
    ),
    click.option(
        "--skip", "taken", flag_value="SKIP", help="keep existing documents with the same keys"
    ),
    click.option(
        "--unchecked", is_flag=True, help="import documents that the code cannot read, too"
    ),
    STORE,
    NO_CODE,
)
def _import(
    target: str,
    file: str,
    dry_run: bool,
    taken: str | None,
    unchecked: bool,
    store: str | None,
    code: bool,
) -> None:
    """Import the documents of FILE, which `export` has written, or of the standard input if that is -.

    All of FILE is checked before anything is written. Without --replace or --skip, it is refused if
    other documents have some of its keys. Identical documents are not written again, so an import that
    was interrupted can be repeated.
    """
    with reading(target, store, code=code) as stored, _readable(file) as source:
        policy = Taken[taken or "REFUSE"]
        work = Import(stored.backend, source, stored.classes, policy, unchecked=unchecked)
        if dry_run:
            _show_plan(_checked(work, source), dry_run=True)
            return
        with owning(stored, "import"):
            plan = _checked(work, source)
            failures = _write(work, plan)
    if failures:
        display.note(
            "Some documents were not imported; repeat the import when the cause is removed"
        )
        sys.exit(PROBLEMS)
    _show_plan(plan, dry_run=False)


def _checked(work: Import, source: BinaryIO) -> Plan:
    total = os.fstat(source.fileno()).st_size
    with display.progress("Checking", total) as advance:
        position = 0

        def seen(_line: int) -> None:
            nonlocal position
            before, position = position, source.tell()
            advance(position - before)

        return work.plan(seen)


def _write(work: Import, plan: Plan) -> int:
    failures = 0
    total = plan.total(*Fate)
    with display.progress("Importing", total) as seen:
        for failure in work.write(seen):
            failures += 1
            display.line(str(failure.error), "red")
    return failures


def _show_plan(plan: Plan, *, dry_run: bool) -> None:
    for store, fates in sorted(plan.fates.items()):
        words = ", ".join(f"{fates[fate]:,} {fate.value}" for fate in Fate if fates[fate])
        display.line(f"{store}: {words}")
    written = counted(plan.total(Fate.NEW, Fate.REPLACED), "document")
    display.note(f"{written} would be imported" if dry_run else f"Imported {written}")


@command(
    "copy",
    click.argument("source", metavar="FROM"),
    click.argument("target", metavar="TO"),
)
def _copy(source: str, target: str) -> None:
    """Copy all documents FROM one store TO another, while no service runs on either.

    FROM and TO are what the setting `store` takes: a folder, sqlite:///path/to/file.db or
    postgresql://... TO must be empty, but for an earlier copy of the same documents that was
    interrupted. The copy is read again and compared with the original by number and digest.
    """
    if not shown(target):
        raise NotTransferable("a copy in memory would end with this command")
    original, copied = (backend_for(Settings(store=store)) for store in (source, target))
    if original.location("a", "a") == copied.location("a", "a"):
        raise NotTransferable(f"FROM and TO are both {shown(source)}")
    count = sum(len(original.keys(name)) for name in stores_in(original, ()))
    if not count:
        raise NotTransferable(f"{shown(source)} has no documents")
    with _owned(original), _owned(copied), display.progress("Copying", count) as seen:
        contents = copying.copy(original, copied, seen)
    documents = counted(contents.count, "document")
    display.note(f"Copied {documents} to {shown(target)}")
    display.line(f"SHA-256 of both: {contents.digest}")


@contextmanager
def _owned(backend: Backend) -> Iterator[None]:
    try:
        backend.open()
    except StoreLocked as error:
        raise StoreInUse(error.location, error.pid, "copy") from None
    try:
        yield
    finally:
        backend.close()


@contextmanager
def _readable(path: str) -> Iterator[BinaryIO]:
    """The file. It is read twice, so what cannot seek is copied to a temporary file."""
    try:
        opened = sys.stdin.buffer if path == "-" else open(path, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise NotTransferable(f"{path} cannot be read: {error.strerror}") from error
    with opened as file:
        if path != "-" and file.seekable():
            yield file
            return
        with tempfile.TemporaryFile() as copy:
            copyfileobj(file, copy)
            copy.seek(0)
            yield copy
