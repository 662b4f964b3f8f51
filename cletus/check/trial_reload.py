"""A reload on trial: the application is imported a second time aside, as its first reload would.

It is the reload's own transaction, on objects that exist for the trial alone. Nothing is started: no
listener is called, no timer runs, no file is watched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from twisted.internet.task import Clock

from cletus.check.fields import KEY
from cletus.check.finding import Finding, Place, error, warning
from cletus.check.side_effects import left_by, registered, set_by
from cletus.check.target import Subject
from cletus.reload import ReloadReport, ServiceReloader
from cletus.reload.code.diff import Diff
from cletus.reload.code.modules import installed
from cletus.reload.effects.ledger import Ledger
from cletus.reload.effects.registrations import CallSites
from cletus.reload.leaks.describe import Describer
from cletus.reload.leaks.old_code import OldCode, collect
from cletus.reload.leaks.retire import LeakFinder
from cletus.reload.transaction import Transaction
from cletus.storage import Manager


def check_reload(subject: Subject) -> Iterator[Finding]:
    """Reload once, and tell what refused it, what it left behind, and what holds the old code."""
    yield from set_by(subject.changed)
    service = subject.service
    service.set("command line", {"reload": False})  # nothing is to be watched
    service.reactor = subject.reactor
    reloader = ServiceReloader(service)
    reloader.start()
    try:
        yield from list(_reload(subject))
    finally:
        reloader.stop()
        service.reactor = None


def _reload(subject: Subject) -> Iterator[Finding]:
    finder = installed(subject.application)
    if finder is None:
        return  # the service was made by no module body: there is nothing that a reload rebuilds
    subject.service.session.flushed()
    _make_objects(subject)
    report = ReloadReport()
    transaction = Transaction(subject.service, finder, Diff(finder.sources), report)
    first = _left(subject.ledger, subject)
    if not transaction.run():
        yield _refused(report)
        yield from first
        subject.ledger.undo()
        return
    old, ledger = transaction.old_code, transaction.ledger
    del transaction  # it holds what it has carried
    left = _left(ledger, subject)
    yield from left
    # What has come since the first import is what both have left.
    cannot_undo = [*ledger.recorder.undo(), *subject.ledger.undo()]
    del ledger  # it knows what the first import has made
    finder.registrations = []
    for sentence in _holders(subject, old):
        if not (cannot_undo or any(one.name == "thread" for one in left)):
            yield _held(sentence)


def _make_objects(subject: Subject) -> None:
    """An active object of each store, so that there is something to carry over."""
    for store_cls in subject.stores():
        with suppress(Exception):  # what is wrong with it is for the check of fields to say
            obj = store_cls.schema.detached(KEY)
            store_cls.schema.detached(KEY).from_dict(obj.to_dict(session=True), session=True)
            Manager.add_active(store_cls.manager, obj)


def _left(ledger: Ledger, subject: Subject) -> list[Finding]:
    """What an import has left behind."""
    application = subject.application
    return [*left_by(ledger, application), *registered(ledger.recorder.registrations, application)]


def _refused(report: ReloadReport) -> Finding:
    return error(
        "reload-refused",
        f"the first reload would be refused ({report.phase}): {report.error}",
        "a module must be such that it can be imported twice in one process; see docs/reload.md",
        _place(report.error),
    )


def _place(text: str) -> Place:
    """The place that ``describe_error`` has named."""
    found = re.search(r"(/[^\n:]+\.py):(\d+)", text)
    return Place(found[1], int(found[2])) if found else Place()


def _holders(subject: Subject, old: OldCode) -> list[str]:
    """What holds the code of the first import, now that the second is in force."""
    sentences: list[str] = []
    collect()
    words = Describer(subject.application, CallSites(), [])
    # On a clock it is searched at once and to the end, without a turn of the reactor.
    LeakFinder(Clock(), old, words).run().addCallback(sentences.extend)
    return sentences


def _held(sentence: str) -> Finding:
    return warning(
        "old-code",
        f"after a reload, {sentence}",
        "let the holder find it by name when it needs it, or let it hold a weak reference",
    )
