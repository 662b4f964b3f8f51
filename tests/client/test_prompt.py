"""In character mode, and only there, a prompt stays below what is shown after it."""

from __future__ import annotations

from twisted.internet.task import Clock

from cletus import Client, Service
from cletus.testing import MemoryTransport


def connected(*, character_mode: bool) -> tuple[Client, MemoryTransport, Clock]:
    service = Service(store="memory:")
    service.reactor = clock = Clock()
    transport = MemoryTransport(character_mode=character_mode)
    return service.connections.connected(transport, door="memory"), transport, clock


def test_in_character_mode_it_is_taken_off_and_put_back_once_a_turn() -> None:
    client, transport, clock = connected(character_mode=True)
    client.prompt("> ")
    clock.advance(0)
    transport.terminal.typed = "hel"
    client.write("bob: hi")
    client.write("ann: hi")
    clock.advance(0)
    assert transport.sent == [b"> ", b"\r\x1b[Kbob: hi\nann: hi\n> hel"]
    client.write("bob: bye")
    clock.advance(0)
    assert transport.sent[-1] == b"\r\x1b[Kbob: bye\n> hel"


def test_a_prompt_of_several_rows_is_taken_off_whole() -> None:
    client, transport, clock = connected(character_mode=True)
    transport.terminal.columns = 20
    client.prompt("x" * 45)
    clock.advance(0)
    client.write("hi")
    clock.advance(0)
    assert transport.sent[-1].startswith(b"\x1b[2A\r\x1b[Jhi\n")


def test_once_the_line_is_complete_nothing_is_put_back() -> None:
    client, transport, clock = connected(character_mode=True)
    client.prompt("> ")
    clock.advance(0)
    client.line_received("look")
    client.write("You see a lamp.")
    clock.advance(0)
    assert transport.sent[-1] == b"You see a lamp.\n"


def test_in_line_mode_nothing_is_put_back() -> None:
    """The person's own terminal shows what they type; nobody could put that back."""
    client, transport, clock = connected(character_mode=False)
    client.prompt("> ")
    clock.advance(0)
    client.write("bob: hi")
    clock.advance(0)
    assert transport.sent == [b"> ", b"bob: hi\n"]


def test_two_hidden_questions_in_a_row_switch_once() -> None:
    """Mudlet stops hiding anything after five switches in quick succession."""
    client, transport, clock = connected(character_mode=False)
    client.ask("Password: ", hidden=True).addCallback(lambda _: client.ask("Again: ", hidden=True))
    clock.advance(0)
    client.line_received("s3cret")
    clock.advance(0)
    assert transport.hidings == [True]
    client.line_received("s3cret")
    clock.advance(0)
    assert transport.hidings == [True, False]
