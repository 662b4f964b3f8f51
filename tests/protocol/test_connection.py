"""``Connection``: each case whole, byte by byte, and with a tail; and the order of events."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cletus.errors import InflationTooLarge, ProtocolError
from cletus.protocol.charset import Encoder, telnet_encoder
from cletus.protocol.connection import (
    PIECE_END,
    SUBNEGOTIATION_TIMEOUT,
    Connection,
    Event,
    Failed,
    Flooded,
    HttpRequest,
    Interrupted,
    Line,
    Message,
    Reply,
    Resized,
    TlsHello,
)
from cletus.protocol.negotiator import OPENING, Negotiator
from cletus.protocol.options import NEGOTIATIONS_PER_SECOND
from cletus.protocol.telnet import HERE, subnegotiation
from cletus.protocol.terminal import Terminal

WILL, WONT, DO, DONT = (bytes((255, verb)) for verb in (251, 252, 253, 254))
ECHO, TTYPE, EOR, NAWS, CHARSET, MSSP, GMCP = (
    bytes((code,)) for code in (1, 24, 25, 31, 42, 70, 201)
)
MCCP2, MCCP3 = b"\x56", b"\x57"
BEGIN_MCCP2, BEGIN_MCCP3 = subnegotiation(86), subnegotiation(87)


def connection(**arguments: Any) -> Connection:
    """A connection with the usual limits and a clock that stands still; its opening has been sent."""
    limits = {"line_max": 4096, "subnegotiation_max": 8192, "inflated_max": 1 << 20}
    made = Connection(**{**limits, "clock": lambda: 0.0, **arguments})
    made.open()
    return made


def speaks_telnet(**arguments: Any) -> Connection:
    """A connection whose peer has answered in telnet and has been asked for the other options."""
    made = connection(**arguments)
    list(made.receive(WONT + TTYPE))
    return made


def read(peer: Connection, *chunks: bytes) -> list[Event]:
    events = (event for chunk in chunks for event in peer.receive(chunk))
    return [event for event in events if event is not PIECE_END]


def heard(events: list[Event]) -> list[Event]:
    """The events without replies, which come once for each chunk."""
    return [event for event in events if not isinstance(event, Reply)]


def replies(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Reply))


def single(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


# -- what arrives -------------------------------------------------------------------------------

#: What the peer sends, the events without replies, and the replies.
CASES: dict[str, tuple[bytes, list[Event], bytes]] = {
    "a line": (b"hello\r\n", [Line("hello")], b""),
    "every line end": (b"a\r\nb\nc\r\0d\r", [Line("a"), Line("b"), Line("c"), Line("d")], b""),
    "text is decoded and cleaned": ("h\u00e9 \x1b[31m\u202e!\r\n".encode(), [Line("hé !")], b""),
    "the eighth bit of an old terminal": (b"h\xe9 \xff\xff\r\n", [Line("hé ÿ")], b""),
    "a command inside a line": (b"he\xff\xf1llo\r\n", [Line("hello")], b""),
    "a character and a line are erased": (
        b"hel\xff\xf7\xff\xf7ello\r\njunk\xff\xf8hi\r\n",
        [Line("hello"), Line("hi")],
        b"",
    ),
    "are you there": (b"he\xff\xf6llo\r\n", [Line("hello")], HERE),
    "options that are not known": (WILL + b"\x63" + DO + b"\x64", [], DONT + b"\x63" + WONT + b"d"),
    "a window": (
        WILL + NAWS + subnegotiation(31, b"\0\x64\0\x1e") + b"a\r\n",
        [Resized(100, 30), Line("a")],
        b"",
    ),
    "a message, and a ping": (
        DO + GMCP + subnegotiation(201, b'Char.Login {"name": "ann"}') + b"a\r\n",
        [Message("Char.Login", {"name": "ann"}), Line("a")],
        b"",
    ),
    "a crawler": (DO + MSSP, [], subnegotiation(70, b"\1NAME\2Lantern")),
    "the character set changes between two lines": (
        b"\xc3\xa9\r\n" + DO + CHARSET + subnegotiation(42, b"\2US-ASCII") + b"\xc3\xa9\r\n",
        [Line("é"), Line("\ufffd\ufffd")],
        subnegotiation(42, b"\1;UTF-8;US-ASCII"),
    ),
    "HTTP": (b"GET / HTTP/1.1\r\nHost: x\r\n", [HttpRequest(), Line("Host: x")], b""),
    "HTTP that is not the first line": (
        b"hello\r\nGET / HTTP/1.1\r\n",
        [Line("hello"), Line("GET / HTTP/1.1")],
        b"",
    ),
}


@pytest.mark.parametrize(("data", "events", "answer"), CASES.values(), ids=CASES)
def test_a_case_is_the_same_whole_byte_by_byte_and_with_a_tail(
    data: bytes, events: list[Event], answer: bytes
) -> None:
    tail: list[Event] = [Line("tail")]
    for chunks, after in (([data], []), (single(data), []), ([data + b"tail\r\n"], tail)):
        found = read(speaks_telnet(status=lambda: {"NAME": "Lantern"}), *chunks)
        assert heard(found) == events + after
        assert replies(found) == answer


def test_a_line_that_is_too_long_says_how_much_of_it_was_taken() -> None:
    peer = connection(line_max=10)
    assert read(peer, b"0123456789ABC\r\nshort\r\n") == [Line("0123456789", 10), Line("short")]


def test_a_line_cut_inside_a_character_loses_that_character_only() -> None:
    assert read(connection(line_max=4), "aéé\r\n".encode()) == [Line("aé", 4)]


@given(st.lists(st.binary(max_size=60), max_size=6), st.booleans())
def test_no_bytes_break_it_and_no_cut_changes_what_they_mean(
    chunks: list[bytes], compression: bool
) -> None:
    """And the answers are few: to a few options, and to AYT 128 times a second."""
    whole, cut = (connection(line_max=64, compression=compression) for _ in range(2))
    data = b"".join(chunks)
    try:
        together = read(whole, data)
        apart = read(cut, *chunks)
    except ProtocolError:  # a stream that is not one; how much came in one chunk decides when
        assert compression
        return
    assert heard(together) == heard(apart)
    assert not any(isinstance(event, Failed) for event in together)
    assert len(replies(together)) <= 1500 + len(data)


# -- one after another --------------------------------------------------------------------------


def test_nothing_is_read_before_the_event_before_it_was_handled() -> None:
    """An application may change the character set because of a line that it receives."""
    peer = connection()
    events = peer.receive(b"\xe9\r\n\xe9\r\n")
    assert next(events) == Line("é")
    peer.terminal.encoder = telnet_encoder("cp437")
    assert next(events) == Line("Θ")


def test_a_command_after_a_line_is_answered_after_the_line_was_handled() -> None:
    """A client that is asked for a password because of a line may agree to ECHO in the same chunk."""
    peer = speaks_telnet()
    events = peer.receive(b"login\r\n" + DO + ECHO + b"ann\r\n")
    assert next(events) == Line("login")
    assert peer.hide_input(True) == WILL + ECHO
    assert list(events) == [Line("ann")], "DO ECHO was an answer, and is not refused"


def test_replies_of_one_chunk_are_one_write() -> None:
    found = read(speaks_telnet(), WILL + b"\x63" + b"hello\r\n" + DO + b"\x64")
    assert found == [Line("hello"), Reply(DONT + b"\x63" + WONT + b"\x64")]


def test_a_peer_that_does_not_read_gets_no_replies() -> None:
    """Otherwise a flood of negotiations would pile them up."""
    peer = speaks_telnet()
    peer.congested = True
    assert read(peer, DO + b"\x64\xff\xf6") == []
    assert peer.keep_alive() == b""
    peer.congested = False
    assert read(peer, DO + b"\x64") == [Reply(WONT + b"\x64")]


def test_a_peer_that_negotiates_without_end_is_reported_and_ignored() -> None:
    seconds = [0.0]
    peer = connection(clock=lambda: seconds[0])
    found = read(peer, WILL + b"\x63" + b"a\r\n", (WILL + b"\x63") * NEGOTIATIONS_PER_SECOND)
    assert found[-1] == Flooded()
    assert replies(found).count(DONT + b"\x63") == NEGOTIATIONS_PER_SECOND
    assert read(peer, b"a line\r\n") == [Line("a line")]
    seconds[0] = 1.0
    assert read(peer, WILL + b"\x63") == [Reply(DONT + b"\x63")]


def test_an_exception_costs_neither_the_connection_nor_the_next_line() -> None:
    def status() -> dict[str, str]:
        raise ZeroDivisionError

    failed, *after = read(connection(status=status), DO + MSSP + b"hello\r\n")
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, ZeroDivisionError)
    assert after[0] == Line("hello")


def test_an_unknown_encoder_of_an_application_costs_only_the_lines() -> None:
    peer = connection()
    peer.terminal.encoder = Encoder("klingon")
    events = peer.receive(b"a\r\nb\r\n")
    assert isinstance(next(events), Failed)
    peer.terminal.encoder = telnet_encoder()
    assert list(events) == [Line("b")]


# -- what is sent -------------------------------------------------------------------------------


def test_it_opens_with_six_bytes_and_sends_no_more_telnet_to_a_silent_client() -> None:
    """MUD clients understand WILL ECHO as "type a password"; nc shows every option as junk."""
    made = Connection(line_max=0, subnegotiation_max=0, inflated_max=0, clock=lambda: 0.0)
    assert made.open() == DO + TTYPE + WILL + MSSP
    assert read(made, b"hello\r\n") == [Line("hello")]
    assert made.keep_alive() == b""
    assert made.prompt_mark() == b""


def test_text_is_sent_as_it_was_encoded() -> None:
    peer = connection()
    assert peer.send(peer.terminal.encoder.encode("ÿ\n")) == "ÿ\r\n".encode()
    peer.terminal.encoder = telnet_encoder("latin-1")
    assert peer.send(peer.terminal.encoder.encode("ÿ\n")) == b"\xff\xff\r\n"


def test_a_sign_of_life_goes_to_a_client_that_speaks_telnet() -> None:
    assert speaks_telnet().keep_alive() == b"\xff\xf1"


def test_hidden_typing_is_shown_again_before_the_connection_closes() -> None:
    peer = connection()
    assert peer.hide_input(True) == WILL + ECHO
    assert peer.close() == WONT + ECHO
    assert peer.close() == b""


def test_a_message_goes_to_a_program_that_takes_messages() -> None:
    peer = speaks_telnet()
    assert peer.message("Room.Info", {"num": 1}) == b""
    read(peer, DO + GMCP)
    assert peer.message("Room.Info", {"num": 1}) == subnegotiation(201, b'Room.Info {"num":1}')


def test_a_prompt_is_marked_late_when_the_peer_turns_out_to_want_a_mark() -> None:
    """TinyFugue does not show a prompt without a mark, and the first is sent before it answers."""
    peer = connection()
    peer.send(b"Name? " + peer.prompt_mark())
    assert replies(read(peer, WILL + TTYPE)).endswith(b"\xff\xf9")
    assert read(peer, b"\xff\xf1") == []


def test_a_late_mark_follows_a_prompt_that_is_not_sent_yet() -> None:
    """A peer may answer while the prompt still waits for the end of the reactor's turn."""
    peer = connection()
    prompt = b"Name? " + peer.prompt_mark()
    assert not replies(read(peer, WILL + TTYPE)).endswith(b"\xff\xf9")
    assert peer.send(prompt) == b"Name? \xff\xf9"
    assert read(peer, b"\xff\xf1") == []


@pytest.mark.parametrize("answered", [True, False])
def test_what_is_not_a_prompt_any_more_is_not_marked_late(answered: bool) -> None:
    peer = connection()
    peer.send(b"Name? " + peer.prompt_mark())
    if answered:
        read(peer, b"ann\r\n")
    else:
        peer.send(b"\r\nWe close.\r\n")
    assert not replies(read(peer, WILL + TTYPE)).endswith(b"\xff\xf9")


def test_a_late_mark_waits_until_the_peer_reads() -> None:
    peer = connection()
    peer.send(b"Name? " + peer.prompt_mark())
    peer.congested = True
    assert read(peer, WILL + TTYPE) == []
    peer.congested = False
    assert read(peer, b"\xff\xf1") == [Reply(b"\xff\xf9")]


# -- compression --------------------------------------------------------------------------------


def test_compression_is_offered_where_it_is_wanted_and_never_over_tls() -> None:
    for arguments, offered in (
        ({}, False),
        ({"compression": True}, True),
        ({"compression": True, "tls": True}, False),
    ):
        assert (WILL + MCCP2 in replies(read(connection(**arguments), WILL + TTYPE))) is offered


def test_what_follows_the_agreement_is_compressed_also_replies_of_the_same_chunk() -> None:
    peer = speaks_telnet(compression=True)
    begin, answer = read(peer, WILL + b"\x63" + DO + MCCP2 + b"\xff\xf6")
    assert begin == Reply(DONT + b"\x63" + BEGIN_MCCP2)
    inflater = zlib.decompressobj()
    assert isinstance(answer, Reply)
    assert inflater.decompress(answer.data) == HERE
    assert inflater.decompress(peer.send(b"hello\r\n")) == b"hello\r\n"
    assert peer.send(b"") == b""
    assert inflater.decompress(peer.close()) == b""
    assert inflater.eof
    assert peer.send(b"plain") == b"plain"


def test_compression_ends_when_the_peer_asks() -> None:
    peer = speaks_telnet(compression=True)
    read(peer, DO + MCCP2)
    end, answer = read(peer, DONT + MCCP2)
    assert isinstance(end, Reply)
    inflater = zlib.decompressobj()
    inflater.decompress(end.data)
    assert inflater.eof
    assert answer == Reply(WONT + MCCP2)


def test_a_peer_that_does_not_read_still_learns_where_compression_begins() -> None:
    """Otherwise it could not read what follows."""
    peer = speaks_telnet(compression=True)
    peer.congested = True
    assert read(peer, DO + MCCP2) == [Reply(BEGIN_MCCP2)]


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_compression_of_what_arrives_begins_and_ends_in_the_middle_of_a_chunk(size: int) -> None:
    data = b"one\r\n" + BEGIN_MCCP3 + zlib.compress(b"two\r\nthr") + b"ee\r\n"
    data += BEGIN_MCCP3 + zlib.compress(b"four\r\n") + b"five\r\n"
    peer = speaks_telnet(compression=True)
    read(peer, DO + MCCP3)
    found = read(peer, *(data[at : at + size] for at in range(0, len(data), size)))
    assert found == [Line(text) for text in ("one", "two", "three", "four", "five")]


def test_a_chunk_with_thousands_of_streams_is_read_in_a_loop() -> None:
    peer = speaks_telnet(compression=True)
    read(peer, DO + MCCP3)
    found = read(peer, (BEGIN_MCCP3 + zlib.compress(b"a\r\n")) * 3000 + b"end\r\n")
    assert found == [Line("a")] * 3000 + [Line("end"), Flooded()]


def test_a_stream_does_not_begin_within_another() -> None:
    peer = speaks_telnet(compression=True)
    read(peer, DO + MCCP3)
    inside = zlib.compress(b"one\r\n" + BEGIN_MCCP3 + b"two\r\n")
    assert read(peer, BEGIN_MCCP3 + inside + b"three\r\n") == [
        Line("one"),
        Line("two"),
        Line("three"),
    ]


def test_all_streams_of_one_chunk_share_one_budget() -> None:
    """Sixty bombs of a megabyte in 64 KiB, each within its own limit, would be sixty megabytes."""
    peer = speaks_telnet(compression=True)
    read(peer, DO + MCCP3)
    bomb = BEGIN_MCCP3 + zlib.compress(b"a\r\n" + b"x" * 1_000_000, 9)
    events = peer.receive(bomb * 60)
    assert next(event for event in events if event is not PIECE_END) == Line("a")
    with pytest.raises(InflationTooLarge):
        list(events)


def test_an_invalid_stream_ends_the_connection() -> None:
    peer = speaks_telnet(compression=True)
    read(peer, DO + MCCP3)
    with pytest.raises(ProtocolError):
        read(peer, BEGIN_MCCP3 + b"\x78\x9c" + b"\xff" * 20)


def test_an_unfinished_subnegotiation_does_not_swallow_lines_for_ever() -> None:
    now = 0.0
    peer = connection(clock=lambda: now)
    assert heard(read(peer, b"\xff\xfa\xc9Core.Hello", b"lost\r\n")) == []
    now = SUBNEGOTIATION_TIMEOUT + 1
    assert heard(read(peer, b"hello\r\n")) == [Line("hello")]


def test_a_crawler_may_ask_in_plain_text() -> None:
    peer = connection(status=lambda: {"NAME": "Lantern", "PORT": [9000, 9001]})
    (answer,) = read(peer, b"MSSP-REQUEST\r\n")
    assert isinstance(answer, Reply)
    assert b"MSSP-REPLY-START\r\nNAME\tLantern\r\nPORT\t9000\t9001\r\n" in answer.data
    assert heard(read(peer, b"MSSP-REQUEST\r\n")) == [Line("MSSP-REQUEST")]


def test_ctrl_c_and_break_are_events_and_forget_the_line() -> None:
    for signal in (b"\xff\xf4", b"\xff\xf3"):
        assert heard(read(connection(), b"rm" + signal + b"ls\r\n")) == [Interrupted(), Line("ls")]


def test_a_tls_hello_is_recognised_and_no_line() -> None:
    hello = b"\x16\x03\x01\x02\x00\x01\r\n"
    assert read(connection(), hello) == [TlsHello()]
    assert TlsHello() in read(connection(), hello[:1], hello[1:])
    assert heard(read(connection(), b"\x16hello\r\n")) == [Line("hello")]


def test_a_peer_that_says_nothing_in_telnet_costs_no_negotiator() -> None:
    """What it is sent first is what a negotiator sends, and its first command finds one that has asked."""
    connection = Connection(line_max=0, subnegotiation_max=0, inflated_max=0, clock=lambda: 0.0)
    negotiator = Negotiator(
        Terminal(telnet_encoder()), emit=lambda _: None, status=dict, clock=lambda: 0.0
    )
    assert connection.open() == negotiator.open() == OPENING
    assert list(connection.receive(b"hello\r\n")) == [Line("hello")]
    assert (
        connection.prompt_mark() == connection.hide_input(False) == connection.keep_alive() == b""
    )
    assert connection._negotiation is None
    event = next(iter(connection.receive(bytes((255, 251, 24)))))
    assert isinstance(event, Reply)
    assert event.data.startswith(
        bytes((255, 250, 24, 1, 255, 240))
    )  # it was asked, so it is agreed
