"""The bus on a real engine: Valkey, or Redis 7.0 or later."""

from __future__ import annotations

import re
import shutil
import socket
import struct
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from twisted.internet import reactor

from cletus.cluster.address import Address
from cletus.cluster.bus import REQUESTS, TELLS, Lease, answers_to, frames_for
from cletus.cluster.sealing import AesSeal
from cletus.cluster.valkey import ValkeyBus
from cletus.errors import SettingError
from cletus.testing import Log
from tests.cluster.conformance import BusConformance, Heard
from tests.cluster.valkey_rig import KEY, ValkeyRig
from tests.engines import Valkey, free_port, valkey


@pytest.fixture(scope="session")
def shared_engine() -> Iterator[Valkey]:
    with valkey() as server:
        yield server


@pytest.fixture(params=["sealed", "plain"])
def rig(request: pytest.FixtureRequest, shared_engine: Valkey) -> Iterator[ValkeyRig]:
    rig = ValkeyRig(shared_engine, KEY if request.param == "sealed" else b"")
    yield rig
    rig.close()


class TestValkeyBus(BusConformance):
    """On a real engine, sealed and not."""


@pytest.fixture
def own(log: Log) -> Iterator[ValkeyRig]:
    """On an engine that may be killed."""
    with valkey() as engine:
        rig = ValkeyRig(engine)
        yield rig
        engine.stop()
        engine.start()
        rig.close()


def numbers(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def test_nobody_sees_that_there_is_no_primary_while_the_engine_takes_nothing(
    own: ValkeyRig,
) -> None:
    """Its memory is full: the primary cannot renew its lease, and is the first to do so afterwards."""
    primary, standby = own.bus(), own.bus()
    epoch = own.wait(primary.claim(0.3))
    own.engine.ask("CONFIG SET maxmemory 1")
    looked: list[Lease] = []
    standby.lease(0.3).addCallback(looked.append)
    renewed = primary.renew(epoch, 30)
    own.sleep(1)
    assert looked == []
    own.engine.ask("CONFIG SET maxmemory 0")
    assert own.wait(renewed) == epoch
    own.until(lambda: looked)


@pytest.mark.parametrize("fault", ["killed", "stopped", "cut"])
def test_commands_are_repeated_in_order_and_taken_once(own: ValkeyRig, fault: str) -> None:
    """Some are answered, some under way, and some made while the engine is away."""
    primary, gateway = own.bus(), own.bus()
    epoch = own.wait(primary.claim(300))
    told, frames = Heard(primary, TELLS), Heard(gateway, frames_for("g"))
    turns = []

    def both(start: int, end: int) -> None:
        for number in range(start, end):
            gateway.tell(b"%d" % number)
            turns.append(primary.turn(epoch, {"g": b"%d" % number}))

    both(0, 50)
    own.until(lambda: len(told.entries) == len(frames.entries) == 50)
    # A process that was killed may lose its last second; what it has saved is another test.
    own.engine.ask("CONFIG SET appendfsync always")
    both(50, 100)
    own.until(lambda: turns[50].called)
    if fault == "killed":
        own.engine.stop(SIGKILL)
    elif fault == "stopped":
        own.engine.send_signal(SIGSTOP)
    else:
        own.engine.ask("CLIENT KILL TYPE normal SKIPME yes")
    both(100, 150)
    if fault != "cut":
        own.until(lambda: primary.silence > 0.3)
    if fault == "killed":
        own.engine.start()
    elif fault == "stopped":
        own.until(lambda: primary.silence > 4)  # longer than a silent connection is kept
        own.engine.send_signal(SIGCONT)
    assert {own.wait(turn) for turn in turns} == {epoch}
    own.until(lambda: len(told.entries) >= 150 and len(frames.entries) >= 150)
    assert told.data == numbers(150)
    assert frames.data == numbers(150)
    own.until(lambda: primary.waiting == gateway.waiting == 0)


def test_an_engine_that_comes_back_empty_is_claimed_anew(own: ValkeyRig) -> None:
    primary = own.bus()
    epoch = own.wait(primary.claim(300))
    own.engine.stop()
    for file in own.engine.folder.glob("appendonlydir/*"):
        file.unlink()
    renewed = primary.renew(epoch, 300)
    own.engine.start()
    assert own.wait(renewed) == 0
    assert own.wait(primary.lease(30)) is Lease.NONE
    assert own.wait(primary.claim(300)) > epoch


def test_an_engine_that_was_started_again_remembers(own: ValkeyRig) -> None:
    """With ``appendonly``, as deploy/ has it."""
    primary = own.bus()
    epoch = own.wait(primary.claim(300))
    own.wait(primary.checkpoint(epoch, {"user/ann": b"1"}))
    own.wait(primary.set_code(epoch, b"code"))
    own.engine.stop(15)
    own.engine.start()
    assert own.wait(primary.session()) == {"user/ann": b"1"}
    assert own.wait(primary.code()) == b"code"
    assert own.wait(primary.renew(epoch, 300)) == epoch


def test_a_script_that_the_engine_forgot_is_loaded_again(rig: ValkeyRig) -> None:
    bus = rig.bus()
    epoch = rig.wait(bus.claim(30))
    rig.engine.ask("SCRIPT FLUSH")
    assert rig.wait(bus.renew(epoch, 30)) == epoch


def test_a_bus_may_be_opened_before_its_engine(own: ValkeyRig, log: Log) -> None:
    own.engine.stop()
    bus = own.bus()
    answer = bus.lease(30)
    own.until(
        lambda: any(f"no connection to 127.0.0.1:{own.engine.port}" in line for line in log.lines)
    )
    assert bus.silence > 0.3
    own.engine.start()
    assert own.wait(answer) is Lease.NONE


def test_an_engine_that_refuses_is_asked_until_it_does_not(rig: ValkeyRig, log: Log) -> None:
    """The reason is logged once."""
    bus = rig.bus()
    rig.wait(bus.lease(30))
    rig.engine.ask("CONFIG SET maxmemory 1")
    try:
        tell = bus.tell(b"1")
        rig.until(lambda: any("OOM" in line for line in log.lines))
        rig.sleep(0.5)
        assert not tell.called
        assert bus.silence > 0.4
    finally:
        rig.engine.ask("CONFIG SET maxmemory 0")
    rig.wait(tell)
    lines = [line for line in log.lines if "cannot be used" in line]
    assert len(lines) == 1, lines
    assert any("can be used again" in line for line in log.lines)


def test_a_password_is_given(log: Log) -> None:
    """A wrong one is refused, which is logged; the password is not."""
    with valkey(requirepass="s3cret") as engine:
        rig = ValkeyRig(engine)
        for secret in ("s3cret", "wr0ng"):
            address = Address.of(f"redis://:{secret}@127.0.0.1:{engine.port}/2")
            bus = ValkeyBus(address, reactor, name="n", seal=AesSeal(KEY))
            rig.buses.append(bus)
            bus.open()
            answer = bus.lease(30)
            answer.addErrback(lambda _failure: None)  # it is closed at the end
            if secret == "s3cret":
                assert rig.wait(answer) is Lease.NONE
        rig.until(lambda: any("WRONGPASS" in line for line in log.lines))
        assert not any("wr0ng" in line for line in log.lines)
        assert not answer.called
        rig.close()


def test_a_unix_socket_does(shared_engine: Valkey) -> None:
    rig = ValkeyRig(shared_engine)
    bus = ValkeyBus(Address.of(f"unix://{shared_engine.socket}"), reactor, name=rig.name)
    rig.buses.append(bus)
    bus.open()
    assert rig.wait(bus.claim(30)) > 0
    rig.close()


def test_the_access_list_of_the_docs_does(shared_engine: Valkey) -> None:
    """And another service's keys cannot be reached with it."""
    page = Path(__file__).parents[2] / "docs/cluster.md"
    (rules,) = re.findall(r"`(~cletus:\{NAME\}:\*)` with\s+`([^`]+)`", page.read_text())
    rig = ValkeyRig(shared_engine)
    words = " ".join(rules).replace("NAME", rig.name)
    assert shared_engine.ask(f"ACL SETUSER talker on >pw {words}") == b"+OK\r\n"
    address = Address.of(f"valkey://talker:pw@127.0.0.1:{shared_engine.port}")

    def bus(name: str) -> ValkeyBus:
        bus = ValkeyBus(address, reactor, name=name, seal=AesSeal(KEY))
        rig.buses.append(bus)
        bus.open()
        return bus

    ours, other = bus(rig.name), bus("another")
    epoch = rig.wait(ours.claim(30))
    told, frames = Heard(ours, TELLS), Heard(ours, frames_for("g"))
    rig.wait(ours.tell(b"1"))
    assert rig.wait(ours.turn(epoch, {"g": b"1"}, "1-1")) == epoch
    rig.until(lambda: told.entries and frames.entries)
    rig.wait(ours.ack("g", b"1", frames.entries[0].cursor))
    rig.wait(ours.announce("g", b"1"))
    rig.wait(ours.checkpoint(epoch, {"a": b"1"}, ["b"]))
    rig.wait(ours.set_code(epoch, b"1"))
    rig.wait(ours.post(answers_to("7"), b"1"))
    for answer in (ours.acks(), ours.nodes(), ours.session(), ours.code(), ours.lease(30)):
        assert rig.wait(answer)
    rig.wait(ours.lose(epoch, "g"))
    rig.wait(ours.leave("g"))
    rig.wait(ours.release(epoch))
    refused = other.claim(30)
    refused.addErrback(lambda _failure: None)
    rig.sleep(0.5)
    assert not refused.called
    rig.close()


def test_tls_is_verified(tmp_path: Path, log: Log) -> None:
    """By the certificates in the file; without them there is no connection."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = Path(
        tempfile.mkdtemp(prefix="cletus-tls-")
    )  # not in tmp_path, which is for root alone
    folder.chmod(0o755)
    (folder / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (folder / "key.pem").chmod(0o644)
    port = str(free_port())
    options = {
        "tls-port": port, "tls-cert-file": str(folder / "cert.pem"), "tls-key-file": str(folder / "key.pem"),
        "tls-ca-cert-file": str(folder / "cert.pem"), "tls-auth-clients": "no",
    }  # fmt: skip
    with ExitStack() as stack:
        try:
            engine = stack.enter_context(valkey(**options))
        except AssertionError as error:
            if "tls" not in str(error).lower():
                raise
            pytest.skip("this engine is built without TLS")
        rig = ValkeyRig(engine)
        address = Address.of(f"valkeys://localhost:{port}")
        answers = []
        for authority in (str(folder / "cert.pem"), ""):
            bus = ValkeyBus(address, reactor, name="n", authority=authority)
            rig.buses.append(bus)
            bus.open()
            answers.append(bus.claim(30))
        assert rig.wait(answers[0]) > 0
        answers[1].addErrback(lambda _failure: None)
        rig.until(lambda: any("cannot be used" in line for line in log.lines))
        assert not answers[1].called
        rig.close()
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    "text", [None, b"", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"]
)
def test_a_file_of_certificates_that_cannot_be_used(tmp_path: Path, text: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_bytes(text)
    with pytest.raises(SettingError, match="cluster_ca' cannot be used"):
        Address.of("valkeys://db").endpoint(reactor, str(file))


def test_c16_streams_that_nobody_reads_are_bounded(rig: ValkeyRig) -> None:
    """In length, and in time."""
    bus = rig.bus()
    epoch = rig.wait(bus.claim(30))
    for _ in range(12_000):
        told = bus.tell(b"x")
        turn = bus.turn(epoch, {"g": b"x"})
    rig.wait(told)
    rig.wait(turn)
    for stream in (TELLS, frames_for("g")):
        length = int(rig.engine.ask(f"XLEN cletus:{{{rig.name}}}:{stream}")[1:])
        assert 10_000 <= length < 10_200
    rig.wait(bus.post(answers_to("7"), b"x"))
    for stream in (frames_for("g"), answers_to("7")):
        assert int(rig.engine.ask(f"PTTL cletus:{{{rig.name}}}:{stream}")[1:]) > 0


# -- what is on the engine ----------------------------------------------------------------------


def everything(engine: Valkey) -> bytes:
    """The engine's memory as it saves it, uncompressed."""
    assert engine.ask("CONFIG SET rdbcompression no") == b"+OK\r\n"
    assert engine.ask("SAVE") == b"+OK\r\n"
    return Path(engine.folder, "dump.rdb").read_bytes()


@pytest.mark.parametrize("key", [KEY, b""])
def test_c15_without_the_key_nothing_can_be_read(shared_engine: Valkey, key: bytes) -> None:
    """And without sealing it can: so this test would see it."""
    rig = ValkeyRig(shared_engine, key)
    bus = rig.bus()
    secrets = [b"hunter2-%d-hunter2" % number for number in range(8)]
    epoch = rig.wait(bus.claim(30))
    rig.wait(bus.tell(secrets[0]))
    rig.wait(bus.turn(epoch, {"g": secrets[1]}))
    rig.wait(bus.ack("g", secrets[2], ""))
    rig.wait(bus.announce("g", secrets[3]))
    rig.wait(bus.checkpoint(epoch, {secrets[4].decode(): secrets[5]}))
    rig.wait(bus.set_code(epoch, secrets[6]))
    rig.wait(bus.post(REQUESTS, secrets[7]))
    memory = everything(shared_engine)
    assert [secret in memory for secret in secrets] == [not key] * 8
    rig.close()


def test_c15_what_has_another_key_is_refused(shared_engine: Valkey, log: Log) -> None:
    """Also what has none; what is right comes."""
    rig = ValkeyRig(shared_engine)
    ours = rig.bus()
    epoch = rig.wait(ours.claim(30))
    heard = Heard(ours, TELLS)
    for key in (bytes(32), b""):
        theirs = rig.bus(key=key)
        rig.wait(theirs.tell(b"forged"))
        rig.wait(theirs.ack("g", b"forged", ""))
        rig.wait(theirs.announce("g", b"forged"))
        rig.wait(theirs.checkpoint(epoch, {"user/ann": b"forged"}))
        rig.wait(theirs.set_code(epoch, b"forged"))
    rig.wait(ours.tell(b"right"))
    rig.until(lambda: heard.entries)
    assert heard.data == [b"right"]
    assert rig.wait(ours.acks()) == {}
    assert rig.wait(ours.nodes()) == []
    assert rig.wait(ours.session()) == {}
    assert rig.wait(ours.code()) == b""
    rig.close()


def test_c15_an_entry_that_is_put_back_is_refused(shared_engine: Valkey, log: Log) -> None:
    """By somebody who can write in the engine, and has no key; in its stream or in another."""
    rig = ValkeyRig(shared_engine)
    primary, gateway = rig.bus(), rig.bus()
    rig.wait(primary.claim(30))
    told, asked = Heard(primary, TELLS), Heard(primary, REQUESTS)
    for data in (b"1", b"2"):
        rig.wait(gateway.tell(data))
    rig.until(lambda: len(told.entries) == 2)
    key = f"cletus:{{{rig.name}}}:"
    copy = "for _, e in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do redis.call('XADD', KEYS[2], '*', 'e', e[2][2]) end"
    for target in (TELLS, REQUESTS):
        answer = shared_engine.ask(f'EVAL "{copy}" 2 {key}{TELLS} {key}{target}')
        assert answer == b"$-1\r\n", answer
    rig.wait(gateway.tell(b"3"))
    rig.wait(gateway.post(REQUESTS, b"4"))
    rig.until(lambda: len(told.entries) >= 3 and asked.entries)
    assert told.data == [b"1", b"2", b"3"]
    assert asked.data == [b"4"]
    rig.close()


# -- an engine that is none -----------------------------------------------------------------------


NONSENSE = [
    b"@what?\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"+OK\r\n" * 100,
    b":1\r\n" * 3,
    b"*1\r\n" * 50,
    b"$-5\r\n",
    b"*3\r\n:1\r\n$1\r\nx\r\n*0\r\n" * 5,
    b"%1\r\n+a\r\n+b\r\n" * 4,
    b"-ERR \xff\xfe\r\n" * 4,
    b"",
]


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nothing_that_an_engine_says_raises(
    nonsense: bytes, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is made again and again; the commands wait."""
    monkeypatch.setattr("cletus.cluster.resp.SILENCE_MAX", 0.2)  # of an answer that is not complete
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(50)
        listening.setblocking(False)
        rig = ValkeyRig.__new__(ValkeyRig)
        bus = ValkeyBus(Address(port=listening.getsockname()[1]), reactor, name="n")
        bus.open()
        heard = Heard(bus, TELLS)
        answers = [bus.claim(1), bus.acks(), bus.session(), bus.nodes(), bus.code(), bus.tell(b"x")]
        for answer in answers:
            answer.addErrback(lambda _failure: None)
        accepted: list[Any] = []

        def has_come_again() -> bool:
            try:
                connection, _ = listening.accept()
            except BlockingIOError:
                return False
            accepted.append(connection)
            connection.sendall(nonsense)
            linger = struct.pack("ii", 0, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            if not nonsense:
                connection.close()
            return len(accepted) > 5

        rig.until(has_come_again)
        assert heard.entries == []
        rig.wait(bus.close())
        for connection in accepted:
            connection.close()


# -- addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("valkey://db", Address("db")),
        ("redis://db:7000/3", Address("db", 7000, database=3)),
        (
            "valkeys://ann:p%40ss@[::1]:1",
            Address("::1", 1, username="ann", password="p@ss", tls=True),
        ),
        ("rediss://:secret@db", Address("db", password="secret", tls=True)),
        ("unix:///run/valkey.sock?database=2", Address("", 0, "/run/valkey.sock", 2)),
    ],
)
def test_the_url_says_where(url: str, address: Address) -> None:
    assert Address.of(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "db",
        "http://db",
        "valkey://",
        "valkey://db/x",
        "valkey://db:99999",
        "unix://",
        "unix:///x?database=y",
    ],
)
def test_another_url_is_an_error_of_the_setting(url: str) -> None:
    with pytest.raises(SettingError, match="setting 'cluster' is not a URL such as"):
        Address.of(url)


def test_which_engines_are_on_this_machine() -> None:
    """Elsewhere a key is required."""
    local = [
        "valkey://127.0.0.1",
        "valkey://localhost",
        "valkey://[::1]",
        "unix:///x",
        "valkey://127.1.2.3",
    ]
    assert all(Address.of(url).is_local for url in local)
    assert not any(
        Address.of(url).is_local for url in ("valkey://db", "valkey://10.0.0.1", "valkey://[::2]")
    )


def test_a_free_port_answers_nothing() -> None:
    """The bus waits; closing it ends that."""
    rig = ValkeyRig.__new__(ValkeyRig)
    bus = ValkeyBus(Address(port=free_port()), reactor, name="n")
    bus.open()
    answer = bus.lease(30)
    answer.addErrback(lambda _failure: None)
    rig.sleep(0.3)
    rig.wait(bus.close())
