"""RESP on a transport: answers in order, whatever the pieces; a dead connection is noticed."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection

from cletus.cluster import resp
from cletus.cluster.resp import SILENCE_MAX, ConnectionDead, EngineError, RespProtocol, packed


class Line:
    """A protocol, and what it has sent."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.made: list[RespProtocol] = []
        self.protocol = RespProtocol(self.clock, self.made.append)
        self.transport = StringTransportWithDisconnection()
        self.transport.protocol = self.protocol
        self.protocol.makeConnection(self.transport)

    def asks(self, *arguments: Any) -> list[Any]:
        """The list gets the answer, or the error."""
        answers: list[Any] = []
        self.protocol.send(packed(arguments)).addCallbacks(
            answers.append, lambda failure: answers.append(failure.value)
        )
        return answers


@pytest.fixture
def line() -> Line:
    return Line()


def test_it_is_ready_when_it_is_connected(line: Line) -> None:
    assert line.made == [line.protocol]


def test_a_command_is_an_array_of_strings(line: Line) -> None:
    line.asks("SET", b"\r\n", 7)
    assert line.transport.value() == b"*3\r\n$3\r\nSET\r\n$2\r\n\r\n\r\n$1\r\n7\r\n"


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_answers_come_in_order_whatever_the_pieces(line: Line, size: int) -> None:
    data = b"+OK\r\n:5\r\n$-1\r\n$3\r\na\r\n\r\n*2\r\n:1\r\n*1\r\n$0\r\n\r\n-ERR no\r\n*0\r\n"
    answers = [line.asks("PING") for _ in range(7)]
    for start in range(0, len(data), size):
        line.protocol.dataReceived(data[start : start + size])
    values = [answer[0] for answer in answers]
    assert values[:5] == [b"OK", 5, None, b"a\r\n", [1, [b""]]]
    assert isinstance(values[5], EngineError)
    assert str(values[5]) == "ERR no"
    assert values[6] == []


def test_a_silent_connection_is_aborted_while_an_answer_is_due(line: Line) -> None:
    """A byte of a long answer is a sign of life; without a question silence means nothing."""
    line.clock.advance(10 * SILENCE_MAX)
    assert line.transport.connected
    answers = line.asks("GET", "x")
    for byte in b"$100\r\nabc":
        line.clock.advance(SILENCE_MAX - 0.1)
        line.protocol.dataReceived(bytes([byte]))
    assert line.transport.connected
    line.clock.advance(SILENCE_MAX + 0.1)
    assert not line.transport.connected
    assert str(answers[0]) == "no answer for 3 seconds"
    assert line.clock.getDelayedCalls() == []


def test_what_is_due_fails_when_the_connection_ends(line: Line) -> None:
    """And so does what is asked afterwards."""
    first, second = line.asks("GET", "x"), line.asks("GET", "y")
    line.transport.loseConnection()
    third = line.asks("GET", "z")
    assert [type(answers[0]) for answers in (first, second, third)] == [ConnectionDead] * 3


@pytest.mark.parametrize("data", [b"@\r\n", b":x\r\n", b"\x00" * 100])
def test_what_is_not_resp_ends_it(line: Line, data: bytes) -> None:
    answers = line.asks("GET", "x")
    line.protocol.dataReceived(data)
    assert not line.transport.connected
    assert "does not speak RESP" in str(answers[0])


def test_an_answer_to_no_question_ends_it(line: Line) -> None:
    line.protocol.dataReceived(b"+OK\r\n+OK\r\n")
    assert not line.transport.connected


def test_an_endless_answer_ends_it(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resp, "REPLY_MAX", 1000)
    answers = line.asks("GET", "x")
    line.protocol.dataReceived(b"$900\r\n" + b"x" * 900 + b"\r\n")
    assert answers == [b"x" * 900]
    answers = line.asks("GET", "x")
    line.protocol.dataReceived(b"$5000\r\n")
    for _ in range(11):
        line.protocol.dataReceived(b"x" * 100)
    assert not line.transport.connected
    assert "an answer is larger than" in str(answers[0])
