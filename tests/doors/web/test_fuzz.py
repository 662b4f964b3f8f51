"""Whatever bytes come: no traceback, no log line, and the door goes on (W7). Whole or byte by byte alike (W6)."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from twisted.internet.task import Clock

from cletus import Service
from cletus.doors.web.door import WebDoor
from tests.conftest import Log

from .browser import Tab, Wire

TELNET = "telnet.mudstandards.org"
HEAD = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:9080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Origin: http://127.0.0.1:9080\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: telnet.mudstandards.org, session.cletus\r\n\r\n"
)
PIECES = (
    b"\r\n",
    b"\r\n\r\n",
    b": ",
    b"\0",
    b"\xff",
    b"\xff\xfa\xc9",
    b"GET ",
    b"/../",
    b"%2e%2e",
    b"\x16\x03\x01",
    b"Host: x\r\n",
    b"Content-Length: 9\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"\x82\xfe\xff\xff",
    b"\x89\x80",
    b"\x88\x82",
    b"\x81\x85",
    b"\x00\x80",
    b"session.cletus.",
    b"X-Forwarded-For: ::\r\n",
    b"Origin: http://[\r\n",
    b"Origin: null\r\n",
    b"Host: [\r\n",
    b"Host: http://\xe4\r\n",
)  # fmt: skip - a table


@pytest.fixture
def door(start: Callable[..., Service]) -> WebDoor:
    return WebDoor(start())


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The same with a few bytes changed, cut out, doubled, or pieces put in."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(4):
            case 0:
                out[at : at + rng.randint(1, 30)] = b""
            case 1:
                out[at:at] = rng.choice(PIECES)
            case 2:
                out[at : at + 1] = bytes((rng.randrange(256),))
            case 3:
                out[at:at] = out[at : at + rng.randint(1, 60)]
    return bytes(out)


@pytest.mark.parametrize("seed", range(8))
def test_w06_w07_heads_of_strangers_never_raise(
    door: WebDoor, clock: Clock, log: Log, seed: int
) -> None:
    rng = random.Random(seed)
    before = len(log.events)
    for _ in range(60):
        data = mutated(HEAD, rng)
        whole, bitten = Wire(door), Wire(door)
        whole.send(data)
        for index in range(len(data)):
            bitten.send(data[index : index + 1])
        assert whole.taken()[:12] == bitten.taken()[:12], data
        whole.lose()
        bitten.lose()
    clock.advance(200)
    assert log.failures == []
    assert len(log.events) - before < 500


@pytest.mark.parametrize("seed", range(8))
def test_w07_frames_of_strangers_never_raise(
    door: WebDoor, clock: Clock, log: Log, seed: int
) -> None:
    rng = random.Random(seed)
    for _ in range(60):
        tab = Tab(
            door,
            *rng.choice([(TELNET,), (TELNET, "session.cletus"), ("gmcp.mudstandards.org",), ()]),
        )
        tab.client.send_binary(
            rng.choice([b"hello\r\n", b"\xff\xfb\xc9\xff\xfa\xc9Core.Hello {\xff\xf0", b"x" * 200])
        )
        tab.client.send_text(rng.choice([b"Core.Hello {}", b"{}", b'Core.Supports.Set ["Char 1"]']))
        tab.client.send_ping(b"p")
        data = mutated(b"".join(tab.client.data_to_send()), rng)
        for start in range(0, len(data), size := rng.randint(1, 40)):
            tab.send(data[start : start + size])
        tab.lose()
    clock.advance(200)
    assert log.failures == []
