"""``TelnetPeer``: what a person's telnet program makes of the service's bytes."""

from __future__ import annotations

from cletus.protocol.telnet import subnegotiation
from cletus.testing.telnet_peer import TelnetPeer

WILL, WONT, DO, DONT = b"\xff\xfb", b"\xff\xfc", b"\xff\xfd", b"\xff\xfe"


def peer(gmcp: bool = False) -> TelnetPeer:
    return TelnetPeer(132, 43, "xterm", gmcp=gmcp)


def test_text_is_text_however_it_is_cut() -> None:
    one = peer()
    assert [one.receive(bytes([byte]))[0] for byte in "é\r\n".encode()] == ["", "é", "\r", "\n"]


def test_a_bare_carriage_return_comes_as_one() -> None:
    assert peer().receive(b"a\r\0b") == ("a\rb", b"")


def test_typing_is_shown_unless_the_service_says_that_it_shows_it() -> None:
    one = peer()
    assert one.shows_typing
    assert one.receive(WILL + b"\x01") == ("", DO + b"\x01")
    assert not one.shows_typing
    assert one.receive(WONT + b"\x01") == ("", DONT + b"\x01")
    assert one.shows_typing


def test_it_names_its_terminal_when_it_is_asked() -> None:
    one = peer()
    assert one.receive(DO + b"\x18") == ("", WILL + b"\x18")
    ask = subnegotiation(24, b"\x01")
    assert one.receive(ask) == ("", subnegotiation(24, b"\x00xterm"))
    assert one.receive(ask) == ("", subnegotiation(24, b"\x00xterm"))


def test_it_tells_the_size_of_its_window_and_every_change_of_it() -> None:
    one = peer()
    assert one.resized(100, 43) == b""  # nobody wants to know it yet
    _, answer = one.receive(DO + b"\x1f")
    assert answer == WILL + b"\x1f" + subnegotiation(31, b"\x00\x64\x00\x2b")
    assert one.resized(255, 24) == b"\xff\xfa\x1f\x00\xff\xff\x00\x18\xff\xf0"


def test_messages_are_taken_by_who_wants_them() -> None:
    one = peer(gmcp=True)
    assert one.receive(WILL + b"\xc9") == ("", DO + b"\xc9")
    one.receive(subnegotiation(201, b'Room.Info {"num": 1}') + subnegotiation(201, b"Core.Ping"))
    assert one.messages == [("Room.Info", {"num": 1}), ("Core.Ping", None)]
    assert one.message("Core.Hello", {"client": "x"}) == subnegotiation(
        201, b'Core.Hello {"client": "x"}'
    )


def test_what_it_does_not_know_it_refuses() -> None:
    assert peer().receive(WILL + b"\xc9" + DO + b"\x27") == ("", DONT + b"\xc9" + WONT + b"\x27")


def test_it_never_tires_of_negotiating() -> None:
    """A test may ask for a thousand passwords in an instant."""
    one = peer()
    for _ in range(1000):
        assert one.receive(WILL + b"\x01") == ("", DO + b"\x01")
        assert one.receive(WONT + b"\x01") == ("", DONT + b"\x01")
