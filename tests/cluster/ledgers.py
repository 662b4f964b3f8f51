"""Two gateways and a primary, joined by an engine that loses, repeats and delays, for the tests of the ledgers.

The application of this primary sends each line to everybody. People are connections of the gateways.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from cletus.cluster.frames import Ack, Close, Frame, Gone, Line, New, Write, unpack
from cletus.cluster.gateway_ledger import GatewayLedger
from cletus.cluster.primary_ledger import GatewayLink, Happened, PrimaryLedger

#: A ledger is lost only by what the machine does; silence has tests of its own.
LEASE = 1e9


@dataclass
class Person:
    """Who is at a gateway.

    Attributes:
        since: how many lines had been typed by anybody when a primary first knew of them; ``None`` before.
        typed, heard: lines.
    """

    conn: int
    since: int | None = None
    typed: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)


class Gateway:
    """A gateway process."""

    ledger_class = GatewayLedger

    def __init__(self, name: str, incarnation: int) -> None:
        self.name, self.incarnation = name, incarnation
        self.ledger = self.ledger_class(name, incarnation)
        self.people: dict[int, Person] = {}
        self._last = 0

    def connect(self) -> Person:
        self._last += 1
        person = self.people[self._last] = Person(self._last)
        self.ledger.opened(self._last, door="telnet", address="there", terminal={})
        return person

    def type(self, person: Person, text: str) -> None:
        if self.ledger.can_take(person.conn):
            person.typed.append(text)
            self.ledger.line(person.conn, text)

    def leave(self, person: Person) -> None:
        del self.people[person.conn]
        self.ledger.gone(person.conn, "closed by peer")

    def receive(self, data: bytes) -> None:
        for frame in self.ledger.received(data):
            self._carry_out(frame)

    def _carry_out(self, frame: Frame) -> None:
        match frame:
            case Write():
                for conn in unpack(frame.to):
                    if conn in self.people:
                        self.people[conn].heard.append(frame.data.decode())
            case Close():
                self.people.pop(frame.conn, None)
            case Ack():
                pass


class Primary:
    """A primary process: it sends each line to everybody."""

    ledger_class = PrimaryLedger

    def __init__(self, epoch: int, gateways: list[str]) -> None:
        self.ledger = self.ledger_class(epoch, gateways, lease=LEASE, backlog=0)
        self.people: dict[tuple[GatewayLink, int], None] = {}
        self.waiting: deque[Happened] = deque()

    def receive(self, data: bytes) -> None:
        for happened in self.ledger.received(data):
            self.happens(happened)

    def happens(self, happened: Happened) -> None:
        match happened.event:
            case New(connection=connection):
                self.people[happened.link, connection.conn] = None
            case Gone(conn=conn):
                self.people.pop((happened.link, conn), None)
            case Line():
                self.waiting.append(happened)

    def handle_line(self) -> None:
        """Handle the oldest line; its turn is not committed yet."""
        happened = self.waiting.popleft()
        line = happened.event
        assert isinstance(line, Line)
        data = line.text.encode()
        for link, conn in self.people:
            link.write(conn, data)
        happened.link.handled(line.conn, line.number)


class Engine:
    """Streams that can lose, repeat and delay. Entries of an epoch that was succeeded are refused."""

    is_fenced = True

    def __init__(self) -> None:
        self.epoch = 0
        self.to_primary: deque[bytes] = deque()
        self.to_gateway: dict[str, deque[bytes]] = {}
        self.seen: dict[str, list[bytes]] = {}

    def claim(self) -> int:
        self.epoch += 1
        self.to_primary.clear()
        return self.epoch

    def turn(self, epoch: int, entries: dict[str, bytes]) -> None:
        if epoch < self.epoch and self.is_fenced:
            return
        for name, entry in entries.items():
            self.to_gateway.setdefault(name, deque()).append(entry)

    def forget(self) -> None:
        self.to_primary.clear()
        self.to_gateway.clear()


class World:
    """All of them."""

    gateway_class = Gateway
    primary_class = Primary
    engine_class = Engine

    def __init__(self, names: tuple[str, ...] = ("a", "b")) -> None:
        self.engine = self.engine_class()
        self._incarnation = 0
        self.gateways = {name: self.new_gateway(name) for name in names}
        self.dead: list[Person] = []
        self.zombie: Primary | None = None
        self.primary = self.new_primary()
        self.lines: list[str] = []

    def new_gateway(self, name: str) -> Gateway:
        self._incarnation += 1
        return self.gateway_class(name, self._incarnation)

    def new_primary(self) -> Primary:
        return self.primary_class(self.engine.claim(), sorted(self.gateways))

    def people(self) -> Iterator[tuple[Gateway, Person]]:
        for gateway in self.gateways.values():
            for person in gateway.people.values():
                yield gateway, person

    def type(self, gateway: Gateway, person: Person) -> None:
        text = f"{gateway.name}{id(gateway):x}.{person.conn} {len(self.lines)}"
        before = len(person.typed)
        gateway.type(person, text)
        if len(person.typed) > before:
            self.lines.append(text)

    def commit(self) -> None:
        """End all turns."""
        for entries in self.primary.ledger.commit():
            self.engine.turn(self.primary.ledger.epoch, entries)
        for gateway in self.gateways.values():
            self.engine.to_primary.extend(gateway.ledger.entries())

    def _note_newcomers(self) -> None:
        known = {(link.name, link.incarnation, conn) for link, conn in self.primary.people}
        for gateway, person in self.people():
            if person.since is None and (gateway.name, gateway.incarnation, person.conn) in known:
                person.since = len(self.lines)

    def deliver(self, name: str = "") -> None:
        """The oldest entry of a stream arrives; that of the primary without a name."""
        if name:
            stream = self.engine.to_gateway.get(name)
            if stream:
                self.gateways[name].receive(stream.popleft())
        elif self.engine.to_primary:
            self.primary.receive(self.engine.to_primary.popleft())
            self._note_newcomers()

    def beat(self) -> None:
        """A second passes."""
        for gateway in self.gateways.values():
            gateway.ledger.beat()
        for happened in self.primary.ledger.tick(1.0, answers=True):
            self.primary.happens(happened)
        self.primary.ledger.status({})

    def kill_primary(self) -> None:
        """It is killed within a turn, and another one takes over."""
        self.zombie = self.primary
        self.primary = self.new_primary()

    def replace_primary(self) -> None:
        """Another process goes on with its ledger, as plain data, and with its people and lines."""
        before = self.primary
        if not before.ledger.is_ready:
            return
        self.commit()
        after = self.primary_class(before.ledger.epoch, [])
        after.ledger.restore(pickle.loads(pickle.dumps(before.ledger.snapshot())))
        links = after.ledger.links
        after.people = {(links[link.name], conn): None for link, conn in before.people}
        for happened in before.waiting:
            if happened.link.name in links:
                after.waiting.append(replace(happened, link=links[happened.link.name]))
        self.primary = after

    def kill_gateway(self, name: str) -> None:
        """It is killed and started again; what was sent to it waits for the next one."""
        self.dead += self.gateways[name].people.values()
        self.gateways[name] = self.new_gateway(name)

    def settle(self) -> None:
        """Everything works again, for as long as it takes."""
        for _ in range(8):
            self.beat()
            self.commit()
            while self.engine.to_primary or any(self.engine.to_gateway.values()):
                self.deliver()
                for name in self.gateways:
                    self.deliver(name)
                self.commit()
            while self.primary.waiting:
                self.primary.handle_line()
            self.commit()

    # -- what must hold ---------------------------------------------------------------------

    def check(self) -> None:
        """Nobody ever hears a line twice, and all hear them in the same order."""
        heard = [person.heard for _, person in self.people()] + [p.heard for p in self.dead]
        for lines in heard:
            assert len(set(lines)) == len(lines), f"doubled: {lines}"
            assert set(lines) <= set(self.lines), f"nobody has typed that: {lines}"
        for ours in heard:
            for theirs in heard:
                common = set(ours) & set(theirs)
                mine = [line for line in ours if line in common]
                assert mine == [line for line in theirs if line in common], "another order"
        for _, person in self.people():
            typed = [line for line in person.heard if line in set(person.typed)]
            assert typed == sorted(typed, key=person.typed.index), "reordered"

    def check_all_heard(self) -> None:
        """When all has settled, nobody who is here has missed a line of somebody who is here."""
        self.check()
        for gateway, speaker in self.people():
            assert not gateway.ledger.unhandled(speaker.conn), "not handled"
            for _, hearer in self.people():
                for line in speaker.typed:
                    assert hearer.since is not None, "nobody knows of them"
                    came_later = self.lines.index(line) < hearer.since
                    assert came_later or line in hearer.heard, f"lost: {line}"
        for gateway in self.gateways.values():
            assert gateway.ledger.is_begun
        assert len(self.primary.people) == len(list(self.people())), "people who are not there"
