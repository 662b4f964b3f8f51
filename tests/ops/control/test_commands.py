"""What is told of a running service."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from cletus import Service
from cletus.errors import ReloadError
from cletus.ops.control import commands
from cletus.ops.control.commands import COMMANDS, name_of
from cletus.ops.control.messages import Answer, line_of
from cletus.testing import Person
from tests.conftest import result_of
from tests.reload.conftest import Running


def ask(service: Service, command: str) -> Any:
    """The answer, as JSON carries it."""
    value = result_of(Deferred.fromCoroutine(COMMANDS[command].run(service)))
    return json.loads(line_of(Answer(value)))["value"]


def test_the_status(run: Callable[..., Running]) -> None:
    app = run(
        core="""
        from cletus import Service
        from cletus.storage import Field, Store
        service = Service()
        class Room(Store):
            service = service
            title = Field("")
        class Bell(Store):
            service = service
    """
    )
    app.store("Room")("hall")
    app.person()
    found = ask(app.service, "status")
    assert found["name"] == app.name
    assert found["pid"] == os.getpid()
    assert found["state"] == "running"
    assert found["generation"] == 0
    assert found["started"] == app.service.started_at
    assert 0 <= found["uptime"] < 60
    assert found["doors"] == []
    assert found["clients"] == 1
    assert found["stores"] == {"Bell": 0, "Room": 1}
    assert (found["unsaved"], found["unsaved_count"]) == ([], 0)
    assert found["reload"] is None
    assert found["memory"] > 1 << 20
    assert found["application"][0].endswith(f"/{app.name}")
    assert set(found["versions"]) == {"cletus", "twisted", "python"}


def test_the_status_has_the_last_reload(run: Callable[..., Running]) -> None:
    app = run()
    app.reload(core="from cletus import Service\nservice = Service()\nx = 1\n")
    good = ask(app.service, "status")["reload"]
    assert (good["ok"], good["outcome"], good["changed"]) == (
        True,
        "committed",
        [f"{app.name}.core"],
    )
    assert good["text"] == str(app.service.last_reload)
    app.reload(core="1 / 0")
    bad = ask(app.service, "status")["reload"]
    assert (bad["ok"], bad["phase"]) == (False, "stage")
    assert "ZeroDivisionError" in bad["error"]


def test_its_name_is_a_setting_or_else_the_applications(
    service: Service, run: Callable[..., Running]
) -> None:
    assert name_of(service) == ""
    service.configure(name="The Lantern")
    assert name_of(service) == "The Lantern"
    assert name_of(run().service) == "app0"


def test_memory_is_told_where_there_is_no_proc(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "Path", lambda _: Path("/nowhere"))
    assert ask(service, "status")["memory"] > 1 << 20


def test_who_is_connected(service: Service, clock: Clock, come: Callable[..., Person]) -> None:
    ann = come(service, "192.0.2.1:1")
    clock.advance(100)
    bob = come(service, "192.0.2.2:2")
    ann.client.name = "ann"  # type: ignore[attr-defined]  # applications may
    clock.advance(20)
    ann.types("hello")
    clock.advance(7)
    first, second = ask(service, "who")
    assert (first["id"], first["name"], first["door"]) == (1, "ann", "memory")
    assert first["address"] == "192.0.2.1:1"
    assert (first["idle"], second["idle"]) == (7, 27)
    assert second["since"] - first["since"] == pytest.approx(100)
    assert (second["columns"], second["rows"], second["encoding"]) == (80, 24, "utf-8")
    bob.hangs_up()
    assert [one["id"] for one in ask(service, "who")] == [1]


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ({"name": "Ann", "key": "ann"}, "Ann"),
        ({"name": 3, "key": "ann"}, "ann"),
        ({}, ""),
        ({"name": "x" * 200}, "x" * 80),
    ],
)
def test_names_are_those_of_their_users(
    service: Service, come: Callable[..., Person], user: dict[str, Any], name: str
) -> None:
    come(service).client.user = type("User", (), user)()
    assert ask(service, "who")[0]["name"] == name


def test_a_name_that_cannot_be_had_is_none(service: Service, come: Callable[..., Person]) -> None:
    class User:
        @property
        def name(self) -> str:
            raise ZeroDivisionError

    come(service).client.user = User()
    assert ask(service, "who")[0]["name"] == ""


def test_reload_and_rollback_answer_the_report(run: Callable[..., Running]) -> None:
    app = run()
    with pytest.raises(ReloadError, match="no earlier generation"):
        ask(app.service, "rollback")
    app.reload(core="from cletus import Service\nservice = Service()\nx = 1\n")
    assert app.module("core").x == 1
    waiting = Deferred.fromCoroutine(COMMANDS["rollback"].run(app.service))
    app.clock.pump([0, 0, 0, 0])
    report: Any = result_of(waiting)
    assert (report["ok"], report["generation"]) == (True, 2)
    assert not hasattr(app.module("core"), "x")


def test_shutdown_answers_when_it_has_stopped(
    service: Service, come: Callable[..., Person]
) -> None:
    ann = come(service)
    waiting = Deferred.fromCoroutine(COMMANDS["shutdown"].run(service))
    assert not waiting.called
    ann.hangs_up()
    assert result_of(waiting) == {"pid": os.getpid()}
    assert service.state.value == "stopped"
