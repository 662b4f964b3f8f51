"""``MemoryTransport``: a door's end of a connection, which records what it is asked to do."""

from __future__ import annotations

import inspect

from cletus.client.interfaces import Transport
from cletus.protocol.charset import Encoder
from cletus.protocol.terminal import Terminal
from cletus.testing import MemoryTransport


def test_it_has_all_that_a_client_needs_of_a_door() -> None:
    """The same methods, called the same way."""
    for name, method in inspect.getmembers(Transport, inspect.isfunction):
        if name.startswith("_"):
            continue
        ours = inspect.signature(getattr(MemoryTransport, name))
        assert ours.parameters.keys() == inspect.signature(method).parameters.keys(), name
    transport = MemoryTransport()
    for name in inspect.get_annotations(Transport):
        assert hasattr(transport, name), name


def test_it_starts_open_reading_and_showing() -> None:
    transport = MemoryTransport("192.0.2.1:4000")
    assert transport.address == "192.0.2.1:4000"
    assert (transport.reading, transport.hidden) == (True, False)
    assert (transport.closed, transport.aborted) == (False, False)
    assert (transport.sent, transport.text, transport.messages) == ([], "", [])


def test_it_records_what_it_is_asked_to_do() -> None:
    transport = MemoryTransport()
    transport.send(b"a")
    transport.send("é\n".encode())
    assert (transport.sent, transport.text) == ([b"a", "é\n".encode()], "aé\n")
    transport.pause_reading()
    transport.pause_reading()
    assert not transport.reading
    transport.resume_reading()
    assert transport.reading
    assert transport.hide_input(True) == b""
    assert transport.hidden
    transport.hide_input(False)
    assert transport.hidings == [True, False]
    assert transport.message("Room.Info", {"num": 1}) == b""
    assert transport.messages == [("Room.Info", {"num": 1})]
    transport.close()
    assert (transport.closed, transport.aborted) == (True, False)
    transport.abort()
    assert transport.aborted


def test_text_is_read_in_the_character_set_that_the_terminal_had_then() -> None:
    transport = MemoryTransport()
    transport.send("é".encode())
    transport.terminal = Terminal(Encoder("latin-1", network=False))
    transport.send("é".encode("latin-1"))
    assert transport.text == "éé"


def test_a_terminal_may_show_only_what_it_is_sent() -> None:
    assert MemoryTransport(character_mode=True).terminal.character_mode
    assert not MemoryTransport().terminal.character_mode
