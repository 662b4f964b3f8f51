"""Rules S1 to S7 of the SSH door, each a test."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.keys import Key

from cletus.doors.ssh.door import UNPROVEN_MAX, UNPROVEN_PER_ADDRESS
from cletus.doors.ssh.host_key import host_key
from cletus.doors.ssh.session import WINDOW
from cletus.errors import HostKeyError
from tests.conftest import Log

from .client import SshClient, name_list
from .conftest import Place


def test_s1_a_command_is_told_that_there_is_none(place: Place) -> None:
    """It exits with 1."""
    client = place.client()
    client.begin()
    client.request("ann", b"none")
    client.session = client.open_session()
    assert client.ask(b"exec", NS(b"rm -rf /"))
    assert "nothing to run here" in client.screen
    assert client.session.status == 1
    assert client.session.is_closed


@pytest.mark.parametrize(
    ("request_", "data"),
    [
        (b"subsystem", NS(b"sftp")),
        (b"x11-req", b"\0" + NS(b"MIT-MAGIC-COOKIE-1") + NS(b"00") + b"\0\0\0\0"),
        (b"auth-agent-req@openssh.com", b""),
        (b"\xff\xfe", b""),
    ],
)
def test_s1_other_requests_are_refused_without_a_log_line(
    place: Place, log: Log, request_: bytes, data: bytes
) -> None:
    client = place.client()
    client.come_in("ann")
    before = len(log.events)
    assert client.ask(request_, data) is False
    assert len(log.events) == before
    assert "Create it" in client.screen


@pytest.mark.parametrize("name", [b"session", b"direct-tcpip", b"x11", b"auth-agent@openssh.com"])
def test_s1_a_second_channel_is_refused_without_a_log_line(
    place: Place, log: Log, name: bytes
) -> None:
    """Forwarding among them."""
    client = place.client()
    client.come_in("ann")
    before = len(log.events)
    client.side.sendPacket(90, NS(name) + struct.pack(">3L", 7, 1000, 32768))
    client.connection.channels[7] = client.session
    client.pump()
    assert client.session.refusal is not None
    assert len(log.events) == before
    assert not client.is_gone


def test_s1_remote_forwarding_is_refused(place: Place) -> None:
    client = place.client()
    client.come_in("ann")
    answers: list[bool] = []
    request = NS(b"127.0.0.1") + struct.pack(">L", 8080)
    answer = client.connection.sendGlobalRequest(b"tcpip-forward", request, wantReply=1)
    answer.addCallbacks(lambda _: answers.append(True), lambda _: answers.append(False))
    client.pump()
    assert answers == [False]


def test_s2_only_strong_algorithms_are_offered(place: Place) -> None:
    """No CBC, 3DES, MD5, SHA-1 or zlib; and no algorithm of Terrapin's."""
    client = place.client()
    offered = client.side.otherKexInitPayload
    names = b",".join(name for number in range(8) for name in name_list(offered, number)).lower()
    for weak in (
        b"cbc",
        b"3des",
        b"md5",
        b"sha1",
        b"zlib",
        b"ssh-rsa",
        b"ssh-dss",
        b"chacha",
        b"etm",
    ):
        assert weak not in names, weak
    assert b"curve25519-sha256" in name_list(offered, 0)


def test_s2_an_rsa_host_key_does_not_sign_with_sha_1(place: Place, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    from cletus.doors.admission import ConnectionLimiter
    from cletus.doors.ssh.door import SshFactory

    key = Key(generate_private_key(65537, 2048))
    factory = SshFactory(place.service, ConnectionLimiter(place.service), key)
    assert sorted(factory.algorithms) == [b"rsa-sha2-256", b"rsa-sha2-512"]
    assert SshClient(factory, place.clock).side.secure


def test_s3_the_host_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "key"
    before = os.umask(0)
    try:
        first = host_key(path, create=True)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["key"]
    assert host_key(path, create=True) == first


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_s3_a_host_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    host_key(path, create=True)
    path.chmod(mode)
    with pytest.raises(HostKeyError, match=r"others can read it; say chmod 600"):
        host_key(path, create=True)


@pytest.mark.parametrize("data", [b"", b"nonsense", b"ssh-ed25519 AAAA", b"\xff" * 100])
def test_s3_what_is_not_a_key_is_refused(tmp_path: Path, data: bytes) -> None:
    """And not overwritten."""
    path = tmp_path / "key"
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(HostKeyError):
        host_key(path, create=True)
    assert path.read_bytes() == data


def test_s4_unproven_connections_have_a_bound(place: Place) -> None:
    """In all, and from one address; who has come in does not count."""
    for _ in range(UNPROVEN_PER_ADDRESS):
        place.client()
    assert place.client().is_gone
    guest = place.client("198.51.100.1")
    guest.come_in("guest")
    clients = [place.client(f"203.0.113.{number // 15}") for number in range(UNPROVEN_MAX)]
    assert sum(client.is_gone for client in clients) == UNPROVEN_PER_ADDRESS
    assert not guest.is_gone


def test_s4_who_does_not_come_in_is_dropped_in_time(start: Callable[..., Place]) -> None:
    place = start(ssh_login_time=60.0)
    silent, guest = place.client(), place.client()
    guest.come_in("guest")
    opened = place.client()
    opened.begin()
    opened.request("guest", b"none")
    place.clock.advance(59)
    assert not silent.is_gone
    place.clock.advance(1.1)
    for client in (silent, guest, opened):
        client.pump()
    assert silent.is_gone
    assert opened.is_gone
    assert not guest.is_gone


def test_s4_three_wrong_passwords(place: Place) -> None:
    """And the throttle of the account counts them."""
    place.account("Ann")
    client = place.client()
    client.begin()
    assert client.request("ann", b"none") == 51
    assert client.password("ann", "wrong") == 51
    assert client.password("ann", "wronger") == 51
    assert client.password("ann", "wrongest") is None
    assert client.is_gone
    assert any(
        "'ann'" in name
        for name in place.service.session.stores["throttle"].manager.active()["logins"].failures
    )


def test_s4_the_throttle_of_the_account_holds(place: Place) -> None:
    """A try that is slowed down waits, as in the login dialogue."""
    place.account("Ann")
    for _ in range(2):
        client = place.client()
        client.begin()
        for _ in range(3):
            client.password("ann", "wrong")
    client = place.client()
    client.begin()
    assert client.password("ann", "lantern-s3cret") is None
    place.clock.advance(30)
    client.pump()
    assert client.authentication.answers[-1][0] == 52


def test_s4_bans_hold(place: Place) -> None:
    """They are told, after they have proved who they are."""
    place.account("Ann")
    users = place.service.session.stores["user"].users
    users.ban("ann", reason="spam")
    client = place.client()
    client.begin()
    assert client.password("ann", "lantern-s3cret") == 52
    client.open_shell()
    assert "banned" in client.screen
    place.clock.advance(5)
    assert client.session.is_closed


def test_s5_a_packet_that_is_too_long_ends_the_connection(place: Place) -> None:
    client = place.client()
    client.come_in("ann")
    client.side.sendPacket(2, b"x" * 39_000)
    client.pump()
    assert not client.is_gone
    client.side.sendPacket(2, b"x" * 41_000)
    client.pump()
    assert client.is_gone


def test_s5_it_is_refused_by_its_first_block(place: Place) -> None:
    """Nothing of it is waited for."""
    client = place.client()
    client.come_in("ann")
    client.side.sendPacket(2, b"x" * 200_000)
    data = client.ours.value()[:64]
    client.ours.clear()
    client.server.dataReceived(data)
    assert client.wire.aborted


def test_s6_broken_connections_cost_a_log_line_a_second(place: Place, log: Log) -> None:
    clients = [place.client() for _ in range(15)]
    before = len(log.events)
    for client in clients:
        client.side.sendPacket(21, b"")
        client.pump()
        assert client.is_gone
    assert len(log.events) - before == 1


def test_s7_what_is_typed_before_the_shell_is_not_lost(place: Place) -> None:
    """Keys are sent with the request, before its answer."""
    client = place.client()
    client.begin()
    client.request("guest", b"none")
    client.session = client.open_session()
    client.session.write(b"hello\r")
    client.pump()
    client.ask(b"pty-req", NS(b"xterm") + struct.pack(">4L", 80, 24, 0, 0) + NS(b""))
    client.session.write(b"world\r")
    client.ask(b"shell")
    assert "Guest-1: hello" in client.screen
    assert "Guest-1: world" in client.screen


def test_s7_but_only_as_much_as_the_window_allows(place: Place) -> None:
    client = place.client()
    client.begin()
    client.request("guest", b"none")
    client.session = client.open_session()
    client.session.write(b"x" * (3 * WINDOW))
    client.pump()
    assert client.session.remoteWindowLeft == 0
    assert len(client.session.buf) == 2 * WINDOW
