"""Under a service manager: it has opened the sockets, and hears that the service is ready, reloads, stops."""

from __future__ import annotations

import signal
import socket
import ssl
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.harness import TIMEOUT, Caller, Talker

HANDING_OVER = Path(__file__).with_name("handing_over.py")

APP = """\
from cletus import Service, events
service = Service()

@service.listen(events.Connect)
def connect(event):
    event.client.write(f"{event.client.door} from {event.client.address}.")
"""

#: As systemd would be told of them.
SOCKETS = ("talk=INET", "safe=INET", "six=INET6", "local=UNIX")

DOORS = (
    "--listen=telnet:systemd:domain=INET:name=talk",
    "--listen=tls:systemd:domain=INET:index=1",
    "--listen=telnet:systemd:domain=INET6:name=six",
    "--listen=telnet:systemd:domain=UNIX:name=local",
    "--tls-self-signed",
)


@pytest.fixture
def handed_over(start: Callable[..., Talker], tmp_path: Path) -> Callable[..., Talker]:
    """``cletus run`` with sockets that are there already, and further options."""
    (tmp_path / "app.py").write_text(APP)

    def handed_over(*options: str, sockets: tuple[str, ...] = SOCKETS) -> Talker:
        run = (sys.executable, "-m", "cletus", "run", "app.py", "--store=saved", *options)
        return start(str(HANDING_OVER), *sockets, "--", *run)

    return handed_over


@pytest.fixture
def called(at_end: ExitStack) -> Callable[[int], Caller]:
    """Connect to a port of this machine."""

    def called(port: int) -> Caller:
        caller = Caller(port)
        at_end.callback(caller.hang_up)
        return caller

    return called


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket that a service manager listens on for what services tell it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(TIMEOUT)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield manager


def test_people_come_in_by_sockets_that_were_open_before(
    handed_over: Callable[..., Talker], called: Callable[[int], Caller], tmp_path: Path
) -> None:
    """Plain, TLS, IPv6 behind a proxy, Unix; addresses and budgets are as with sockets of our own.

    A Unix socket stays as its owner has made it, and stays when the service has gone.
    """
    talker = handed_over(*DOORS, "--proxy-from=::1", "--connections-per-address=2")
    talker.prints("Stop with Ctrl-C")
    plain, safe = (
        int(talker.prints(rf"Listening on {door} 127\S+:(\d+)\n")[1]) for door in ("telnet", "tls")
    )
    six = int(talker.prints(r"Listening on telnet \[::1\]:(\d+)\n")[1])
    talker.prints(r"Listening on telnet unix:local\.sock\n")

    first = called(plain)
    first.sees("telnet from 127.0.0.1:")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(socket.create_connection(("127.0.0.1", safe), TIMEOUT)) as second:
        assert receive_until(second, b"tls from 127.0.0.1:")
        called(plain).sees("Too many people are here from your address.")
    with socket.create_connection(("::1", six), TIMEOUT) as proxied:
        proxied.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 4444 9000\r\n")
        assert receive_until(proxied, b"telnet from 192.0.2.7:4444.")
    with socket.socket(socket.AF_UNIX) as local:
        local.settimeout(TIMEOUT)
        local.connect(str(tmp_path / "local.sock"))
        assert receive_until(local, b"telnet from a local socket.")
    assert stat.S_IMODE((tmp_path / "local.sock").stat().st_mode) == 0o660
    assert talker.stop() == 0
    assert (tmp_path / "local.sock").is_socket()


@pytest.mark.parametrize(
    ("door", "reason"),
    [
        ("systemd:domain=INET:name=tell", "no such socket was handed over"),
        ("systemd:domain=INET:index=7", "no such socket was handed over"),
        ("systemd:domain=UNIX:name=talk", "that socket is of another kind: say domain=INET"),
        ("systemd:domain=NET:name=talk", "say systemd:domain=INET:name=talk"),
        ("systemd:domain=INET", "say systemd:domain=INET:name=talk"),
    ],
)
def test_a_socket_that_was_not_handed_over_is_a_clear_mistake(
    handed_over: Callable[..., Talker], door: str, reason: str
) -> None:
    talker = handed_over(f"--listen=telnet:{door}", sockets=("talk=INET",))
    assert talker.ends() == 2
    assert talker.output.startswith(f"cletus: cannot listen on telnet {door}: {reason}")


def test_a_service_manager_follows_the_life_of_a_service(
    manager: socket.socket, handed_over: Callable[..., Talker], called: Callable[[int], Caller]
) -> None:
    """From the first message on people can connect; SIGHUP, as ``systemctl reload`` sends it, reloads."""
    talker = handed_over(DOORS[0], sockets=("talk=INET",))
    ready = manager.recv(4096).decode()
    assert ready.startswith("READY=1\nSTATUS=generation 0, listening on telnet 127.0.0.1:")
    called(int(ready.rpartition(":")[2])).sees("telnet from 127.0.0.1:")
    talker.gets(signal.SIGHUP)
    assert manager.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
    assert manager.recv(4096).startswith(b"READY=1\nSTATUS=generation 1, reloaded at ")
    talker.edit("app.py", "def connect", "def connect(")
    assert b"RELOADING=1" in manager.recv(4096)
    assert b"reload refused at" in manager.recv(4096)
    talker.gets(signal.SIGTERM)
    assert manager.recv(4096) == b"STOPPING=1\nSTATUS=generation 1, stopping"
    assert talker.ends() == 0


def receive_until(peer: socket.socket, wanted: bytes) -> bool:
    """Whether these bytes come before the end of the connection."""
    received = b""
    while wanted not in received:
        data = peer.recv(4096)
        if not data:
            return False
        received += data
    return True
