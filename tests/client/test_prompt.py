"""A prompt and what is typed stay below what others say, and nobody reads words stuck to a prompt."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from cletus import Client, Service, events
from cletus.protocol.line_editor import LineEditor
from cletus.testing import MemoryTransport


def connected(*, character_mode: bool = False) -> tuple[Client, MemoryTransport, Clock]:
    service = Service(store="memory:")
    service.reactor = clock = Clock()
    transport = MemoryTransport(character_mode=character_mode)
    return service.connections.connected(transport, door="memory"), transport, clock


def shown(transport: MemoryTransport, clock: Clock) -> str:
    """What has been sent since the last call."""
    clock.advance(0)
    text = transport.text
    transport._text.clear()
    return text


# -- line mode ------------------------------------------------------------------------------


def test_words_end_the_line_of_a_prompt_that_comes_again_after_a_quiet_moment() -> None:
    client, transport, clock = connected()
    client.prompt("> ")
    client.write("bob: hi")
    client.write("ann: hi")
    assert shown(transport, clock) == "> \nbob: hi\nann: hi\n"
    clock.advance(0.2)
    client.write("bob: bye")
    assert shown(transport, clock) == "bob: bye\n"
    clock.advance(0.2)
    assert shown(transport, clock) == ""
    clock.advance(0.05)
    assert shown(transport, clock) == "> "
    clock.advance(10)
    assert shown(transport, clock) == ""
    client.write("bob: once more")
    assert shown(transport, clock) == "\nbob: once more\n"
    clock.advance(0.25)
    assert shown(transport, clock) == "> "


def test_only_the_last_line_of_a_prompt_comes_again() -> None:
    client, transport, clock = connected()
    client.prompt("Welcome!\nName: ")
    client.write("bob: hi")
    clock.advance(0)
    clock.advance(0.25)
    assert shown(transport, clock) == "Welcome!\nName: \nbob: hi\nName: "


def test_a_prompt_that_ends_its_line_needs_nothing() -> None:
    client, transport, clock = connected()
    client.prompt("Name?\n")
    client.write("bob: hi")
    clock.advance(1)
    assert shown(transport, clock) == "Name?\nbob: hi\n"


def test_once_the_line_is_typed_the_prompt_is_over() -> None:
    client, transport, clock = connected()
    client.prompt("> ")
    client.line_received("look")
    client.write("You see a lamp.")
    clock.advance(1)
    assert shown(transport, clock) == "> You see a lamp.\n"


def test_a_covered_prompt_that_is_answered_does_not_come_again() -> None:
    client, transport, clock = connected()
    client.prompt("> ")
    client.write("bob: hi")
    clock.advance(0.1)
    client.line_received("look")
    clock.advance(1)
    assert shown(transport, clock) == "> \nbob: hi\n"


def test_what_was_typed_ahead_answers_the_prompt() -> None:
    client, transport, clock = connected()
    with client.input.held():
        client.line_received("42")
        client.ask("Age: ").addCallback(client.write)
    clock.advance(0)
    clock.advance(1)
    assert shown(transport, clock) == "Age: \n42\n"


def test_a_withdrawn_question_is_not_asked_again() -> None:
    client, transport, clock = connected()
    client.ask("Name: ").addErrback(lambda _: None).cancel()
    client.write("Too late.")
    clock.advance(1)
    assert shown(transport, clock) == "Name: \nToo late.\n"


def test_without_the_setting_the_line_is_ended_and_nothing_comes_again() -> None:
    client, transport, clock = connected()
    client.service.configure(prompt_again=0)
    client.prompt("> ")
    client.write("bob: hi")
    clock.advance(60)
    assert shown(transport, clock) == "> \nbob: hi\n"


def test_a_screen_reader_does_not_read_the_prompt_again() -> None:
    client, transport, clock = connected()
    transport.terminal.screen_reader = True
    client.prompt("> ")
    client.write("bob: hi")
    clock.advance(60)
    assert shown(transport, clock) == "> \nbob: hi\n"


def test_a_page_has_its_prompt_apart_from_the_text() -> None:
    client, transport, clock = connected()
    transport.terminal.prompts_apart = True
    client.prompt("> ")
    client.write("bob: hi")
    clock.advance(60)
    assert shown(transport, clock) == "> bob: hi\n"


@pytest.mark.parametrize("covered", [True, False])
def test_mudlet_ends_the_line_of_a_marked_prompt_itself(covered: bool) -> None:
    """A newline of ours would be an empty line there (Mudlet#8938, evennia#1058)."""
    client, transport, clock = connected()
    transport.terminal.types = ("MUDLET", "ANSI-TRUECOLOR", "MTTS 2349")
    client.ask("Password: ", hidden=True).addCallback(client.show_input)
    if covered:
        client.write("bob: hi")
    clock.advance(0)
    client.line_received("secret")
    client.write("Welcome.")
    words = "bob: hi\n" if covered else ""
    assert shown(transport, clock) == f"Password: {words}Welcome.\n"


def test_unfinished_text_before_a_hidden_line_is_ended_in_mudlet_too() -> None:
    client, transport, clock = connected()
    transport.terminal.types = ("MUDLET",)
    client.write_raw("Password: ")
    client.hide_input()
    client.line_received("secret")
    client.show_input()
    client.write("Welcome.")
    assert shown(transport, clock) == "Password: \nWelcome.\n"


def test_a_message_to_the_program_is_not_words(monkeypatch: pytest.MonkeyPatch) -> None:
    client, transport, clock = connected()
    monkeypatch.setattr(transport, "message", lambda *_: b"GMCP")
    client.prompt("> ")
    client.gmcp.send("Char.Vitals", {"hp": 1})
    clock.advance(60)
    assert shown(transport, clock) == "> GMCP"


def test_who_does_not_read_is_sent_no_prompt_until_they_do() -> None:
    client, transport, clock = connected()
    client.prompt("> ")
    clock.advance(0)
    client.write("bob: hi")
    clock.advance(0)
    client.pause_output()
    clock.advance(60)
    assert shown(transport, clock) == "> \nbob: hi\n"
    client.resume_output()
    clock.advance(0)
    clock.advance(0.25)
    assert shown(transport, clock) == "> "


def test_nothing_comes_after_the_goodbye() -> None:
    client, _transport, clock = connected()
    client.prompt("> ")
    client.write("bob: hi")
    clock.advance(0)
    client.close("quit")
    client.disconnected("closed")
    assert not clock.getDelayedCalls()


# -- character mode -------------------------------------------------------------------------


def test_words_go_above_the_line_that_is_typed() -> None:
    client, transport, clock = connected(character_mode=True)
    client.prompt("> ")
    clock.advance(0)
    client.keys_received(b"hel")
    assert shown(transport, clock).endswith("> hel")
    client.write("bob: hi")
    client.write("ann: hi")
    assert shown(transport, clock) == "\r\x1b[Jbob: hi\nann: hi\n> hel"


def test_keys_within_the_turn_of_others_words_lose_nothing() -> None:
    client, transport, clock = connected(character_mode=True)
    client.prompt("> ")
    client.keys_received(b"hel")
    client.write("bob: hi")
    client.keys_received(b"lo")
    client.write("bob: bye")
    assert shown(transport, clock) == (
        "\r\x1b[J> hel\r\x1b[Jbob: hi\n> hello\r\x1b[Jbob: bye\n> hello"
    )


def test_a_complete_line_goes_to_its_reader_and_the_prompt_is_over() -> None:
    client, transport, clock = connected(character_mode=True)
    lines: list[str] = []
    client.service.listen(events.Receive)(lambda event: lines.append(event.data))
    client.prompt("> ")
    client.keys_received(b"look\r")
    client.write("You see a lamp.")
    assert lines == ["look"]
    assert shown(transport, clock).endswith("\r\n\r\x1b[JYou see a lamp.\n")


def test_unfinished_text_is_continued() -> None:
    client, transport, clock = connected(character_mode=True)
    client.write_raw("Load")
    clock.advance(0)
    client.write_raw("ing")
    clock.advance(0)
    client.keys_received(b"x")
    client.write(" done")
    clock.advance(0)
    assert shown(transport, clock).endswith("\r\x1b[JLoading done\nx")


def test_a_prompt_follows_unfinished_text() -> None:
    client, transport, clock = connected(character_mode=True)
    client.write_raw("Your name")
    client.prompt(": ")
    client.write("bob: hi")
    assert shown(transport, clock).endswith("bob: hi\nYour name: ")


def test_a_password_is_neither_shown_nor_recalled() -> None:
    client, transport, clock = connected(character_mode=True)
    answers: list[str] = []
    client.ask("Password: ", hidden=True).addCallback(answers.append)
    clock.advance(0)
    client.keys_received(b"s3cret\r")
    client.keys_received(b"\x1b[A\x19x")
    assert answers == ["s3cret"]
    assert "s3cret" not in shown(transport, clock)
    assert transport.hidings == []


def test_a_password_pasted_with_the_name_is_hidden() -> None:
    client, transport, clock = connected(character_mode=True)
    client.ask("Name: ").addCallback(lambda _: client.ask("Password: ", hidden=True))
    clock.advance(0)
    client.keys_received(b"bob\rs3cret\r")
    assert "s3cret" not in shown(transport, clock)


def test_half_a_password_is_never_shown() -> None:
    """The question is withdrawn while they type: what they have typed of it is gone."""
    client, transport, clock = connected(character_mode=True)
    answer = client.ask("Password: ", hidden=True)
    answer.addErrback(lambda failure: None)
    clock.advance(0)
    client.keys_received(b"s3c")
    answer.cancel()
    client.write("Too late.")
    assert shown(transport, clock).endswith("Too late.\n")
    client.keys_received(b"look")
    client.write("bob: hi")
    text = shown(transport, clock)
    assert "look" in text
    assert "s3c" not in text


@pytest.mark.parametrize("character_mode", [True, False])
def test_show_input_alone_is_enough(character_mode: bool) -> None:
    """Nothing has to be written for it, and no line to be typed."""
    client, transport, clock = connected(character_mode=character_mode)
    client.hide_input()
    clock.advance(0)
    client.show_input()
    clock.advance(0)
    client.keys_received(b"look")
    assert shown(transport, clock) == ("look" if character_mode else "\n")
    assert transport.hidings == ([] if character_mode else [True, False])


def test_what_is_typed_ahead_is_a_line_of_its_own_behind_its_prompt() -> None:
    client, transport, clock = connected(character_mode=True)
    with client.input.held():
        client.keys_received(b"42\r")
        client.ask("Age: ").addCallback(client.write)
    assert shown(transport, clock).endswith("42\r\x1b[2C\r\n\r\x1b[JAge: \n42\n")


def test_ctrl_c_is_an_event_and_ctrl_d_is_the_end() -> None:
    client, transport, clock = connected(character_mode=True)
    interrupts: list[object] = []
    client.service.listen(events.Interrupt)(interrupts.append)
    client.prompt("> ")
    client.keys_received(b"hel\x03")
    assert len(interrupts) == 1
    assert shown(transport, clock).endswith("^C\r\n> ")
    client.keys_received(b"\x04")
    clock.advance(0)
    assert transport.closed


def test_the_prompt_of_line_mode_is_that_of_the_editor_that_takes_over() -> None:
    client, transport, clock = connected()
    client.prompt("Name: ")
    clock.advance(0)
    client.use_editor(LineEditor())
    client.keys_received(b"bo")
    client.write("ann: hi")
    assert shown(transport, clock) == "Name: bo\r\x1b[Jann: hi\nName: bo"
    client.use_editor(None)
    client.write("ann: bye")
    assert shown(transport, clock).startswith("\nann: bye\n")


def test_a_terminal_in_character_mode_is_sent_lines_broken_between_words() -> None:
    """It would break them wherever its window ends."""
    client, transport, clock = connected()
    client.use_editor(LineEditor())
    client.terminal.columns = 12
    client.write("a lamp burns in the tower")
    assert shown(transport, clock).endswith("a lamp burns\nin the tower\n")


def test_who_does_not_read_while_typing_is_dropped_at_the_limit() -> None:
    client, transport, clock = connected(character_mode=True)
    client.pause_output()
    for _ in range(4200):
        client.keys_received(b"\x1b[A" * 256)
    clock.advance(0)
    assert transport.aborted


# -- both -----------------------------------------------------------------------------------


def test_two_hidden_questions_in_a_row_switch_once() -> None:
    """Mudlet stops hiding anything after five switches in quick succession."""
    client, transport, clock = connected()
    client.ask("Password: ", hidden=True).addCallback(lambda _: client.ask("Again: ", hidden=True))
    clock.advance(0)
    client.line_received("s3cret")
    clock.advance(0)
    assert transport.hidings == [True]
    client.line_received("s3cret")
    clock.advance(0)
    assert transport.hidings == [True, False]
