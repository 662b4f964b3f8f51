"""The codecs between telnet and the messages of a WebSocket."""

from __future__ import annotations

import pytest

from cletus.protocol.subprotocols import BINARY, TEXT, GmcpCodec, TelnetCodec, TerminalCodec

STREAM = b'\xff\xfb\xc9hello \xff\xfa\xc9Room.Info {"a": 1}\xff\xf0world\xff\xf9 \xff\xfb\x01end'


def cut(data: bytes) -> list[list[bytes]]:
    """The same bytes whole, byte by byte, and cut once at each place."""
    once = [[data[:i], data[i:]] for i in range(len(data))]
    return [[data], [data[i : i + 1] for i in range(len(data))], *once]


@pytest.mark.parametrize("chunks", cut(STREAM))
def test_telnet_is_taken_out_wherever_it_is_cut(chunks: list[bytes]) -> None:
    codec, text, messages = GmcpCodec(), b"", []
    for chunk in chunks:
        for opcode, payload in codec.outgoing(chunk):
            if opcode == TEXT:
                messages.append(payload)
            else:
                text += payload
    assert text == b"hello world end"
    assert messages == [b'Room.Info {"a": 1}']


def test_text_before_a_message_stays_before_it() -> None:
    frames = GmcpCodec().outgoing(b"a\xff\xfa\xc9X\xff\xf0b")
    assert frames == [(BINARY, b"a"), (TEXT, b"X"), (BINARY, b"b")]


def test_a_terminal_hears_of_no_messages() -> None:
    assert TerminalCodec().outgoing(STREAM) == [(BINARY, b"hello world end")]


def test_text_without_commands_is_the_same_object() -> None:
    """So that a broadcast is framed once for all."""
    data = b"hello"
    assert TerminalCodec().outgoing(data)[0][1] is data
    assert TelnetCodec().outgoing(data)[0][1] is data


def test_a_line_gets_its_end_and_bytes_of_telnet_mean_nothing() -> None:
    assert TerminalCodec().incoming(text=True, data=b"say \xff\xf4") == b"say \xff\xff\xf4\r\n"
    assert TerminalCodec().incoming(text=False, data=b"say\n") == b"say\n"


def test_a_gmcp_message_becomes_a_subnegotiation() -> None:
    assert GmcpCodec().incoming(text=True, data=b"Core.Ping") == b"\xff\xfa\xc9Core.Ping\xff\xf0"
    assert GmcpCodec().incoming(text=False, data=b"say") == b"say\r\n"


def test_telnet_goes_through_and_words_do_not() -> None:
    assert TelnetCodec().outgoing(STREAM) == [(BINARY, STREAM)]
    assert TelnetCodec().incoming(text=False, data=STREAM) == STREAM
    assert TelnetCodec().incoming(text=True, data=b"{}") == b""
