"""A trial reload: import the application a second time, as its first reload would.

It runs the transaction of a real reload, on objects that exist for the trial only. Nothing is started: no
listener is called, no timer runs, no file is watched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from twisted.internet.task import Clock

from cletus.check.fields import KEY
from cletus.check.finding import Finding, Location, error, warning
from cletus.check.side_effects import findings_of, registered, set_by
from cletus.check.target import Target
from cletus.reload import ReloadReport, ServiceReloader
from cletus.reload.code.diff import Diff
from cletus.reload.code.modules import installed
from cletus.reload.effects.ledger import Ledger
from cletus.reload.effects.registrations import CallSites
from cletus.reload.leaks.describe import Describer
from cletus.reload.leaks.old_code import OldCode, collect
from cletus.reload.leaks.retire import LeakFinder
from cletus.reload.state.convert import LEFT
from cletus.reload.transaction import Transaction
from cletus.storage import Manager


def check_reload(target: Target) -> Iterator[Finding]:
    """Reload once; report what refuses it, its side effects, and what keeps the old code in memory."""
    yield from set_by(target.changed)
    service = target.service
    service.set("command line", {"reload": False})  # no file is watched
    service.reactor = target.reactor
    reloader = ServiceReloader(service)
    reloader.start()
    try:
        yield from list(_reload(target))
    finally:
        reloader.stop()
        service.reactor = None


def _reload(target: Target) -> Iterator[Finding]:
    finder = installed(target.application)
    if finder is None:
        return  # no module body has created the service: a reload would rebuild nothing
    target.service.session.flushed()
    _make_objects(target)
    report = ReloadReport()
    transaction = Transaction(target.service, finder, Diff(finder.sources), report)
    first = _side_effects(target.ledger, target)
    if not transaction.run():
        yield _refused(report)
        yield from first
        target.ledger.undo()
        return
    old, ledger = transaction.old_code, transaction.ledger
    del transaction  # it refers to the objects that it has carried
    old.watch()
    yield from (_left(note) for note in report.warnings if note.endswith(LEFT))
    side_effects = _side_effects(ledger, target)
    yield from side_effects
    # The ledger of the first import has those of both imports.
    cannot_undo = [*ledger.recorder.undo(), *target.ledger.undo()]
    del ledger  # it refers to objects of the first import
    finder.registrations = []
    for sentence in _holders(target, old):
        if not (cannot_undo or any(finding.name == "thread" for finding in side_effects)):
            yield _held(sentence)


def _make_objects(target: Target) -> None:
    """Add an active object to each store, so that the reload carries something."""
    for store_cls in target.stores():
        with suppress(Exception):  # the check of fields reports what is wrong with it
            obj = store_cls.schema.detached(KEY)
            store_cls.schema.detached(KEY).from_dict(obj.to_dict(session=True), session=True)
            Manager.add_active(store_cls.manager, obj)


def _side_effects(ledger: Ledger, target: Target) -> list[Finding]:
    """The side effects of an import."""
    application = target.application
    return [
        *findings_of(ledger, application),
        *registered(ledger.recorder.registrations, application),
    ]


def _refused(report: ReloadReport) -> Finding:
    return error(
        "reload-refused",
        f"the first reload would be refused ({report.phase}): {report.error}",
        "make each module importable twice in one process; see docs/reload.md",
        _location(report.error),
    )


def _left(note: str) -> Finding:
    return warning(
        "old-value",
        f"after a reload: {note}",
        "define it at the top level of its module, or keep its name and look it up when it is used",
    )


def _location(text: str) -> Location:
    """The location in a text of ``describe_error``."""
    match = re.search(r"(/[^\n:]+\.py):(\d+)", text)
    return Location(match[1], int(match[2])) if match else Location()


def _holders(target: Target, old: OldCode) -> list[str]:
    """What still refers to the code of the first import, after the second one."""
    sentences: list[str] = []
    collect()
    describer = Describer(target.application, CallSites(), [])
    # With a Clock, the search runs to its end at once, without the reactor.
    LeakFinder(Clock(), old, describer).run().addCallback(sentences.extend)
    return sentences


def _held(sentence: str) -> Finding:
    return warning(
        "old-code",
        f"after a reload, {sentence}",
        "look it up by name when it is needed, or keep a weak reference to it",
    )
