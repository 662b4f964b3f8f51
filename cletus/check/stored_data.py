"""Read every saved document as ``saved()`` does: migrated in memory, checked by type, never written."""

from __future__ import annotations

from collections.abc import Iterator

from cletus.check.finding import Finding, Level, Location, warning
from cletus.check.target import Target
from cletus.errors import StorageError, StoreUnusable
from cletus.storage import backend_for
from cletus.storage.interfaces import Backend
from cletus.storage.tools.browse import stores_in
from cletus.storage.tools.verify import Category, Severity, verify
from cletus.storage.tools.verify import Finding as StoreFinding

#: Maximum findings of a store that are reported singly, so that a broken store does not fill the memory.
FINDINGS_MAX = 1000

_NAMES = {
    Category.UNREADABLE: "unreadable",
    Category.NEWER: "newer",
    Category.MISNAMED: "misnamed",
    Category.LOST: "lost",
    Category.MISTYPED: "mistyped",
    Category.DANGLING: "dangling",
    Category.UNKNOWN: "unknown-store",
    Category.UNKNOWN_DOCUMENT: "unknown-document",
    Category.OUTDATED: "outdated",
}
_TODO = {
    Category.UNREADABLE: "mend the file, or put back an earlier copy; until then it is left alone",
    Category.NEWER: "run the code that saved it, or a later version",
    Category.MISNAMED: "rename the file",
    Category.LOST: "declare the field, or take it out of the file",
    Category.MISTYPED: "correct the value, or state the type of the field",
    Category.DANGLING: "it reads as None; save what is missing, or take the reference out",
    Category.UNKNOWN: "import the module that defines it, or move the folder away",
    Category.UNKNOWN_DOCUMENT: "look at it, and move it away",
}


def check_stored_data(target: Target) -> Iterator[Finding]:
    """Read every document of every store that the code declares or the backend has."""
    if target.backend is None:
        yield from _unseen(target)
        return
    try:
        names = stores_in(target.backend, target.service.session.stores)
    except StorageError:
        return  # the check of the settings reports that the folder cannot be read
    for name in names:
        yield from _in_store(target, target.backend, name)


def _unseen(target: Target) -> Iterator[Finding]:
    settings = target.service.settings
    try:
        backend_for(settings)
    except StoreUnusable:
        return  # the check of the settings reports it
    yield warning(
        "unseen",
        "saved data is not checked: this backend would have to be opened for that",
        "stop the service, and run `cletus store verify`",
        Location("setting store"),
    )


def _in_store(target: Target, backend: Backend, name: str) -> Iterator[Finding]:
    total = len(backend.keys(name))
    done = 0

    def seen(_store: str, _key: str) -> None:
        nonlocal done
        done += 1
        target.progress(f"Reading {name}", total, done)

    report = _StoreReport()
    yield from report.findings(verify(backend, target.service.session.stores, [name], seen))
    if report.more:
        message = f"{report.more} more findings in the store {name!r} are not shown"
        todo = "`cletus store verify` shows them all"
        yield warning("more", message, todo, Location(report.path))
    if report.outdated:
        yield _outdated(name, report)


class _StoreReport:
    """The findings of a store: the first ones singly, the others counted.

    Attributes:
        more: findings that are only counted.
        outdated: documents of an earlier version.
        reason, path: of the first of these.
    """

    def __init__(self) -> None:
        self.more = 0
        self.outdated = 0
        self.reason = ""
        self.path = ""

    def findings(self, findings: Iterator[StoreFinding]) -> Iterator[Finding]:
        """The findings that are reported singly."""
        count = 0
        for finding in findings:
            if finding.category is Category.OUTDATED:
                self.outdated += 1
                self.reason = self.reason or finding.reason
                self.path = self.path or finding.location
            elif count < FINDINGS_MAX:
                count += 1
                yield _finding(finding)
            else:
                self.more += 1
                self.path = self.path or finding.location


def _finding(finding: StoreFinding) -> Finding:
    level = Level.ERROR if finding.severity is Severity.ERROR else Level.WARNING
    document = f"{finding.store} {finding.key!r}" if finding.key else finding.store
    name, todo = _NAMES[finding.category], _TODO[finding.category]
    message = f"{document}: {finding.reason}"
    return Finding(level, name, message, todo, finding.location, finding.line)


def _outdated(name: str, report: _StoreReport) -> Finding:
    documents = "1 document is" if report.outdated == 1 else f"{report.outdated} documents are"
    return warning(
        "outdated",
        f"{documents} of an earlier version of {name!r} and migrated at each load; the first: "
        f"{report.reason}",
        "`cletus store migrate` migrates them for good",
        Location(report.path),
    )
