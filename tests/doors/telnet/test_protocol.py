"""One telnet connection, between an in-memory transport and a client that records its calls."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer, ITCPTransport
from twisted.internet.testing import EventLoggingObserver, StringTransport
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from cletus import Service
from cletus.doors.address import printable
from cletus.doors.telnet.protocol import TelnetProtocol, status_of
from cletus.protocol.charset import telnet_encoder
from cletus.protocol.options import Options

from .fakes import FakeClient, FakeService

WILL_ECHO = b"\xff\xfb\x01"
WONT_ECHO = b"\xff\xfc\x01"


@implementer(ITCPTransport)
class Wire(StringTransport):
    """A transport that records what is done to it, and is as strict as StringTransport."""

    def __init__(self) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", "127.0.0.1", 54321))
        self.options: dict[str, bool] = {}
        self.held = 0
        self.reset = False
        self.aborting = False

    def abortConnection(self) -> None:
        self.aborting = True

    def setTcpKeepAlive(self, enabled: bool) -> None:
        if self.reset:
            raise OSError(22, "Invalid argument")
        self.options["keepalive"] = enabled

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.options["nodelay"] = enabled


class Line:
    """An open connection: the protocol, its wire and its client."""

    def __init__(self, service: FakeService | None = None) -> None:
        self.service = FakeService() if service is None else service
        self.wire = Wire()
        self.protocol = TelnetProtocol(self.service)  # type: ignore[arg-type]  # a double
        self.protocol.makeConnection(self.wire)
        self.opening = self.wire.value()
        self.wire.clear()

    @property
    def client(self) -> FakeClient:
        return self.service.clients[0]

    def receive(self, data: bytes) -> list[str]:
        self.protocol.dataReceived(data)
        return self.client.lines

    def lose(self, error: Exception) -> None:
        self.protocol.connectionLost(Failure(error))


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def log() -> Any:
    observer = EventLoggingObserver.createWithCleanup(CleanUp(), globalLogPublisher)
    yield observer
    globalLogPublisher.removeObserver(observer)


class CleanUp:
    """In place of the trial TestCase that EventLoggingObserver wants; the fixture removes it."""

    def addCleanup(self, *_: object) -> None:
        """Nothing to do."""


# -- coming -------------------------------------------------------------------------------------


def test_a_connection_becomes_a_client(line: Line) -> None:
    """Its transport is the protocol, which knows where the person comes from and how to encode."""
    assert line.client.transport is line.protocol
    assert line.protocol.address == "127.0.0.1:54321"
    assert line.protocol.terminal.encoder is telnet_encoder("utf-8")


def test_six_bytes_of_telnet_are_sent_until_somebody_answers_in_telnet(line: Line) -> None:
    """MUD clients understand WILL ECHO as "type a password"; nc shows every option as junk."""
    assert line.opening == b"\xff\xfd\x18\xff\xfb\x46"
    line.receive(b"hello\r\nhello\r\n")
    assert line.wire.value() == b""


def test_the_socket_is_kept_alive_and_does_not_wait(line: Line) -> None:
    assert line.wire.options == {"keepalive": True, "nodelay": True}


def test_a_peer_that_is_gone_already_is_not_an_error() -> None:
    """Some systems refuse socket options on a connection that the peer has reset."""
    service = FakeService()
    wire = Wire()
    wire.reset = True
    TelnetProtocol(service).makeConnection(wire)  # type: ignore[arg-type]  # a double
    assert len(service.clients) == 1


def test_when_no_client_can_be_made_the_connection_is_not_left_hanging(log: Any) -> None:
    service = FakeService()
    service.on_connect = lambda client: 1 / 0
    line = Line(service)
    assert line.wire.aborting
    line.receive(b"hello\r\n")
    line.protocol.pauseProducing()
    line.protocol.resumeProducing()
    line.lose(ConnectionAborted())
    assert [event["log_failure"].type for event in log] == [ZeroDivisionError]
    assert service.clients[0].calls == []


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (IPv4Address("TCP", "10.0.0.1", 23), "10.0.0.1:23"),
        (IPv6Address("TCP", "::1", 23), "[::1]:23"),
        ("somewhere", "somewhere"),
    ],
)
def test_addresses_as_people_write_them(address: Any, text: str) -> None:
    assert printable(address) == text


# -- lines --------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r\0", b"\r"])
def test_lines_arrive_whatever_their_end(line: Line, end: bytes) -> None:
    assert line.receive(b"one" + end + b"two" + end) == ["one", "two"]


def test_a_line_is_decoded_and_cleaned(line: Line) -> None:
    assert line.receive("h\u00e9llo \u2615\x1b[31m w\b\u202e!\r\n".encode()) == [
        "h\u00e9llo \u2615 !"
    ]


def test_a_line_of_an_old_terminal_is_decoded_too(line: Line) -> None:
    assert line.receive(b"h\xe9llo \xff\xff\r\n") == ["h\u00e9llo \u00ff"]


def test_commands_in_the_middle_of_a_line_do_not_end_it(line: Line) -> None:
    assert line.receive(b"he\xff\xf1ll\xff\xfb\x1fo\xff\xfa\x1f\0\x50\0\x18\xff\xf0!\r\n") == [
        "hello!"
    ]


def test_a_line_that_is_too_long_is_cut_and_the_person_told() -> None:
    line = Line(FakeService(line_max=10))
    line.receive(b"0123456789ABC\r\nshort\r\n")
    assert line.client.calls == [
        ("write", "Your line was too long: only the first 10 bytes were taken."),
        ("line_received", "0123456789"),
        ("line_received", "short"),
    ]


def test_a_line_cut_inside_a_character_loses_that_character_only() -> None:
    line = Line(FakeService(line_max=4))
    assert line.receive("aéé\r\n".encode()) == ["aé"]


def test_lines_that_were_read_arrive_while_reading_is_paused(line: Line) -> None:
    """Pausing stops the socket; what was read from it already is not lost and keeps its order."""
    line.client.on_line = lambda text: line.protocol.pause_reading()
    assert line.receive(b"one\r\ntwo\r\nthr") == ["one", "two"]
    assert line.wire.producerState == "paused"
    line.protocol.resume_reading()
    assert line.receive(b"ee\r\n") == ["one", "two", "three"]


def test_pausing_and_resuming_twice_is_harmless(line: Line) -> None:
    line.protocol.resume_reading()
    line.protocol.pause_reading()
    line.protocol.pause_reading()
    assert line.wire.producerState == "paused"
    line.protocol.resume_reading()
    line.protocol.resume_reading()
    assert line.wire.producerState == "producing"


def test_an_exception_costs_one_line_and_is_logged_with_its_traceback(line: Line, log: Any) -> None:
    """The connection stays, the next lines arrive, and the line itself is not logged."""

    def break_down(text: str) -> None:
        if text == "s3cret":
            raise ValueError("ours")

    line.client.on_line = break_down
    assert line.receive(b"s3cret\r\nnext\r\n") == ["s3cret", "next"]
    assert not line.wire.disconnecting
    [event] = log
    assert event["address"] == "127.0.0.1:54321"
    assert "break_down" in event["log_failure"].getTraceback()
    assert "s3cret" not in event["log_format"].format(**event)


def test_an_exception_in_an_option_costs_neither_the_connection_nor_the_line(
    line: Line, log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Options, "receive", lambda options, event: 1 / 0)
    assert line.receive(b"\xff\xfd\x01hello\r\n") == ["hello"]
    assert [event["log_failure"].type for event in log] == [ZeroDivisionError]


@given(st.lists(st.binary(max_size=80), max_size=5))
def test_no_bytes_close_the_connection(chunks: list[bytes]) -> None:
    """Nor do answers grow with what came in: a few options more, and AYT 128 times a second."""
    line = Line()
    for chunk in chunks:
        line.receive(chunk)
    assert not line.wire.disconnecting
    assert len(line.wire.value()) <= 1500 + len(b"".join(chunks))


# -- options ------------------------------------------------------------------------------------


def test_unknown_options_are_refused_in_one_write(line: Line) -> None:
    writes: list[bytes] = []
    line.wire.write = writes.append  # type: ignore[method-assign]  # to count them
    line.receive(b"\xff\xfb\x63\xff\xfd\x64hello\r\n")
    assert [b"\xff\xfe\x63" in data for data in writes] == [True]
    assert writes[0].endswith(b"\xff\xfc\x64")


def test_a_peer_that_does_not_read_is_answered_when_it_reads_again(line: Line) -> None:
    """RFC 854: a request for a change is always answered; but a flood does not pile up answers."""
    line.protocol.pauseProducing()
    line.receive(b"\xff\xfd\x03" + b"\xff\xfd\x63" * 10_000)
    assert line.wire.value() == b""
    line.protocol.resumeProducing()
    assert b"\xff\xfb\x03" in line.wire.value()
    assert len(line.wire.value()) < 20_000


def test_tls_that_ends_at_a_proxy_is_tls() -> None:
    """So MCCP is not offered inside it."""
    wire, service = Wire(), FakeService(compression=True)
    wire.came_over_tls = True  # type: ignore[attr-defined]  # as the proxy's header says
    protocol = TelnetProtocol(service)  # type: ignore[arg-type]  # a double
    protocol.makeConnection(wire)
    assert service.clients[0].transport.terminal.tls
    protocol.dataReceived(b"\xff\xfc\x18")
    assert b"\xff\xfb\x56" not in wire.value()


def test_hidden_input_is_the_client_s_to_send(line: Line) -> None:
    """The bytes are returned, so that the client can send them in order among its text."""
    assert line.protocol.hide_input(True) == WILL_ECHO
    assert line.protocol.hide_input(False) == WONT_ECHO
    assert line.protocol.hide_input(True) == WILL_ECHO
    assert line.wire.value() == b""


def test_a_prompt_is_marked_late_when_the_peer_turns_out_to_speak_telnet(line: Line) -> None:
    """TinyFugue does not show a prompt without a mark, and the first is sent before it answers."""
    line.protocol.send(b"Name? " + line.protocol.prompt_mark())
    line.receive(b"\xff\xfb\x18")
    assert line.wire.value().startswith(b"Name? ")
    assert line.wire.value().endswith(b"\xff\xf9")
    line.wire.clear()
    line.receive(b"\xff\xf1")
    assert line.wire.value() == b""


def test_what_is_not_a_prompt_any_more_is_not_marked_late(line: Line) -> None:
    line.protocol.send(b"Name? " + line.protocol.prompt_mark())
    line.protocol.send(b"\r\nWe close.\r\n")
    line.receive(b"\xff\xfb\x18")
    assert not line.wire.value().endswith(b"\xff\xf9")


# -- output -------------------------------------------------------------------------------------


def test_what_is_sent_goes_out_as_it_is(line: Line) -> None:
    line.protocol.send(b"h\xff\xff\r\n")
    assert line.wire.value() == b"h\xff\xff\r\n"


def test_the_client_hears_when_the_peer_does_not_read(line: Line) -> None:
    assert line.wire.producer is line.protocol
    assert line.wire.streaming
    line.protocol.pauseProducing()
    line.protocol.resumeProducing()
    assert line.client.calls == [("pause_output", ""), ("resume_output", "")]


def test_it_has_the_interfaces_that_twisted_asks_for(line: Line) -> None:
    assert IPushProducer.providedBy(line.protocol)
    assert IHalfCloseableProtocol.providedBy(line.protocol)


# -- going --------------------------------------------------------------------------------------


def test_close_lets_everything_out_first(line: Line) -> None:
    """TLS does not close while a producer is registered, so it is unregistered."""
    line.protocol.send(b"goodbye\r\n")
    line.protocol.close()
    assert line.wire.value() == b"goodbye\r\n"
    assert line.wire.disconnecting
    assert line.wire.producer is None
    assert not line.wire.aborting


def test_close_lets_a_congested_client_send_what_is_left(line: Line) -> None:
    """It is told when the congestion ends; then the producer goes, or Twisted would never close."""
    line.protocol.pauseProducing()
    line.protocol.close()
    assert line.wire.disconnecting
    assert line.wire.producer is line.protocol
    line.protocol.resumeProducing()
    assert line.client.calls == [("pause_output", ""), ("resume_output", "")]
    assert line.wire.producer is None


def test_close_shows_what_is_typed_again(line: Line) -> None:
    """A terminal that was hiding a password must not go on hiding after the connection is closed."""
    line.protocol.send(line.protocol.hide_input(True))
    line.protocol.close()
    assert line.wire.value() == WILL_ECHO + WONT_ECHO


def test_closing_twice_and_pausing_after_it_are_harmless(line: Line) -> None:
    line.protocol.pause_reading()
    line.protocol.close()
    line.protocol.close()
    line.protocol.resume_reading()
    line.protocol.pause_reading()
    assert line.wire.disconnecting


def test_abort_really_aborts(line: Line) -> None:
    """``loseConnection`` would wait for a peer that never reads."""
    line.protocol.abort()
    assert line.wire.aborting


def test_abort_works_while_closing(line: Line) -> None:
    line.protocol.close()
    line.protocol.abort()
    assert line.wire.aborting


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionDone(), "closed by peer"),
        (ConnectionAborted(), "aborted"),
        (ConnectionLost(), "connection lost"),
        (OSError(110, "timed out"), "connection lost"),
    ],
)
def test_the_client_hears_once_that_the_peer_is_gone(
    line: Line, error: Exception, reason: str
) -> None:
    line.lose(error)
    line.lose(ConnectionLost())
    assert line.client.calls == [("disconnected", reason)]


def test_nothing_raises_and_nothing_is_sent_after_the_peer_is_gone(line: Line) -> None:
    line.lose(ConnectionDone())
    line.protocol.send(b"hello")
    line.protocol.hide_input(True)
    line.protocol.pause_reading()
    line.protocol.resume_reading()
    line.protocol.close()
    line.protocol.abort()
    assert line.wire.value() == b""
    assert not line.wire.disconnecting


def test_no_line_arrives_after_the_client_has_heard_that_it_is_gone(line: Line) -> None:
    line.client.on_line = lambda text: line.lose(ConnectionDone())
    assert line.receive(b"quit\r\nmore\r\n") == ["quit"]


def test_a_peer_that_stops_sending_still_gets_our_output(line: Line) -> None:
    """``printf ... | nc -N`` closes its side at once; the client closes when all is answered."""
    line.protocol.readConnectionLost()
    assert not line.wire.disconnecting
    line.protocol.send(b"answer")
    line.protocol.close()
    assert line.wire.disconnecting
    line.protocol.readConnectionLost()
    line.lose(ConnectionDone())
    assert line.client.calls == [("input_ended", ""), ("disconnected", "closed by peer")]
    assert line.service.reactor.getDelayedCalls() == []


BEGIN_MCCP3 = b"\xff\xfa\x57\xff\xf0"


def compressing() -> Line:
    """A connection whose peer has agreed to MCCP3."""
    line = Line(FakeService(compression=True))
    line.protocol.dataReceived(b"\xff\xfd\x57")
    return line


def test_compression_may_end_and_begin_many_times_in_one_read(log: Any) -> None:
    """Thousands of streams in one read once caused a RecursionError, and lost the lines after them."""
    line = compressing()
    line.protocol.dataReceived((BEGIN_MCCP3 + zlib.compress(b"a\r\n")) * 3000 + b"hello\r\n")
    assert line.client.lines == ["a"] * 3000 + ["hello"]
    assert not line.wire.aborting
    assert list(log) == []


def test_all_streams_of_one_read_share_one_limit() -> None:
    """Sixty bombs of a megabyte each in 64 KiB would be sixty megabytes."""
    line = compressing()
    bomb = BEGIN_MCCP3 + zlib.compress(b"a" * 1000 + b"\r\n" + b"x" * 1_000_000, 9)
    line.protocol.dataReceived(bomb * 60)
    assert line.wire.aborting
    assert len(line.client.lines) <= 2


def test_a_stream_cannot_begin_within_another(log: Any) -> None:
    """Inside a stream, the subnegotiation that begins one means nothing."""
    line = compressing()
    inside = b"one\r\n" + BEGIN_MCCP3 + b"two\r\n"
    line.protocol.dataReceived(BEGIN_MCCP3 + zlib.compress(inside) + b"three\r\n")
    line.protocol.dataReceived(BEGIN_MCCP3 + zlib.compress(b"four\r\n"))
    assert line.client.lines == ["one", "two", "three", "four"]
    assert list(log) == []


def test_are_you_there_is_answered(line: Line) -> None:
    """RFC 854: "some visible evidence"."""
    assert line.receive(b"he\xff\xf6llo\r\n") == ["hello"]
    assert line.wire.value() == b"\r\n[Yes]\r\n"


def test_ec_and_el_erase(line: Line) -> None:
    """EC erases a character, EL the line."""
    assert line.receive(b"hel\xff\xf7\xff\xf7ello\r\njunk\xff\xf8hi\r\n") == ["hello", "hi"]


def test_mccp2_compresses_what_follows_and_ends_before_the_connection_does() -> None:
    line = Line(FakeService(compression=True))
    line.protocol.dataReceived(b"\xff\xfb\x18")
    line.wire.clear()
    line.protocol.dataReceived(b"\xff\xfd\x56")
    line.protocol.send(b"hello\r\n")
    line.protocol.close()
    plain, begin, stream = line.wire.value().partition(b"\xff\xfa\x56\xff\xf0")
    assert (plain, begin) == (b"", b"\xff\xfa\x56\xff\xf0")
    inflater = zlib.decompressobj()
    assert inflater.decompress(stream) == b"hello\r\n"
    assert inflater.eof


def test_crawlers_are_told_of_tls_that_ends_at_a_proxy(start: Callable[..., Service]) -> None:
    assert "TLS" not in status_of(start())
    assert status_of(start(tls_public_port=992))["TLS"] == [992]
