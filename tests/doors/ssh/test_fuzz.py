"""Any bytes, and any messages: nothing raises past the door, and nobody is dropped silently broken."""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Callable

import pytest
from twisted.conch.ssh.common import NS

from tests.conftest import Log

from .conftest import Place
from .test_session import ECHO


@pytest.fixture
def echo(start: Callable[..., Place]) -> Place:
    return start(ECHO, line_rate=0)


def check(log: Log, place: Place) -> None:
    """No traceback, and no bookkeeping left behind."""
    assert not [event for event in log.events if event.get("log_failure") is not None]


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_instead_of_a_handshake(echo: Place, log: Log, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(20):
        client = echo.client(f"192.0.2.{number}")
        for _ in range(5):
            if client.is_gone:
                break
            data = chance.randbytes(chance.randrange(1, 3000))
            if chance.random() < 0.3:
                data = b"SSH-2.0-x\r\n" + data
            client.server.dataReceived(data)
        if not client.is_gone:
            client.lose()
    assert not echo.factory.connections
    assert not echo.factory._unproven
    check(log, echo)


@pytest.mark.parametrize("seed", range(20))
def test_any_messages_at_any_time(echo: Place, log: Log, seed: int) -> None:
    """Well encrypted, by somebody who has come as far as they like."""
    chance = random.Random(seed)
    for number in range(10):
        client = echo.client(f"192.0.2.{number}")
        stage = chance.randrange(4)
        if stage:
            client.begin()
        if stage > 1:
            client.request("ann", b"none")
        if stage > 2:
            client.open_shell()
        for _ in range(20):
            if client.is_gone:
                break
            client.side.sendPacket(chance.choice(NUMBERS), payload(chance))
            # What comes back is not looked at: the client's side would not survive it.
            data = client.ours.value()
            client.ours.clear()
            client.server.dataReceived(data)
            echo.clock.advance(0.01)
            client.wire.clear()
            if client.wire.disconnecting:
                client.lose()
        if not client.is_gone:
            client.lose()
    assert not echo.factory.connections
    assert not echo.service.clients
    check(log, echo)


NUMBERS = [
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    20,
    21,
    30,
    31,
    50,
    51,
    52,
    60,
    80,
    81,
    82,
    *range(90, 101),
    192,
    255,
]


def payload(chance: random.Random) -> bytes:
    """Strings, numbers and nonsense; some begin as a message of that number would."""
    pieces = [
        lambda: struct.pack(">L", chance.choice([0, 1, 7, 2**31, 2**32 - 1])),
        lambda: NS(chance.choice(WORDS)),
        lambda: chance.randbytes(chance.randrange(20)),
        lambda: bytes((chance.randrange(2),)),
    ]
    return b"".join(chance.choice(pieces)() for _ in range(chance.randrange(8)))


WORDS = [
    b"ssh-userauth",
    b"ssh-connection",
    b"none",
    b"password",
    b"publickey",
    b"session",
    b"shell",
    b"pty-req",
    b"env",
    b"exec",
    b"window-change",
    b"signal",
    b"INT",
    b"xterm",
    b"ssh-ed25519",
    NS(b"ssh-ed25519") + NS(b"x" * 32),
    b"\xff" * 9,
    b"",
]  # fmt: skip - a list


@pytest.mark.parametrize("seed", range(10))
def test_any_keys_make_the_same_lines_in_any_pieces(echo: Place, log: Log, seed: int) -> None:
    chance = random.Random(seed)
    keys = b"".join(
        chance.choice(
            [
                b"a",
                b"\xc3\xa9",
                b"\r",
                b"\x1b[D",
                b"\x1b[A",
                b"\x7f",
                b"\x15",
                b"\x17",
                b"\x01",
                b"word ",
            ]
        )
        for _ in range(200)
    )
    screens = []
    for pieces in ([keys], [bytes((key,)) for key in keys]):
        client = echo.client()
        client.come_in("ann")
        for piece in pieces:
            client.session.write(piece)
            client.pump()
        client.session.write(b"\r")
        client.pump()
        screens.append(re.findall(r"\[([aéword ]*)\]\r\n", client.screen))
        client.lose()
    assert len(screens[0]) > 10
    assert screens[0] == screens[1]
    check(log, echo)
