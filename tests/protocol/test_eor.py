"""What follows a prompt, for each kind of peer."""

from __future__ import annotations

from cletus.protocol.eor import EndOfRecord, SuppressGoAhead, prompt_mark
from cletus.protocol.options import Options
from cletus.protocol.telnet import Negotiation, Verb


def options(*agreed: int) -> Options:
    known = Options([EndOfRecord(), SuppressGoAhead()], lambda: 0.0)
    for code in agreed:
        known.receive(Negotiation(Verb.DO, code))
    return known


def test_a_client_that_agreed_to_eor_gets_it() -> None:
    assert prompt_mark(options(25, 3), speaks_telnet=True) == b"\xff\xef"


def test_another_client_that_speaks_telnet_gets_ga() -> None:
    assert prompt_mark(options(), speaks_telnet=True) == b"\xff\xf9"


def test_ga_is_suppressed_on_request() -> None:
    assert prompt_mark(options(3), speaks_telnet=True) == b""


def test_a_silent_client_gets_nothing() -> None:
    """Nc would show it."""
    assert prompt_mark(options(), speaks_telnet=False) == b""
