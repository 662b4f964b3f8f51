"""Hiding what is typed."""

from __future__ import annotations

from cletus.protocol.echo import Echo, hide_input
from cletus.protocol.options import Options
from cletus.protocol.telnet import Negotiation, Verb

WILL_ECHO = b"\xff\xfb\x01"
WONT_ECHO = b"\xff\xfc\x01"
DO, DONT = Verb.DO, Verb.DONT


def options() -> Options:
    return Options([Echo()], lambda: 0)


def test_hiding_and_showing() -> None:
    """WILL ECHO hides, WONT ECHO shows, and each is sent once."""
    peer = options()
    assert hide_input(peer, False) == b""
    assert hide_input(peer, True) == WILL_ECHO
    assert hide_input(peer, True) == b""
    assert hide_input(peer, False) == WONT_ECHO
    assert hide_input(peer, False) == b""


def test_the_second_password_is_hidden_without_any_answer_to_the_first() -> None:
    """TinTin++ does not answer WONT ECHO, and nc answers nothing."""
    peer = options()
    for _ in range(3):
        assert hide_input(peer, True) == WILL_ECHO
        assert hide_input(peer, False) == WONT_ECHO


def test_a_late_answer_does_not_uncover_the_next_password() -> None:
    """A wrong password is refused and the next one asked for within one round trip."""
    peer = options()
    hide_input(peer, True)
    assert peer.receive(Negotiation(DO, 1)) == b""
    hide_input(peer, False)
    hide_input(peer, True)
    assert peer.receive(Negotiation(DONT, 1)) == b""
    assert peer.receive(Negotiation(DO, 1)) == b""
    assert hide_input(peer, False) == WONT_ECHO


def test_a_peer_who_refuses_is_asked_again_for_the_next_password_only() -> None:
    peer = options()
    assert hide_input(peer, True) == WILL_ECHO
    assert peer.receive(Negotiation(DONT, 1)) == b""
    assert hide_input(peer, False) == b""
    assert hide_input(peer, True) == WILL_ECHO


def test_a_peer_who_wants_our_echo_for_good_is_refused() -> None:
    """PuTTY says DO ECHO first of all; it then echoes itself."""
    assert options().receive(Negotiation(DO, 1)) == WONT_ECHO


def test_a_peer_who_wants_to_echo_to_us_is_refused() -> None:
    assert options().receive(Negotiation(Verb.WILL, 1)) == b"\xff\xfe\x01"
