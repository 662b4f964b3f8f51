"""The end of the socket to the minder stops the service only if it is the minder that was killed."""

from __future__ import annotations

import os
import socket

from cletus.restart.minder_link import MinderLink


class Reactor:
    """Reads what is ready when it is told to."""

    def __init__(self) -> None:
        self.readers: list[MinderLink] = []

    def addReader(self, reader: MinderLink) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: MinderLink) -> None:
        self.readers.remove(reader)

    def reads(self) -> None:
        for reader in list(self.readers):
            reader.doRead()


class Link:
    """A link, the minder's end of it, and what becomes of the service."""

    def __init__(self) -> None:
        self.minder, named = socket.socketpair()
        self.reactor = Reactor()
        self.kills: list[str] = []
        self.link = MinderLink(named, self.reactor, lambda: self.kills.append("killed"))


def test_it_names_this_process_and_stops_when_the_minder_is_killed() -> None:
    link = Link()
    assert link.minder.recv(100) == b"%d\n" % os.getpid()
    link.minder.send(b".")
    link.reactor.reads()
    link.reactor.reads()
    assert (link.kills, link.link.named is None) == ([], False)
    link.minder.close()
    link.reactor.reads()
    assert (link.kills, link.link.named) == (["killed"], None)
    assert link.reactor.readers == []


def test_s4_a_first_process_that_is_dead_before_it_is_the_minder_stops_nothing() -> None:
    """It has its end of the socket for a while after the kill; the name is never read."""
    link = Link()
    assert link.link.named is not None
    link.minder.close()
    link.reactor.reads()
    assert (link.kills, link.link.named) == ([], None)
    assert link.reactor.readers == []


def test_a_minder_that_is_gone_at_once_stops_nothing() -> None:
    minder, named = socket.socketpair()
    minder.close()
    reactor, kills = Reactor(), list[str]()
    link = MinderLink(named, reactor, lambda: kills.append("killed"))
    reactor.reads()
    assert (kills, link.named, reactor.readers) == ([], None, [])
