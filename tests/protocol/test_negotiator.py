"""The order of the questions, and what the answers of real clients say about the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from cletus.protocol.charset import telnet_encoder
from cletus.protocol.negotiator import Message, Negotiator, Resized
from cletus.protocol.telnet import Negotiation, Subnegotiation, TelnetParser
from cletus.protocol.terminal import Terminal

WILL, WONT, DO, DONT = (bytes((255, verb)) for verb in (251, 252, 253, 254))
TTYPE, NAWS, CHARSET, ENVIRON, EOR, GMCP, MSDP, MSSP = (
    bytes((code,)) for code in (24, 31, 42, 39, 25, 201, 69, 70)
)
MCCP2, MCCP3 = b"\x56", b"\x57"
ASK_NAME = b"\xff\xfa\x18\x01\xff\xf0"


def sub(code: bytes, payload: bytes) -> bytes:
    return b"\xff\xfa" + code + payload + b"\xff\xf0"


class Peer:
    """A negotiator and the client that it negotiates with."""

    def __init__(self, *, compression: bool = False) -> None:
        self.terminal = Terminal(telnet_encoder())
        self.emitted: list[Any] = []
        self.negotiator = Negotiator(
            self.terminal,
            emit=self.emitted.append,
            status=lambda: {"NAME": "Lantern"},
            clock=lambda: 0.0,
            compress=self.emitted.append if compression else None,
        )
        self.opening = self.negotiator.open()
        self._parser = TelnetParser(0)

    def says(self, data: bytes) -> bytes:
        replies = b""
        for event in self._parser.receive(data):
            if isinstance(event, Negotiation):
                replies += self.negotiator.receive(event)
            elif isinstance(event, Subnegotiation):
                replies += self.negotiator.subnegotiation(event)
        return replies

    def is_called(self, *names: bytes) -> bytes:
        replies = self.says(WILL + TTYPE)
        for name in (*names, names[-1]):
            replies += self.says(sub(TTYPE, b"\0" + name))
        return replies


def test_it_opens_with_six_bytes() -> None:
    assert Peer().opening == DO + TTYPE + WILL + MSSP


def test_more_is_asked_when_the_peer_answers_in_telnet() -> None:
    peer = Peer()
    rest = DO + NAWS + WILL + CHARSET + WILL + EOR + WILL + GMCP
    assert peer.says(WONT + TTYPE) == DO + ENVIRON + rest
    assert peer.says(DONT + MSSP) == b""


def test_the_answer_comes_before_what_is_asked_unless_it_begins_compression() -> None:
    """telnetlib3 compresses from its DO for MCCP3 on, but not its answer to a question behind the offer."""
    asked = WILL + MCCP2 + WILL + MCCP3
    assert Peer(compression=True).says(WILL + TTYPE).endswith(asked)
    replies = Peer(compression=True).says(DO + MCCP2)
    assert replies.endswith(sub(MCCP2, b""))
    assert WILL + MCCP3 in replies


def test_echo_and_sga_are_never_among_what_is_asked() -> None:
    """MUD clients understand WILL ECHO as "type a password"."""
    peer = Peer()
    asked = peer.opening + peer.is_called(b"MUDLET", b"XTERM", b"MTTS 271")
    assert WILL + b"\x01" not in asked
    assert WILL + b"\x03" not in asked


def test_compression_is_offered_only_where_it_is_wanted() -> None:
    assert WILL + MCCP2 not in Peer().says(WILL + TTYPE)
    peer = Peer(compression=True)
    assert WILL + MCCP2 + WILL + MCCP3 in peer.says(WILL + TTYPE)
    assert peer.says(DO + MCCP2) == sub(MCCP2, b"")
    assert peer.says(DONT + MCCP2) == WONT + MCCP2
    assert peer.emitted == [True, False]


def test_tintin() -> None:
    peer = Peer()
    replies = peer.is_called(b"TINTIN++", b"xterm-256color", b"MTTS 271")
    assert replies.endswith(DO + ENVIRON)
    peer.says(WILL + NAWS + sub(NAWS, b"\0\x64\0\x1e") + DO + CHARSET + sub(CHARSET, b"\2UTF-8"))
    terminal = peer.terminal
    assert (terminal.name, terminal.columns, terminal.rows) == ("TINTIN++", 100, 30)
    assert (terminal.colours, terminal.utf8, terminal.screen_reader) == (1 << 24, True, False)
    assert peer.emitted == [Resized(100, 30)]
    assert peer.negotiator.charset_known


def test_windows_telnet_is_never_asked_for_its_environment() -> None:
    """It crashes on that question, also when it offers the option itself."""
    peer = Peer()
    replies = peer.says(WILL + ENVIRON)
    replies += peer.is_called(b"ANSI", b"VT100", b"VT52", b"VTNT")
    replies += peer.says(WONT + ENVIRON + WILL + ENVIRON)
    assert sub(ENVIRON, b"\1") not in replies


def test_others_are_asked_for_it_once_their_names_are_known() -> None:
    peer = Peer()
    assert sub(ENVIRON, b"\1") not in peer.says(WILL + ENVIRON)
    assert peer.is_called(b"XTERM").endswith(sub(ENVIRON, b"\1"))


@pytest.mark.parametrize(
    ("answers", "encoding"),
    [
        (DO + CHARSET + sub(CHARSET, b"\2US-ASCII"), "ascii"),
        (DO + CHARSET + sub(CHARSET, b"\3"), "utf-8"),
        (WILL + CHARSET + sub(CHARSET, b"\1;ISO-8859-1"), "iso8859-1"),
        (WILL + ENVIRON + sub(ENVIRON, b"\0\3LANG\1de_DE.ISO-8859-1"), "iso8859-1"),
        (WILL + ENVIRON + sub(ENVIRON, b"\0\3LANG\1de_DE.UTF-16"), "utf-8"),
        (WILL + ENVIRON + sub(ENVIRON, b"\0\3LANG\1de_DE.KLINGON"), "utf-8"),
        (
            DO
            + CHARSET
            + sub(CHARSET, b"\2UTF-8")
            + WILL
            + ENVIRON
            + sub(ENVIRON, b"\0\3LANG\1de_DE.ISO-8859-1"),
            "utf-8",
        ),
    ],
)  # fmt: skip - conversations
def test_the_character_set(answers: bytes, encoding: str) -> None:
    """An agreement counts for more than a conclusion."""
    peer = Peer()
    peer.is_called(b"XTERM")
    peer.says(answers)
    assert peer.terminal.encoding == encoding


def test_tinyfugue_is_spoken_to_in_ascii() -> None:
    peer = Peer()
    peer.is_called(b"TINYFUGUE", b"ANSI-ATTR", b"ANSI", b"UNKNOWN")
    assert peer.terminal.encoding == "ascii"


def test_screen_readers_are_known_by_mtts_or_their_environment() -> None:
    peer = Peer()
    peer.is_called(b"MUSHCLIENT", b"XTERM", b"MTTS 65")
    assert peer.terminal.screen_reader
    peer = Peer()
    peer.is_called(b"XTERM")
    peer.says(WILL + ENVIRON + sub(ENVIRON, b"\0\3SCREEN_READER\1" + b"1"))
    assert peer.terminal.screen_reader


def test_the_newest_word_about_a_terminal_counts() -> None:
    """MNES gives the bits of MTTS by NEW-ENVIRON, and their changes by INFO."""
    peer = Peer()
    peer.says(WONT + TTYPE)
    peer.says(WILL + ENVIRON)
    peer.says(sub(ENVIRON, b"\0\0MTTS\0012861\0TERMINAL_TYPE\1ANSI-TRUECOLOR\0CHARSET\1CP437"))
    assert peer.terminal.colours == 1 << 24
    assert (peer.terminal.screen_reader, peer.terminal.encoding) == (False, "cp437")
    peer.says(sub(ENVIRON, b"\2\0MTTS\0012925"))
    assert peer.terminal.screen_reader
    peer.says(sub(ENVIRON, b"\2\0SCREEN_READER\0010\0CHARSET\1UTF-8"))
    assert (peer.terminal.screen_reader, peer.terminal.encoding) == (False, "utf-8")


def test_nothing_plain_follows_the_beginning_of_compression() -> None:
    """DO COMPRESS2 may be the first word of a peer."""
    assert Peer(compression=True).says(DO + MCCP2).endswith(sub(MCCP2, b""))


def test_msdp_is_offered_to_a_client_that_refuses_gmcp() -> None:
    peer = Peer()
    peer.says(WONT + TTYPE)
    assert peer.says(DONT + GMCP) == WILL + MSDP
    assert peer.says(DO + MSDP) == b""
    peer.says(sub(MSDP, b"\1REPORT\2ROOM"))
    assert peer.negotiator.message("room", 1) == sub(MSDP, b"\1ROOM\x021")


def test_a_program_names_itself_by_gmcp() -> None:
    peer = Peer()
    peer.is_called(b"MUDLET", b"XTERM")
    peer.says(DO + GMCP + sub(GMCP, b'Core.Hello {"client":"Mudlet","version":"4.17"}'))
    assert peer.terminal.name == "Mudlet 4.17"
    assert peer.negotiator.message("Room.Info", 1) == sub(GMCP, b"Room.Info 1")
    assert peer.emitted == [Message("Core.Hello", {"client": "Mudlet", "version": "4.17"})]


def test_a_crawler_is_answered_at_once() -> None:
    assert sub(MSSP, b"\1NAME\2Lantern") in Peer().says(DO + MSSP)


def test_prompts_are_marked_as_the_peer_wants_it() -> None:
    peer = Peer()
    assert peer.negotiator.prompt_mark() == b""
    peer.says(WONT + TTYPE)
    assert peer.negotiator.prompt_mark() == b"\xff\xf9"
    peer.says(DO + EOR)
    assert peer.negotiator.prompt_mark() == b"\xff\xef"


def test_a_window_of_unknown_size_is_taken_for_80_by_24() -> None:
    peer = Peer()
    peer.says(WILL + NAWS + sub(NAWS, b"\0\0\0\0"))
    assert (peer.terminal.columns, peer.terminal.rows, peer.emitted) == (80, 24, [])


def test_links_go_to_terminals_that_know_them() -> None:
    known, unknown, mudlet = Peer(), Peer(), Peer()
    known.is_called(b"XTERM-KITTY")
    unknown.is_called(b"ANSI", b"VT100")
    assert (known.terminal.links, unknown.terminal.links) == (True, False)
    mudlet.is_called(b"MUDLET", b"ANSI-TRUECOLOR", b"MTTS 2349")
    mudlet.says(WILL + ENVIRON)
    mudlet.says(sub(ENVIRON, b"\0\3OSC_HYPERLINKS\0011"))
    assert mudlet.terminal.links
    mudlet.says(sub(ENVIRON, b"\2\3OSC_HYPERLINKS\0010"))
    assert not mudlet.terminal.links
