"""Which checks there are, and running all of them whatever becomes of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from importlib.metadata import entry_points

from cletus.check.dialogues import check_dialogues
from cletus.check.fields import check_fields
from cletus.check.finding import Finding, error
from cletus.check.listeners import check_listeners, check_timers
from cletus.check.load import quiet
from cletus.check.module_state import check_lost
from cletus.check.monkeypatches import check_patches
from cletus.check.setting_values import check_settings
from cletus.check.source_map import of_error
from cletus.check.stored_data import check_saved
from cletus.check.target import Subject
from cletus.check.trial_reload import check_reload

#: The entry points of this group are checks, too: name to a ``Check``.
GROUP = "cletus.checks"

#: Reads what is to be checked and gives what it has found.
Check = Callable[[Subject], Iterable[Finding]]


def run_checks(subject: Subject) -> list[Finding]:
    """Run all checks; one that raises becomes a finding and hinders no other.

    Returns:
        What was found, in the order of the checks, without what was found twice.
    """
    found: dict[Finding, None] = {}
    with quiet():
        for name, check in _checks():
            for finding in _attempt(name, check, subject):
                found[replace(finding, group=name)] = None
    return list(found)


def _checks() -> Iterator[tuple[str, Check]]:
    """Ours, then those of others; the trial of a reload comes last, since it replaces the code."""
    yield "Settings", check_settings
    yield "Fields", check_fields
    yield "Dialogues", check_dialogues
    yield "Listeners and timers", check_listeners
    yield "Listeners and timers", check_timers
    for entry in sorted(entry_points(group=GROUP), key=lambda one: one.name):
        yield entry.name.capitalize(), _Loaded(entry.name, entry.load)
    yield "State of the process", check_patches
    yield "State of modules", check_lost
    yield "Saved files", check_saved
    yield "Reload", check_reload


class _Loaded:
    """A check of others, imported when it is run, so that a failing import is a finding, too."""

    def __init__(self, name: str, load: Callable[[], Check]) -> None:
        self._name = name
        self._load = load

    def __call__(self, subject: Subject) -> Iterable[Finding]:
        return self._load()(subject)


def _attempt(name: str, check: Check, subject: Subject) -> Iterator[Finding]:
    try:
        yield from check(subject)
    except (Exception, SystemExit) as raised:  # noqa: BLE001 - the others are run all the same
        yield error(
            "check-failed",
            f"the check {name!r} has failed: {type(raised).__name__}: {raised}",
            "if the mistake is not in code of your own that it has called, please report it",
            of_error(raised, subject.application),
        )
