"""The port of the figures opens and closes with the service."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock, StringTransport

from cletus import Service
from cletus.errors import DoorError, MetricsMissing
from cletus.ops.prometheus import (
    CONNECTIONS_MAX,
    LAG_INTERVAL,
    REQUEST_MAX,
    REQUEST_TIME,
    metrics_of,
)
from tests.conftest import result_of
from tests.ops.metrics.conftest import read


@pytest.fixture
def reactor():
    return MemoryReactorClock()


@pytest.fixture
def begin(reactor, log) -> Callable[..., Service]:
    def begin(**settings):
        service = Service(store="memory:", reload=False, control=False, **settings)
        result_of(service.start(reactor, doors=()))
        return service

    return begin


def test_without_a_port_there_is_none(begin, reactor):
    """It is the default."""
    assert list(metrics_of(begin())) == []
    assert reactor.tcpServers == []


def test_it_listens_where_the_settings_say(begin, reactor, log):
    begin(metrics_port=9100)
    begin(metrics_port=9101, metrics_host="::1")
    assert [(port, host) for port, _, _, host in reactor.tcpServers] == [
        (9100, "127.0.0.1"),
        (9101, "::1"),
    ]
    assert "Metrics are at http://127.0.0.1:9100/metrics" in log.lines
    assert "Metrics are at http://[::1]:9101/metrics" in log.lines


def connect(reactor):
    """A connection to the port: its protocol and what it answers to."""
    factory = reactor.tcpServers[0][1]
    protocol = factory.buildProtocol(None)
    transport = StringTransport()
    transport.aborted = False

    def abort():
        transport.aborted = True

    transport.abortConnection = abort
    protocol.makeConnection(transport)
    return protocol, transport


def test_it_answers_with_the_figures_of_its_service(begin, reactor):
    service = begin(metrics_port=9100)
    service.metrics.lines.add(42)
    protocol, transport = connect(reactor)
    protocol.dataReceived(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = transport.value().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"text/plain; version=" in head
    assert read(body.decode())["cletus_lines_total"] == 42


def test_it_speaks_openmetrics_to_who_asks_for_it(begin, reactor):
    begin(metrics_port=9100)
    protocol, transport = connect(reactor)
    accept = b"application/openmetrics-text;version=1.0.0"
    protocol.dataReceived(b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: " + accept + b"\r\n\r\n")
    assert transport.value().endswith(b"# EOF\n")


def test_the_event_loop_is_watched_meanwhile(begin, reactor):
    service = begin(metrics_port=9100)
    reactor.advance(LAG_INTERVAL + 0.3)
    ((_, _, total),) = service.metrics.loop_lag.read()
    assert total == pytest.approx(0.3)


def test_of_too_many_at_once_the_oldest_gives_way(begin, reactor):
    """Connections that ask nothing keep nobody out, also if they come again and again."""
    begin(metrics_port=9100)
    idle = [connect(reactor) for _ in range(CONNECTIONS_MAX)]
    protocol, transport = connect(reactor)
    assert [silent.aborted for _, silent in idle] == [True] + [False] * (CONNECTIONS_MAX - 1)
    idle[0][0].connectionLost()
    protocol.dataReceived(b"GET /metrics HTTP/1.1\r\n\r\n")
    assert b" 200 " in transport.value()


def test_a_request_may_come_in_pieces_and_is_the_only_one_of_its_connection(begin, reactor):
    begin(metrics_port=9100)
    protocol, transport = connect(reactor)
    for byte in b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r":
        protocol.dataReceived(bytes([byte]))
    assert transport.value() == b""
    protocol.dataReceived(b"\nGET /metrics HTTP/1.1\r\n\r\n")
    assert transport.value().count(b"HTTP/1.1 200 OK") == 1
    assert transport.disconnecting


def test_who_sends_a_little_every_second_is_cut_off_in_the_end(begin, reactor):
    begin(metrics_port=9100)
    protocol, transport = connect(reactor)
    for _ in range(int(REQUEST_TIME) - 1):
        protocol.dataReceived(b"X: y\r\n")
        reactor.advance(1)
    assert not transport.aborted
    reactor.advance(1)
    assert transport.aborted


def test_who_does_not_take_the_answer_is_cut_off(begin, reactor):
    begin(metrics_port=9100)
    protocol, transport = connect(reactor)
    protocol.dataReceived(b"GET /metrics HTTP/1.1\r\n\r\n")
    reactor.advance(REQUEST_TIME)
    assert transport.aborted


def test_a_request_and_its_body_are_bounded(begin, reactor):
    """Nothing of a body is kept, wherever it would be kept."""
    begin(metrics_port=9100)
    protocol, transport = connect(reactor)
    protocol.dataReceived(b"POST /metrics HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n")
    assert b" 405 " in transport.value()
    for _ in range(100):
        protocol.dataReceived(b"x" * 100_000)
    assert len(protocol._received) <= REQUEST_MAX
    protocol, transport = connect(reactor)
    protocol.dataReceived(b"GET /metrics HTTP/1.1\r\n" + b"x" * REQUEST_MAX)
    assert b" 431 " in transport.value()
    assert transport.disconnecting


def test_who_is_gone_leaves_nothing(begin, reactor):
    begin(metrics_port=9100)
    before = len(reactor.getDelayedCalls())
    for _ in range(CONNECTIONS_MAX * 2):
        protocol, _ = connect(reactor)
        protocol.connectionLost()
    assert len(reactor.getDelayedCalls()) == before


def test_the_end_of_the_service_is_its_end(begin, reactor):
    """Who is connected is hung up on, and nothing is left in the reactor."""
    service = begin(metrics_port=9100)
    _, transport = connect(reactor)
    result_of(service.stop())
    assert transport.aborted
    assert [one for one in reactor.getDelayedCalls() if "LagProbe" in str(one)] == []


def test_a_port_in_use_stops_the_start(reactor, begin, monkeypatch):
    """And says which, and what to do."""

    def listen(port, factory, backlog=50, interface=""):
        raise CannotListenError(interface, port, OSError("Address already in use"))

    monkeypatch.setattr(reactor, "listenTCP", listen)
    with pytest.raises(DoorError) as caught:
        begin(metrics_port=9100)
    assert "metrics 127.0.0.1:9100: Address already in use; set metrics_port" in str(caught.value)
    assert reactor.getDelayedCalls() == []


def test_without_prometheus_client_the_start_says_what_to_install(begin, monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MetricsMissing, match=r"pip install 'cletus-live\[metrics\]'"):
        begin(metrics_port=9100)
