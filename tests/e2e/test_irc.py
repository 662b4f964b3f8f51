"""A channel joined with one of a real IRC server: both ways, through edits, a loss, and over TLS."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.e2e.harness import Caller, Talker, wait_until
from tests.engines import Ngircd, ngircd

APP = """
from cletus import Service, events
from cletus.contrib.channels import BaseChannel
from cletus.contrib.irc import IrcBridge
from cletus.contrib.users import BaseUser
from cletus.storage import TempStoreMixin

service = Service()

class Channel(TempStoreMixin, BaseChannel):
    service = service

class User(TempStoreMixin, BaseUser):
    service = service

bridge = IrcBridge(
    service, Channel, {"lamp": "#lamp"}, server="ENDPOINT", nickname="lantern", password="sesame"
)

@service.listen(events.PreStart)
def prepare(event):
    if Channel.manager.get("lamp") is None:
        Channel("lamp", name="Lamp")

@service.listen(events.Receive)
def receive(event):
    lamp = Channel.manager.get("lamp")
    if event.user is None:
        User(event.data, name=event.data.capitalize()).log_in(event.client)
        lamp.join(event.user)
    elif event.data == "who":
        event.client.write(f"There: {', '.join(map(str, bridge.people(lamp)))}.")
    elif event.data == "on":
        event.client.write(f"Connected: {bridge.is_connected(lamp)}.")
    else:
        lamp.say(event.user, event.data)
"""


class Peer:
    """Somebody on IRC, with a plain socket."""

    def __init__(self, port: int, nickname: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.settimeout(0.05)
        self._received = b""
        self.types("PASS sesame", f"NICK {nickname}", f"USER {nickname} 0 * :{nickname}")
        self.sees(" 001 ")
        self.types("JOIN #lamp")
        self.sees(" 366 ")

    def types(self, *lines: str) -> None:
        for line in lines:
            self._socket.sendall(line.encode() + b"\r\n")

    @property
    def screen(self) -> str:
        with suppress(TimeoutError):
            self._received += self._socket.recv(65536)
        for ping in re.findall(rb"^PING (\S+)\r$", self._received, re.MULTILINE):
            self.types(f"PONG {ping.decode()}")
        return self._received.decode()

    def sees(self, text: str) -> None:
        wait_until(lambda: text in self.screen, f"reading {text!r}", lambda: self.screen)

    def hang_up(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Ngircd]:
    with ngircd() as server:
        yield server


def connected(caller: Caller) -> None:
    """Ask until the bridge is connected."""

    def is_connected() -> bool:
        caller.types("on")
        caller.sees("Connected: ")
        return "Connected: True." in caller.screen

    wait_until(is_connected, "the bridge", lambda: caller.screen)


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_an_evening_on_irc(
    scheme: str,
    server: Ngircd,
    tmp_path: Path,
    run: Callable[..., Talker],
    call: Callable[[Talker], Caller],
    at_end: ExitStack,
) -> None:
    endpoint = {
        "tcp": f"tcp:127.0.0.1:{server.port}",
        "tls": f"tls:localhost:{server.tls_port}:trustRoots={server.trusted}",
    }[scheme]
    (tmp_path / "app.py").write_text(APP.replace("ENDPOINT", endpoint))
    talker = run("app.py")
    ann = call(talker)
    ann.types("ann")
    connected(ann)
    carl = Peer(server.port, "carl")
    at_end.callback(carl.hang_up)

    ann.types("hello, grüße")
    carl.sees("PRIVMSG #lamp :<Ann> hello, grüße\r\n")
    carl.types("PRIVMSG #lamp :\x0304hi\x03 Ann")
    ann.sees("[Lamp] carl@irc: hi Ann")
    ann.types("who")
    ann.sees("There: carl@irc.")
    ann.types("word " * 160)
    carl.sees("word word word")
    ann.sees("word word word")

    # An edit does not touch the connection.
    talker.write("app.py", (tmp_path / "app.py").read_text().replace('"There: ', '"Over there: '))
    wait_until(lambda: talker.reloads == 1, "the reload", lambda: talker.output)
    ann.types("after the edit")
    carl.sees("<Ann> after the edit")
    carl.types("PRIVMSG #lamp :still here")
    ann.sees("carl@irc: still here")
    ann.types("who")
    ann.sees("Over there: carl@irc.")
    assert " QUIT " not in carl.screen
    assert carl.screen.count(" JOIN :#lamp") == 1  # carl's own; lantern was there before
    assert len(re.findall("<Ann> hello", carl.screen)) == 1

    # The server goes away and comes back, and so do we.
    server.stop()
    server.start()
    ann.types("on")
    connected_again = call(talker)
    connected_again.types("bob")
    connected(connected_again)
    carl = Peer(server.port, "carl")
    at_end.callback(carl.hang_up)
    connected_again.types("back again")
    carl.sees("<Bob> back again")

    assert talker.stop() == 0
    carl.sees("QUIT :")
    carl.sees("the service stops")
    assert "Traceback" not in talker.output
