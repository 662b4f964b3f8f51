"""A connection to an IRC server, whatever the server sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from cletus.contrib.irc.protocol import NICKNAMES_MAX, PEOPLE_MAX, WAITING_MAX, IrcConnection


class Reports:
    """A listener that writes down what it is told."""

    def __init__(self):
        self.all = []

    def signed_on(self):
        self.all.append("signed on")

    def entered(self, target):
        self.all.append(f"entered {target}")

    def received(self, nickname, target, text, *, action):
        self.all.append((nickname, target, text, action))

    def disconnected(self, reason):
        self.all.append(f"disconnected: {reason}")

    def take(self):
        taken, self.all = self.all, []
        return taken


class Rig:
    def __init__(self, channels=(("#lamp", ""),), password=""):
        self.clock, self.reports = Clock(), Reports()
        self.connection = IrcConnection(
            self.reports,
            nickname="lantern",
            realname="The Lantern",
            password=password,
            channels=channels,
            seconds=self.clock.seconds,
        )
        self.transport = StringTransport()
        self.connection.makeConnection(self.transport)

    def sends(self, *lines):
        for line in lines:
            self.connection.dataReceived(
                line if isinstance(line, bytes) else line.encode() + b"\r\n"
            )
        return self.reads()

    def reads(self):
        lines = self.transport.value().decode().split("\r\n")[:-1]
        self.transport.clear()
        return lines

    def is_on_lamp(self):
        self.sends(":s 001 lantern :hi", ":lantern!l@h JOIN #lamp")
        self.reports.take()
        return self


def test_the_login_names_us_and_joins_the_channels():
    rig = Rig(channels=(("#lamp", ""), ("#dark", "key")), password="ann:secret")
    assert rig.reads() == ["PASS ann:secret", "NICK lantern", "USER lantern 0 * :The Lantern"]
    assert rig.sends(":s 001 lantern :hi") == ["JOIN #lamp", "JOIN #dark key"]
    rig.sends(":lantern!l@h JOIN :#lamp")
    assert rig.reports.take() == ["signed on", "entered #lamp"]
    assert rig.connection.is_on("#LAMP")
    assert not rig.connection.is_on("#dark")


def test_another_nickname_is_tried_if_ours_is_taken_and_ours_again_later():
    rig = Rig()
    rig.reads()
    assert rig.sends(":s 433 * lantern :taken") == ["NICK lantern1"]
    assert rig.sends(":s 433 * lantern1 :taken") == ["NICK lantern2"]
    rig.sends(":s 001 lantern2 :hi", ":lantern2!l@h JOIN #lamp")
    rig.connection.check()
    assert rig.reads() == ["NICK lantern"]
    assert rig.sends(":s 433 lantern2 lantern :taken") == []
    rig.connection.check()
    rig.sends(":lantern2!l@h NICK :lantern")
    assert rig.connection.nickname == "lantern"
    rig.reads()
    rig.connection.check()
    assert rig.reads() == []


def test_nicknames_are_not_tried_for_ever():
    rig = Rig()
    for _ in range(NICKNAMES_MAX):
        rig.sends(":s 433 * x :taken")
    assert not rig.transport.disconnecting
    rig.sends(":s 433 * x :taken")
    assert rig.transport.disconnecting


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (":s 432 * lantern :no", "does not allow the nickname"),
        (b"x" * 20_000, "a line without an end"),
    ],
)
def test_a_server_that_cannot_be_used_is_given_up(line, reason):
    rig = Rig()
    rig.sends(line)
    assert rig.transport.disconnecting
    rig.connection.connectionLost(Failure(ConnectionDone()))
    (report,) = rig.reports.take()
    assert reason in report


def test_a_ping_is_answered():
    assert Rig().is_on_lamp().sends("PING :abc")[-1] == "PONG abc"


def test_a_silent_server_is_asked_and_then_given_up():
    rig = Rig().is_on_lamp()
    rig.clock.advance(61)
    rig.connection.check()
    rig.connection.check()
    assert rig.reads() == ["PING :cletus"]
    rig.sends("PONG cletus")
    rig.clock.advance(179)
    rig.connection.check()
    assert not rig.transport.disconnecting
    rig.clock.advance(1)
    rig.connection.check()
    assert rig.transport.disconnecting


def test_a_server_that_never_welcomes_us_is_given_up():
    rig = Rig()
    rig.clock.advance(180)
    rig.connection.check()
    assert rig.transport.disconnecting


def test_a_server_that_does_not_read_is_given_up():
    rig = Rig().is_on_lamp()
    rig.transport.producer.pauseProducing()
    for _ in range(WAITING_MAX // 100):
        rig.sends("PING :" + "x" * 90)
    assert not rig.transport.disconnecting
    rig.transport.producer.resumeProducing()
    rig.transport.producer.pauseProducing()
    for _ in range(WAITING_MAX // 97 + 1):
        rig.sends("PING :" + "x" * 90)
    assert rig.transport.disconnecting


def test_what_people_say_on_our_channels_is_reported():
    rig = Rig().is_on_lamp()
    rig.sends(":ann!a@h PRIVMSG #Lamp :hello", ":ann!a@h PRIVMSG #lamp :\x01ACTION waves\x01")
    assert rig.reports.take() == [("ann", "#Lamp", "hello", False), ("ann", "#lamp", "waves", True)]


@pytest.mark.parametrize(
    "line",
    [
        ":lantern!l@h PRIVMSG #lamp :ourselves, from a server that echoes",
        ":ann!a@h PRIVMSG #other :elsewhere",
        ":ann!a@h PRIVMSG lantern :to us alone",
        ":s PRIVMSG #lamp :from the server",
        ":ann!a@h NOTICE #lamp :a notice",
        ":ann!a@h PRIVMSG #lamp :\x01VERSION\x01",
        ":ann!a@h PRIVMSG lantern :\x01DCC SEND passwd 2130706433 22 100\x01",
        ":ann!a@h PRIVMSG lantern :\x01PING 1\x01",
    ],
)
def test_nothing_else_is_reported_or_answered(line):
    rig = Rig().is_on_lamp()
    rig.reads()
    assert rig.sends(line) == []
    assert rig.reports.take() == []


def test_people_of_a_channel_are_known():
    rig = Rig().is_on_lamp()
    rig.sends(":s 353 lantern = #lamp :lantern @ann +bob ~cid")
    assert rig.connection.people["#lamp"] == {"ann", "bob", "cid"}
    rig.sends(
        ":dora!d@h JOIN #lamp",
        ":ann!a@h PART #lamp",
        ":bob!b@h QUIT :bye",
        ":cid!c@h NICK cindy",
        ":cindy!c@h KICK #lamp dora :out",
    )
    assert rig.connection.people["#lamp"] == {"cindy"}


def test_people_are_bounded():
    rig = Rig().is_on_lamp()
    for number in range(PEOPLE_MAX + 10):
        rig.sends(f":n{number}!a@h JOIN #lamp")
    assert len(rig.connection.people["#lamp"]) == PEOPLE_MAX
    rig.sends(*(f":lantern!l@h JOIN #c{number}" for number in range(10)))
    assert list(rig.connection.people) == ["#lamp"]  # a server cannot put us elsewhere


def test_a_channel_that_we_are_kicked_from_is_joined_again():
    rig = Rig().is_on_lamp()
    rig.reads()
    assert rig.sends(":ann!a@h KICK #lamp lantern :bots out") == []
    assert not rig.connection.is_on("#lamp")
    assert rig.connection.refused["#lamp"] == "ann has removed us from it"
    rig.connection.check()
    assert rig.reads() == ["JOIN #lamp"]
    rig.sends(":s 474 lantern #lamp :Cannot join channel (+b)")
    assert rig.connection.refused["#lamp"] == "we are banned from it"


def test_other_channels_are_joined_and_left_without_a_new_connection():
    rig = Rig().is_on_lamp()
    rig.reads()
    rig.connection.set_channels([("#dark", "")])
    assert rig.reads() == ["PART #lamp", "JOIN #dark"]
    assert not rig.connection.is_on("#lamp")


def test_the_reason_of_a_server_is_reported():
    rig = Rig()
    rig.sends("ERROR :Closing link: K-lined")
    rig.connection.connectionLost(Failure(ConnectionDone()))
    assert rig.reports.take() == ["disconnected: Closing link: K-lined"]


def test_goodbye_is_said():
    rig = Rig().is_on_lamp()
    rig.reads()
    rig.connection.close("the service stops")
    assert rig.reads() == ["QUIT :the service stops"]
    assert rig.transport.disconnecting
    assert rig.transport.producer is None


_WORDS = st.sampled_from(
    [
        *("PRIVMSG", "JOIN", "PART", "KICK", "NICK", "QUIT", "ERROR", "PING", "NOTICE"),
        *("353", "001", "433", "432", "474", "464", ":ann!a@h", ":lantern!l@h", ":"),
        *("#lamp", "lantern", ":x", "\x01ACTION\x01"),
    ]
)


@given(st.lists(st.lists(_WORDS, max_size=6).map(" ".join) | st.binary(max_size=60), max_size=30))
def test_no_bytes_of_a_server_raise(lines):
    rig = Rig().is_on_lamp()
    for line in lines:
        rig.connection.dataReceived((line if isinstance(line, bytes) else line.encode()) + b"\r\n")
