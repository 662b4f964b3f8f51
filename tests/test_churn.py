"""People come and go while others are being written to; a simple model says who must have what.

Statement 30 of the reliability notes.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from twisted.internet.task import Clock

from cletus import Client, Service, events
from cletus.testing import MemoryTransport

EVENTS = 12_000
MOST = 40


class Evening:
    """A service, and beside it the model: for each person the text that must have come to them."""

    def __init__(self, service: Service, clock: Clock, seed: int) -> None:
        self._service = service
        self._clock = clock
        self._random = random.Random(seed)
        self._said = 0
        self._transports: dict[Client, MemoryTransport] = {}
        self.present: dict[Client, list[str]] = {}
        self.past: list[tuple[Client, MemoryTransport, list[str]]] = []
        self._paused: set[Client] = set()
        service.listen(events.Disconnect)(self._farewell)

    def _farewell(self, event: events.Disconnect) -> None:
        """Who goes is talked about at once, in the middle of whatever is going on."""
        self._say(f"{event.client.id} has left")

    def _say(self, line: str) -> None:
        for lines in self.present.values():
            lines.append(line)
        self._service.write_all(line)

    def step(self) -> None:
        """One thing happens."""
        acts: list[tuple[float, Callable[[], None]]] = [
            (3, self.join),
            (2, self.leave),
            (1, self.close),
            (6, self.broadcast),
            (2, self.broadcast_while_one_leaves),
            (2, self.broadcast_while_one_joins),
            (1, self.pause_or_resume),
            (3, self.turn),
        ]
        weights, calls = zip(*acts, strict=True)
        self._random.choices(calls, weights)[0]()

    def join(self) -> None:
        if len(self.present) < MOST:
            transport = MemoryTransport()
            client = self._service.connections.connected(transport, door="memory")
            self._transports[client] = transport
            self.present[client] = []

    def leave(self) -> None:
        """The connection breaks: what was not sent by then is lost."""
        if self.present:
            self._break(self._somebody())

    def _break(self, client: Client) -> None:
        sent = self._transports[client].text.splitlines()
        lines = self.present.pop(client)
        assert sent == lines[: len(sent)], "in order, without a gap, without anything twice"
        self._paused.discard(client)
        self.past.append((client, self._transports.pop(client), sent))
        client.disconnected("connection lost")

    def close(self) -> None:
        """The service closes the connection: all that was said until then still goes out."""
        readers = [client for client in self.present if client not in self._paused]
        if readers:
            client = self._random.choice(readers)
            client.close()
            transport = self._transports.pop(client)
            lines = self.present.pop(client)
            assert transport.text.splitlines() == lines
            assert transport.closed
            self.past.append((client, transport, lines))
            client.disconnected("closed")

    def broadcast(self) -> None:
        self._said += 1
        self._say(f"line {self._said}")

    def broadcast_while_one_leaves(self) -> None:
        """The one who goes may have had the line already, or not; the others have it once each."""
        if not self.present:
            return
        at, leaving = self._random.randrange(len(self.present)), self._somebody()
        self._said += 1
        line = f"line {self._said}"
        asked: list[Client] = []

        def leave_then(client: Client) -> bool:
            asked.append(client)
            if len(asked) == at + 1 and leaving in self.present:
                self._break(leaving)
            # The farewell is said before this line comes to those who are yet to be asked.
            if client in self.present:
                self.present[client].append(line)
            return True

        everybody = list(self.present)
        self._service.write_all(line, filter=leave_then)
        assert asked == everybody, "each is asked once, whoever goes"

    def broadcast_while_one_joins(self) -> None:
        """Who comes in the middle of it is not among those it is for."""
        at = self._random.randrange(len(self.present) + 1)
        self._said += 1
        line = f"line {self._said}"
        asked: list[Client] = []

        def join_then(client: Client) -> bool:
            asked.append(client)
            if len(asked) == at + 1:
                self.join()
            self.present[client].append(line)
            return True

        everybody = list(self.present)
        self._service.write_all(line, filter=join_then)
        assert asked == everybody

    def pause_or_resume(self) -> None:
        if not self.present:
            return
        client = self._somebody()
        if client in self._paused:
            self._paused.remove(client)
            client.resume_output()
        else:
            self._paused.add(client)
            client.pause_output()

    def turn(self) -> None:
        """The reactor turns: everybody who reads now has all that they must have."""
        self._clock.advance(0)
        for client, lines in self.present.items():
            if client not in self._paused:
                assert self._transports[client].text.splitlines() == lines

    def end(self) -> None:
        for client in tuple(self._paused):
            client.resume_output()
        self._paused.clear()
        self.turn()
        for client, transport, lines in self.past:
            assert transport.text.splitlines() == lines, f"{client!r} was sent something after all"
        assert list(self._service.clients) == list(self.present)

    def _somebody(self) -> Client:
        return self._random.choice(list(self.present))


@pytest.mark.parametrize("seed", range(3))
def test_nobody_misses_a_line_while_others_come_and_go(
    start: Callable[..., Service], clock: Clock, seed: int
) -> None:
    """No exception, no missed member, nobody served twice, whatever happens in the middle of it."""
    evening = Evening(start(output_max=0), clock, seed)
    for _ in range(EVENTS):
        evening.step()
    evening.end()
    assert len(evening.past) > EVENTS // 20
