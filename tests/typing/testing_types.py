"""What type checkers see of the testing kit. It is checked (``test_typing.py``), and never run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, assert_type

from twisted.internet.defer import Deferred

from cletus import Client, ReloadReport, Service
from cletus.storage import Field, Store
from cletus.testing import (
    App,
    Log,
    MemoryDoor,
    Said,
    StepClock,
    Visitor,
    assert_survives_reload,
    reload_with,
    reloaded,
    staged,
)


class Room(Store):
    title = Field("")


def people(client: Visitor, service: Service) -> None:
    assert_type(client.says("look"), Said)
    assert_type(client.says("look").splitlines(), list[str])
    assert_type(client.waits(1), Said)
    assert_type(client.reads(), Said)
    assert_type(client.sees("Hall"), bool)
    assert_type(client.screen, str)
    assert_type(client.client, Client)
    assert_type(client.messages, list[tuple[str, Any]])
    assert_type(MemoryDoor(service).connect(columns=40), Visitor)


async def awaited(client: Visitor, service: Service) -> None:
    assert_type(await client.says("look"), str)
    assert_type(await reload_with(service, {"talk": "text", "old": None}), ReloadReport)


def reloads(service: Service, room: Room) -> None:
    assert_type(reload_with(service), Deferred[ReloadReport])
    assert_type(reloaded(service, {"talk": lambda text: text + "\n"}), ReloadReport)
    assert_type(assert_survives_reload(service), ReloadReport)
    assert_type(assert_survives_reload(service, room), Room)


def applications(clock: StepClock, log: Log) -> None:
    with staged("talk.py", Path(), clock, {"line_max": 10}) as service:
        assert_type(service, Service)
    assert_type(App("talk.py", Path(), clock).restart(), Service)
    assert_type(log.take_failures(), list[str])


# Each of these is a mistake: a checker that did not see it would complain of a needless comment.


def mistakes(client: Visitor, service: Service, connect: Callable[..., Visitor]) -> None:
    client.says(5)  # type: ignore[arg-type]  # a number is no line
    client.screen = ""  # type: ignore[misc]  # it is what the service has made of it
    assert_survives_reload(service, "bob")  # type: ignore[call-overload]  # a key is no object
    reload_with(service, {"talk": 5})  # type: ignore[dict-item]  # a number is no edit
    connect().shouts("look")  # type: ignore[attr-defined]  # there is no such thing to do
