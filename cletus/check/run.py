"""Run all checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from importlib.metadata import entry_points

from cletus.check.dialogues import check_dialogues
from cletus.check.fields import check_fields
from cletus.check.finding import Finding, error
from cletus.check.listeners import check_listeners, check_timers
from cletus.check.load import quiet
from cletus.check.module_state import check_module_state
from cletus.check.monkeypatches import check_monkeypatches
from cletus.check.setting_values import check_settings
from cletus.check.source_map import of_error
from cletus.check.stored_data import check_stored_data
from cletus.check.target import Target
from cletus.check.trial_reload import check_reload

#: The group of entry points that are checks of other packages.
GROUP = "cletus.checks"

#: A check: returns findings about a target.
Check = Callable[[Target], Iterable[Finding]]


def run_checks(target: Target) -> list[Finding]:
    """Run all checks; one that raises becomes a finding, and the others are run.

    Returns:
        The findings in the order of the checks, without duplicates.
    """
    findings: dict[Finding, None] = {}
    with quiet():
        for name, check in _checks():
            for finding in _attempt(name, check, target):
                findings[replace(finding, group=name)] = None
    return list(findings)


def _checks() -> Iterator[tuple[str, Check]]:
    """Ours and those of others; the trial reload comes last, since it replaces the code."""
    yield "Settings", check_settings
    yield "Fields", check_fields
    yield "Dialogues", check_dialogues
    yield "Listeners and timers", check_listeners
    yield "Listeners and timers", check_timers
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        yield entry.name.capitalize(), _Loaded(entry.name, entry.load)
    yield "State of the process", check_monkeypatches
    yield "State of modules", check_module_state
    yield "Saved files", check_stored_data
    yield "Reload", check_reload


class _Loaded:
    """A check of another package, imported when it is run, so that a failing import is a finding."""

    def __init__(self, name: str, load: Callable[[], Check]) -> None:
        self._name = name
        self._load = load

    def __call__(self, target: Target) -> Iterable[Finding]:
        return self._load()(target)


def _attempt(name: str, check: Check, target: Target) -> Iterator[Finding]:
    try:
        yield from check(target)
    except (Exception, SystemExit) as raised:  # noqa: BLE001 - the others are still run
        yield error(
            "check-failed",
            f"the check {name!r} has failed: {type(raised).__name__}: {raised}",
            "if the mistake is not in your own code that it has called, please report it",
            of_error(raised, target.application),
        )
