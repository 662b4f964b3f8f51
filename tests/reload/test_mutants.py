"""Each rule of the reload is held by a test: without its line, one of the named tests fails.

A mutant is a copy of Cletus without the line of one rule. The tests run in a process of their own, beside
a copy of themselves. That each line is there is tested always; the mutants run with ``make soak``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

#: Seconds for the tests of one mutant.
_LIMIT = 400
REPOSITORY = Path(__file__).resolve().parents[2]


class Mutant(NamedTuple):
    """One rule, and the line that keeps it.

    Attributes:
        rule: what is promised, by its number in the design where it has one.
        file: below ``cletus/``.
        line: the text of the line; it occurs once.
        instead: what the mutant has in its place.
        tests: below ``tests/``; one of them must fail.
    """

    rule: str
    file: str
    line: str
    instead: str
    tests: str


TRANSACTION, RELOADER = "reload/transaction.py", "reload/reloader.py"

MUTANTS = [
    Mutant("R1 changes of objects are undone", TRANSACTION,
           "failures = self._undo.run()", "failures: list[str] = []",
           "reload/test_r1_nothing_changes.py"),
    Mutant("R1 old modules are put back", TRANSACTION,
           "self._staging.rollback()", "pass", "reload/test_r1_nothing_changes.py"),
    Mutant("R1 registries are restored", TRANSACTION,
           "self._checkpoint.restore()", "pass", "reload/state/test_checkpoint.py"),
    Mutant("R1 side effects are undone", TRANSACTION,
           "*self.ledger.undo()", "", "reload/effects/test_ledger.py"),
    Mutant("R1 nobody sees a refused edit", TRANSACTION,
           "turn.release(wanted=committed)", "turn.release(wanted=True)",
           "reload/test_held_output.py"),
    Mutant("R1 nobody answers a refused edit", "client/client.py",
           "if self._host.turn.holds(self.start_dialogue, dialogue):", "if False:",
           "reload/test_held_output.py"),
    Mutant("R1 nobody is asked by a refused edit", "client/client.py",
           "return self._held(lambda: self.ask(prompt, hidden=hidden))", "pass",
           "reload/test_held_output.py"),
    Mutant("R1 an import cannot copy the service", "reload/effects/process_end.py",
           "if self._replaced and threading.get_ident() == self._thread:",
           'if name != "fork" and self._replaced and threading.get_ident() == self._thread:',
           "reload/effects/test_process_end.py::test_other_threads_are_not_hindered"),
    Mutant("R1 a veto is heard", RELOADER,
           "return bool(event.vetoes)", "return False",
           "reload/test_r1_nothing_changes.py::test_a_veto_refuses_and_says_why"),
    Mutant("R1 what a start refuses, a reload refuses", TRANSACTION,
           "self._check_service(rebuild)", "pass", "reload/test_r13_as_a_restart.py"),
    Mutant("R1 another layout of the service is refused", TRANSACTION,
           "self._check_layout(rebuild.service_class)", "pass", "reload/test_aliases.py reload/test_r1_nothing_changes.py"),
    Mutant("R2 lines typed ahead wait for the successor", TRANSACTION,
           "with client.input.held():", "if True:", "reload/test_conversations.py"),
    Mutant("R2 what a good edit writes is not lost", TRANSACTION,
           "turn.release(wanted=committed)", "turn.release(wanted=False)",
           "reload/test_held_output.py"),
    Mutant("R3 listeners of no module are carried", TRANSACTION,
           "self._carry_listeners(staged)", "pass", "reload/test_r3_new_code_everywhere.py"),
    Mutant("R3 attributes of clients and service are carried", TRANSACTION,
           "conversion.exchange([*self._attachments(), *held_by(session.current.timers)])",
           "conversion.exchange([])",
           "reload/test_r3_new_code_everywhere.py reload/test_r5_identity.py"),
    Mutant("R3 timers call the new code", "reload/state/timers.py",
           "timer.target, timer.args, timer.kwargs = target, args, kwargs", "pass",
           "reload/test_r7_timers.py"),
    Mutant("R4 old code is collected", RELOADER,
           "            collect()\n", "            pass\n", "reload/test_r4_garbage.py"),
    Mutant("R4 what was registered elsewhere is withdrawn", TRANSACTION,
           "withdrawal.replace(new.namespaces.values())", "pass", "reload/effects/test_withdrawal.py"),
    Mutant("R3 many objects are looked into where they may hold code", "reload/state/convert.py",
           "if sum(map(len, many)) <= FEW * len(self._code) or self._may_hold_code(accounts, notes):", "if False:",
           "reload/state/test_references.py"),
    Mutant("R3 weak references to code are noticed", "reload/state/references.py",
           "or any(map(_has_weak_reference, self._parts.values()))", "",
           "reload/state/test_references.py"),
    Mutant("R3 code in containers of code is noticed", "reload/state/references.py",
           "or self._lead_to_code(held)", "", "reload/state/test_references.py"),
    Mutant("R1 registries of others have nothing of a refused edit", TRANSACTION,
           "self._registries.restore(refused)", "pass",
           "reload/test_registries_of_others.py"),
    Mutant("R4 registries of others have each class once", TRANSACTION,
           "self._registries.replace(self._new_names)", "pass", "reload/test_registries_of_others.py"),
    Mutant("R5 objects get their new class", TRANSACTION,
           "conversion.convert_classes()", "pass", "reload/test_r5_identity.py"),
    Mutant("R5 objects are active in the new manager", TRANSACTION,
           "self._activate(stores)", "pass", "reload/test_r5_identity.py"),
    Mutant("R6 objects of a store that is gone are parked", TRANSACTION,
           "parking.park(session, staged, conversion.new_code, report)", "pass",
           "reload/test_r6_parking.py"),
    Mutant("R7 timers go on", TRANSACTION,
           "commit_timers(self._timers)", "pass", "reload/test_r7_timers.py"),
    Mutant("R8 people stay in their dialogues", TRANSACTION,
           "resume_dialogues(self._dialogues, self._service.settings.reload_restart_notice)", "pass",
           "reload/test_r8_dialogues.py"),
    Mutant("R9 a change during a reload is another reload", RELOADER,
           "if self._queue or self._dirty:", "if self._queue:",
           "reload/test_reloader.py reload/test_r9_once_after.py"),
    Mutant("R10 files that are being saved are waited for", RELOADER,
           "return self._watcher is not None and self._watcher.is_disturbed", "return False",
           "reload/test_reloader.py"),
    Mutant("R10 an emptied file is waited for", RELOADER,
           "return bool(now - self._empty_since < _EMPTY_WAIT)", "return False",
           "reload/test_reloader.py"),
    Mutant("R11 objects are looked at in bulk", "reload/state/exchange.py",
           "\n_CHUNK = 500\n", "\n_CHUNK = 1\n", "reload/test_r11_linear.py"),
    Mutant("R12 old code finds the live classes", TRANSACTION,
           "self._lead_to_new_code()\n        self._staging", "self._staging",
           "reload/state/test_convert.py"),
    Mutant("R13 what a module states comes into force", TRANSACTION,
           "conversion.join(session.current.statements, present, in_use, self._given)",
           "pass",
           "reload/state/test_convert.py"),
    Mutant("R5 what a body gives to others is the object in use", TRANSACTION,
           "conversion.join(session.current.statements, present, in_use, self._given)",
           "conversion.join(session.current.statements, present, in_use, list)",
           "reload/state/test_convert.py"),
    Mutant("R13 new fields have their default", TRANSACTION,
           "conversion.add_fields()", "pass", "reload/test_r13_as_a_restart.py reload/state"),
    Mutant("R13 fields with ways of their own are deserialised", TRANSACTION,
           "conversion.convert_fields(objects for _, objects, _ in stores)", "pass",
           "reload/state reload/test_r13_as_a_restart.py"),
    Mutant("R13 a rollback forgets what it went back from", "reload/code/sources.py",
           "            self._kept.pop()\n", "            pass\n", "reload/test_rollback.py"),
    Mutant("R14 code that does not return is cut off", "reactor/call_timeout.py",
           "            self._interrupt(above, now - self._called_at + HELD_UP)\n",
           "            pass\n",
           "reactor/test_call_timeout.py"),
    Mutant("R13 lists on the service have each entry once", TRANSACTION,
           "self._registries.keep_once(container, before)", "pass",
           "reload/test_registries_of_others.py"),
    Mutant("R15 the report warns of parked values", "service/report.py",
           "if count:\n                field_name", "if not count:\n                field_name",
           "reload/test_error_text.py"),
    Mutant("R15 what recurs is said once", RELOADER,
           "self._told = report.recurring()", "pass", "reload/test_error_text.py"),
    Mutant("a conversation may end with the reload", TRANSACTION,
           'if listener.on_reload == "cancel" or event is None:', "if event is None:",
           "reload/test_conversations.py"),
    Mutant("a conversation may go on in the old code", TRANSACTION,
           'if task.asking is None or listener.on_reload == "continue":', "if task.asking is None:",
           "reload/test_conversations.py"),
    Mutant("saves are finished before", RELOADER,
           "await self._service.session.flushed()\n", "\n", "reload"),
]  # fmt: skip

_IDS = [re.sub(r"\W+", "_", mutant.rule) for mutant in MUTANTS]


@pytest.mark.parametrize("mutant", MUTANTS, ids=_IDS)
def test_the_line_of_the_rule_is_there(mutant: Mutant) -> None:
    text = (REPOSITORY / "cletus" / mutant.file).read_text()
    assert text.count(mutant.line) == 1
    assert all(
        (REPOSITORY / "tests" / path.partition("::")[0]).exists() for path in mutant.tests.split()
    )


@pytest.mark.soak
@pytest.mark.timeout(500)
@pytest.mark.parametrize("mutant", MUTANTS, ids=_IDS)
def test_a_mutant_without_the_rule_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    for folder in ("cletus", "tests"):
        shutil.copytree(
            REPOSITORY / folder,
            tmp_path / folder,
            ignore=shutil.ignore_patterns("e2e", "__pycache__"),
        )
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    path = tmp_path / "cletus" / mutant.file
    path.write_text(path.read_text().replace(mutant.line, mutant.instead))
    with (tmp_path / "output").open("w+") as output:
        tests = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-qx", *(f"tests/{p}" for p in mutant.tests.split())],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            tests.wait(_LIMIT)
        except subprocess.TimeoutExpired:  # a thread that nobody has ended may keep it from its end
            tests.kill()
            tests.wait()
    text = (tmp_path / "output").read_text()
    assert re.search(r"^(FAILED|ERROR) |Timeout", text, re.MULTILINE), text[-2000:]
