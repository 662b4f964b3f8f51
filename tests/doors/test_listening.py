"""The options of TCP for peers that fall silent, read back from real sockets."""

from __future__ import annotations

import socket
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest

from cletus.doors.listening import Listening

pytestmark = pytest.mark.skipif(
    not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no TCP_USER_TIMEOUT"
)


class Port:
    """A port of Twisted's that listens with a real socket."""

    numberAccepts = 1  # noqa: N815 - Twisted's name

    def __init__(self, listening: socket.socket) -> None:
        self.socket = listening

    def doRead(self) -> None:
        """Twisted accepts nothing here."""

    def getHost(self) -> tuple[str, int]:
        return self.socket.getsockname()[:2]  # type: ignore[no-any-return]  # host and port


def accepted(keep_alive: float, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The options of a connection that such a listening socket has accepted."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        made = Listening(object(), ("127.0.0.1", 0), "telnet", keep_alive=keep_alive)

        async def listen(factory: Any) -> Port:
            return Port(listening)

        monkeypatch.setattr(made, "_endpoint", lambda: SimpleNamespace(listen=listen))
        opening = made.open(None)
        with pytest.raises(StopIteration):
            opening.send(None)
        with (
            closing(socket.create_connection(listening.getsockname())),
            closing(listening.accept()[0]) as connection,
        ):
            names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
            return {
                name: connection.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
                for name in names
            }


@pytest.mark.parametrize(
    ("keep_alive", "idle", "interval", "timeout"),
    [(60, 60, 15, 120_000), (1, 1, 1, 5_000), (0.5, 1, 1, 5_000), (1e6, 32767, 8191, 65_531_000)],
)
def test_each_accepted_connection_is_probed_and_given_up(
    monkeypatch: pytest.MonkeyPatch, keep_alive: float, idle: int, interval: int, timeout: int
) -> None:
    """Statement 25: four probes, and data may be unacknowledged for no longer than they take."""
    assert accepted(keep_alive, monkeypatch) == {
        "TCP_KEEPIDLE": idle,
        "TCP_KEEPINTVL": interval,
        "TCP_KEEPCNT": 4,
        "TCP_USER_TIMEOUT": timeout,
    }


def test_without_signs_of_life_the_system_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 0 no option is set."""
    found = accepted(0, monkeypatch)
    assert found["TCP_USER_TIMEOUT"] == 0
    assert found["TCP_KEEPCNT"] == 9 or found["TCP_KEEPIDLE"] > 60
