"""Character mode is offered to terminals, and to nobody else; who refuses it stays in line mode."""

from __future__ import annotations

import pytest

from cletus.protocol.connection import Connection, Keys, Line, ModeChanged, Reply
from cletus.protocol.telnet import IAC, subnegotiation

DO, DONT, WILL, WONT = 253, 254, 251, 252
ECHO, SGA, TTYPE, EOR, GMCP = 1, 3, 24, 25, 201


def say(verb: int, option: int) -> bytes:
    return bytes((IAC, verb, option))


WILL_BOTH = say(WILL, ECHO) + say(WILL, SGA)
DO_BOTH = say(DO, ECHO) + say(DO, SGA)


class Peer:
    """The other end of a connection."""

    def __init__(self, *, character_mode: bool = True) -> None:
        self.connection = Connection(
            line_max=80,
            subnegotiation_max=80,
            inflated_max=0,
            clock=lambda: 0.0,
            character_mode=character_mode,
        )
        self.connection.open()
        self.sent = b""

    def sends(self, data: bytes) -> list[object]:
        """What it says; returns the events other than replies."""
        events = list(self.connection.receive(data))
        self.sent += b"".join(event.data for event in events if isinstance(event, Reply))
        return [event for event in events if not isinstance(event, Reply)]

    def is_called(self, *names: str) -> None:
        self.sends(say(WILL, TTYPE))
        for name in (*names, names[-1]):
            self.sends(subnegotiation(TTYPE, b"\0" + name.encode()))


@pytest.mark.parametrize("name", ["XTERM-256COLOR", "vt100", "linux", "screen.xterm", "ANSI"])
def test_it_is_offered_to_a_terminal(name: str) -> None:
    peer = Peer()
    peer.is_called(name)
    assert WILL_BOTH in peer.sent


@pytest.mark.parametrize(
    "names",
    [
        ("MUDLET",),
        ("TINTIN++", "XTERM-256COLOR", "MTTS 271"),
        ("PYMUD", "XTERM", "MTTS 783"),
        ("TINYFUGUE", "ANSI-ATTR", "ANSI", "UNKNOWN"),
        ("KILDCLIENT",),
        ("XTERM", "MTTS 9"),
        ("ANSI-ATTR",),
        ("UNKNOWN",),
    ],
)
def test_it_is_not_offered_to_mud_clients_and_the_unknown(names: tuple[str, ...]) -> None:
    peer = Peer()
    peer.is_called(*names)
    assert say(WILL, ECHO) not in peer.sent


@pytest.mark.parametrize("option", [GMCP, EOR])
def test_it_is_not_offered_to_a_mud_client_with_the_name_of_a_terminal(option: int) -> None:
    peer = Peer()
    peer.sends(say(WILL, TTYPE) + say(DO, option))
    peer.is_called("XTERM")
    assert say(WILL, ECHO) not in peer.sent


def test_the_setting_turns_it_off() -> None:
    peer = Peer(character_mode=False)
    peer.is_called("XTERM")
    assert say(WILL, ECHO) not in peer.sent


def test_it_begins_when_both_options_are_agreed_and_no_byte_is_lost() -> None:
    peer = Peer()
    peer.is_called("XTERM")
    assert peer.sends(b"hel" + say(DO, ECHO)) == []
    assert peer.sends(b"l" + say(DO, SGA) + b"o\r\0") == [
        ModeChanged(by_character=True),
        Keys(b"hell"),
        Keys(b"o\r\0"),
    ]


def test_hiding_is_for_the_editor() -> None:
    peer = Peer()
    peer.is_called("XTERM")
    peer.sends(DO_BOTH)
    assert peer.connection.hide_input(True) == peer.connection.hide_input(False) == b""


def test_the_keys_of_telnet_are_those_of_the_editor() -> None:
    peer = Peer()
    peer.is_called("XTERM")
    peer.sends(DO_BOTH)
    assert peer.sends(bytes((IAC, 244, IAC, 247, IAC, 248))) == [
        Keys(b"\x03"),
        Keys(b"\x7f"),
        Keys(b"\x15"),
    ]


@pytest.mark.parametrize("answers", [DO_BOTH[:3] + say(DONT, SGA), say(DONT, ECHO) + DO_BOTH[3:]])
def test_who_refuses_one_option_stays_in_line_mode_and_sees_what_is_typed(answers: bytes) -> None:
    peer = Peer()
    peer.is_called("XTERM")
    assert peer.sends(answers + b"hello\r\n") == [Line("hello")]
    assert peer.connection.hide_input(True) == say(WILL, ECHO)
    if answers.startswith(DO_BOTH[:3]):
        assert peer.sent.endswith(say(WONT, ECHO))


def test_it_ends_when_the_peer_wants_lines_again() -> None:
    peer = Peer()
    peer.is_called("XTERM")
    peer.sends(DO_BOTH)
    assert peer.sends(say(DONT, SGA) + say(DONT, ECHO)) == [ModeChanged(by_character=False)]
    peer.connection.put_back(b"hel")
    assert peer.sends(b"lo\r\n") == [Line("hello")]
