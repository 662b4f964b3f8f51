"""The bus on one machine: a hub in the parent, a socket to each child."""

from __future__ import annotations

import socket
import struct
from typing import Any

import msgspec
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from cletus.cluster import local
from cletus.cluster.bus import TELLS, frames_for
from cletus.cluster.local import Child, Hub, LocalBus, adopt
from cletus.errors import BusClosed


class Parent:
    """A hub, and children that are connected to it.

    Attributes:
        words: what children have said to the parent, with their names.
        gone: the names of those whose connection is gone.
    """

    def __init__(self) -> None:
        self.words: list[Any] = []
        self.gone: list[str] = []
        self.hub = Hub(self._told, lambda child: self.gone.append(child.name))
        self.children: dict[str, Child] = {}
        self.buses: list[LocalBus] = []

    def _told(self, child: Child, words: dict[str, Any]) -> None:
        self.words.append((child.name, words))

    def bus(self, name: str) -> LocalBus:
        ours, theirs = socket.socketpair()
        bus = LocalBus(lambda words: self.words.append(words), lambda: self.gone.append("parent"))
        self.buses.append(bus)
        child = self.children[name] = Child(self.hub, name)
        with ours, theirs:
            adopt(reactor, ours.fileno(), child)
            adopt(reactor, theirs.fileno(), bus)
        return bus


async def until(condition: Any) -> None:
    end = reactor.seconds() + 20
    while not condition():
        assert reactor.seconds() < end
        await deferLater(reactor, 0.005)


@pytest.fixture
def parent():
    parent = Parent()
    yield parent
    for end in (*parent.children.values(), *parent.buses):
        if end.connected:
            end.transport.abortConnection()
    pytest_twisted.blockon(deferLater(reactor, 0.01))


def read(bus: LocalBus, stream: str) -> list[bytes]:
    entries: list[bytes] = []
    bus.read(stream, lambda new: entries.extend(entry.data for entry in new))
    return entries


async def test_a_turn_reaches_each_gateway_and_tells_reach_the_primary(parent):
    primary, one, two = map(parent.bus, ("primary", "one", "two"))
    first, second = read(one, frames_for("one")), read(two, frames_for("two"))
    one.tell(b"before the claim")
    epoch = await primary.claim(0)
    told = read(primary, TELLS)
    assert await primary.turn(epoch, {"one": b"1", "two": b"2"}) == epoch
    await primary.turn(epoch, {"one": b"3"})
    two.tell(b"after it")
    await until(lambda: told and len(first) == 2 and second)
    assert (first, second, told) == ([b"1", b"3"], [b"2"], [b"after it"])


async def test_what_is_told_while_the_primary_starts_waits_for_it(parent):
    primary, one = parent.bus("primary"), parent.bus("one")
    await primary.claim(0)
    one.tell(b"meanwhile")
    await one.nodes()  # it is there
    told = read(primary, TELLS)
    await until(lambda: told)
    assert told == [b"meanwhile"]


async def test_there_is_one_primary_and_the_next_has_a_higher_epoch(parent):
    primary, other = parent.bus("primary"), parent.bus("other")
    epoch = await primary.claim(0)
    assert await other.claim(0) == 0
    gateway = read(parent.bus("one"), frames_for("one"))
    await other.turn(epoch, {"one": b"of an impostor"})
    primary.close()
    await until(lambda: "primary" in parent.gone)
    later = await other.claim(0)
    assert later > epoch
    await other.turn(later, {"one": b"of the next"})
    await until(lambda: gateway)
    assert gateway == [b"of the next"]


async def test_a_gateway_that_dies_is_no_node_any_more(parent):
    primary, one = parent.bus("primary"), parent.bus("one")
    read(one, frames_for("one"))
    one.announce("one", b"here")
    await one.nodes()
    assert [node.name for node in await primary.nodes()] == ["one"]
    one.close()
    await until(lambda: "one" in parent.gone)
    assert await primary.nodes() == []


async def test_a_child_that_does_not_read_is_cut_off(parent, monkeypatch):
    monkeypatch.setattr(local, "WAITING_MAX", 100_000)
    primary, one = parent.bus("primary"), parent.bus("one")
    read(one, frames_for("one"))
    await one.nodes()
    one.transport.pauseProducing()
    epoch = await primary.claim(0)
    for _ in range(200):
        await primary.turn(epoch, {"one": bytes(50_000)})
        await primary.nodes()
    await until(lambda: "one" in parent.gone)


async def test_without_the_parent_nothing_is_waited_for(parent):
    bus = parent.bus("one")
    waiting = bus.nodes()
    parent.children["one"].transport.abortConnection()
    await until(lambda: "parent" in parent.gone)
    for answer in (waiting, bus.nodes()):
        with pytest.raises(BusClosed):
            await answer


async def test_nonsense_is_logged_and_nothing_else(parent):
    bus = parent.bus("one")
    for message in (b"\xc1", b"\x90", b"\x92\x01\x02", b"\x91\xa5claim"):
        bus.transport.write(struct.pack("!I", len(message)) + message)
    bus.tell_parent(words=1)
    await until(lambda: parent.words)
    assert parent.words == [("one", {"words": 1})]


def test_a_deferred_of_the_bus_fires_at_once(parent):
    results: list[int] = []
    bus = parent.bus("one")
    bus.turn(7, {}).addCallback(results.append)
    assert results == [7]
    assert isinstance(bus.release(7), Deferred)


async def test_another_process_goes_on_in_the_middle_of_a_message(parent):
    """What has come of a message, and what has not gone of one, is handed on with the socket."""
    primary, one = parent.bus("primary"), parent.bus("one")
    told = read(one, frames_for("one"))
    epoch = await primary.claim(0)
    child = parent.children["one"]
    whole = msgspec.msgpack.encode(["entries", frames_for("one"), [b"in two pieces"]])
    data = struct.pack("!I", len(whole)) + whole
    child.transport.write(data[:9])
    await until(lambda: one.rest)
    descriptor, state = one.leave_socket()
    other = LocalBus(parent.words.append, lambda: None)
    parent.buses.append(other)
    other.resume_socket(reactor, descriptor, state)
    one.left_socket()
    await deferLater(reactor, 0)
    told = read(other, frames_for("one"))
    child.transport.write(data[9:])
    await primary.turn(epoch, {"one": b"the next"})
    await until(lambda: len(told) == 2)
    assert told == [b"in two pieces", b"the next"]
    assert parent.gone == []
