"""Saved files as ``saved()`` would meet them: read, migrated in memory, checked by type, never written."""

from __future__ import annotations

from collections.abc import Iterator

from cletus.check.finding import Finding, Level, Place, warning
from cletus.check.target import Subject
from cletus.errors import StorageError, StoreUnusable
from cletus.storage import backend_for
from cletus.storage.interfaces import Backend
from cletus.storage.tools.browse import stores_in
from cletus.storage.tools.verify import Category, Severity, verify
from cletus.storage.tools.verify import Finding as Found

#: So many findings of one store are told one by one, so that a spoilt store does not fill the memory.
MOST = 1000

_NAMES = {
    Category.UNREADABLE: "unreadable",
    Category.NEWER: "newer",
    Category.MISNAMED: "misnamed",
    Category.DANGLING: "dangling",
    Category.UNKNOWN: "unknown-store",
    Category.UNKNOWN_DOCUMENT: "unknown-document",
    Category.OUTDATED: "outdated",
}
_TODO = {
    Category.UNREADABLE: "mend the file, or put back an earlier copy; until then it is left alone",
    Category.NEWER: "run the code that saved it, or a later version",
    Category.MISNAMED: "rename the file",
    Category.DANGLING: "it reads as None; save what is missing, or take the reference out",
    Category.UNKNOWN: "import the module that defines it, or move the folder away",
    Category.UNKNOWN_DOCUMENT: "look at it, and move it away",
}


def check_saved(subject: Subject) -> Iterator[Finding]:
    """Read every document of every store that the code declares or the home has."""
    if subject.home is None:
        yield from _unseen(subject)
        return
    try:
        names = stores_in(subject.home, subject.service.session.stores)
    except StorageError:
        return  # the check of the settings has said that the folder cannot be read
    for name in names:
        yield from _in_store(subject, subject.home, name)


def _unseen(subject: Subject) -> Iterator[Finding]:
    settings = subject.service.settings
    try:
        backend_for(settings)
    except StoreUnusable:
        return  # the check of the settings has said so
    yield warning(
        "unseen",
        "what is saved is not looked into: this kind of home would have to be opened for that",
        "stop the service, and run `cletus store verify`",
        Place("setting store"),
    )


def _in_store(subject: Subject, home: Backend, name: str) -> Iterator[Finding]:
    total = len(home.keys(name))
    done = 0

    def seen(_store: str, _key: str) -> None:
        nonlocal done
        done += 1
        subject.progress(f"Reading {name}", total, done)

    told = _Told()
    yield from told.findings(verify(home, subject.service.session.stores, [name], seen))
    if told.more:
        what = f"{told.more} more findings in the store {name!r} are not shown"
        todo = "`cletus store verify` shows them all"
        yield warning("more", what, todo, Place(told.place))
    if told.outdated:
        yield _outdated(name, told)


class _Told:
    """What is told of one store one by one; the rest is counted.

    Attributes:
        more: findings that are not told.
        outdated: documents of an earlier version.
        reason, place: of the first of these, or of the last that is not told.
    """

    def __init__(self) -> None:
        self.more = 0
        self.outdated = 0
        self.reason = ""
        self.place = ""

    def findings(self, found: Iterator[Found]) -> Iterator[Finding]:
        """All that is told one by one."""
        told = 0
        for one in found:
            if one.category is Category.OUTDATED:
                self.outdated += 1
                self.reason, self.place = self.reason or one.reason, self.place or one.location
            elif told < MOST:
                told += 1
                yield _finding(one)
            else:
                self.more += 1
                self.place = self.place or one.location


def _finding(one: Found) -> Finding:
    level = Level.ERROR if one.severity is Severity.ERROR else Level.WARNING
    what = f"{one.store} {one.key!r}: {one.reason}" if one.key else f"{one.store}: {one.reason}"
    return Finding(level, _NAMES[one.category], what, _TODO[one.category], one.location, one.line)


def _outdated(name: str, told: _Told) -> Finding:
    documents = "1 document is" if told.outdated == 1 else f"{told.outdated} documents are"
    return warning(
        "outdated",
        f"{documents} of an earlier version of {name!r} and brought up whenever they are loaded; of "
        f"the first: {told.reason}",
        "`cletus store migrate` brings them up once and for all",
        Place(told.place),
    )
