"""The shapes of the messages."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from cletus.contrib.gmcp import messages
from cletus.service.report import Outcome, ReloadReport


def refused(error: str, phase: str) -> Any:
    report = ReloadReport(generation=3)
    report.phase = phase
    report.refuse(error)
    return messages.reload_report(report)


def test_a_refused_reload_names_the_broken_line() -> None:
    data = refused("/srv/talk/admin.py:40: SyntaxError: invalid syntax\n    def broken(:", "check")
    assert data["ok"] is False
    assert data["title"] == "SyntaxError: invalid syntax"
    assert data["frames"] == [
        {"file": "talk/admin.py", "line": 40, "name": "", "code": "def broken(:"}
    ]


def test_an_error_while_the_code_runs_names_where() -> None:
    data = refused(
        "/srv/talk/a b.py:99 in <module>\n    x = missing\nNameError: name 'missing' is not defined",
        "stage",
    )
    assert data["title"] == "NameError: name 'missing' is not defined"
    assert data["frames"] == [
        {"file": "talk/a b.py", "line": 99, "name": "<module>", "code": "x = missing"}
    ]


def test_a_refusal_without_a_line_says_what_the_report_says() -> None:
    data = refused("reload_timeout: it took longer than 10 s", "stage")
    assert data["frames"] == []
    assert "longer than 10 s" in " ".join([data["title"], *data["details"]])


def test_a_reload_says_what_has_changed() -> None:
    data = messages.reload_report(
        ReloadReport(outcome=Outcome.COMMITTED, generation=4, changed=("talk.admin",))
    )
    assert (data["ok"], data["generation"], data["frames"]) == (True, 4, [])
    assert "talk.admin" in " ".join([data["title"], *data["details"]])


def test_a_room_has_numbers_and_commands_for_its_exits() -> None:
    room = SimpleNamespace(
        key="attic", exits={"down": "hall", "window": "roof"}, description="Dusty.\nDark."
    )
    data = messages.room_info(room, ".go {exit}")
    assert data["exits"] == {"d": messages.number("hall"), "window": messages.number("roof")}
    assert data["commands"] == {"d": ".go down", "window": ".go window"}
    assert data["desc"] == "Dusty. Dark."
    assert 0 <= data["num"] < 1 << 31
