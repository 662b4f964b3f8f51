"""Passwords: typed at real programs, they are on nobody's screen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.harness import Caller, Talker, Terminal

SECRET, WRONG = "opensesame", "opensaysme"


@pytest.fixture(params=["telnet", "tintin"])
def terminal(request: pytest.FixtureRequest, talk: Talker) -> Callable[[], Terminal]:
    """Call the talker with one of the real programs."""
    connect = request.getfixturevalue(request.param)
    return lambda: connect(talk)


def test_passwords_are_never_on_the_screen(terminal: Callable[[], Terminal]) -> None:
    """Neither the chosen one, nor a wrong one, nor the right one at the second try."""
    first = terminal()
    first.logs_in("alice", SECRET)
    first.types(".quit")
    first.sees("Goodbye!")

    again = terminal()
    again.sees("What is your name? ")
    again.types("alice")
    again.types_hidden("Password: ", WRONG)
    again.sees("Wrong password.")
    again.sees("What is your name? ")
    again.types("alice")
    again.types_hidden("Password: ", SECRET)
    again.sees("This is visit number 2.")
    again.types("what I type shows again")
    again.sees("You say: what I type shows again")

    for screen in (first.screen, again.screen):
        assert SECRET not in screen
        assert WRONG not in screen
    assert again.screen.count("what I type shows again") == 2, "as typed, and as answered"


def test_a_password_is_hidden_before_it_is_asked_for(
    talk: Talker, call: Callable[[Talker], Caller]
) -> None:
    """WILL ECHO goes before the prompt, so that no quick typist is faster; WONT ECHO after the line."""
    alice = call(talk)
    alice.sees("What is your name? ")
    alice.types("alice")
    alice.sees("Choose a password: ")
    alice.types("opensesame")
    alice.sees("Welcome")
    hide = alice.received.index(b"\xff\xfb\x01")
    show = alice.received.index(b"\xff\xfc\x01")
    assert hide < alice.received.index(b"Choose a password: ") < show
    assert alice.received[hide:show].endswith(b"\r\n"), "their own line end was hidden, too"


def test_no_password_is_in_the_log_or_the_store(
    talk: Talker, call: Callable[[Talker], Caller]
) -> None:
    """What is kept of a password is its argon2id hash."""
    alice = call(talk)
    alice.logs_in("alice", SECRET)
    alice.types(".quit")
    alice.sees_the_end()
    assert talk.stop() == 0
    saved = (talk.folder / "saved" / "user" / "alice.json").read_text()
    assert "$argon2id$" in saved
    assert SECRET not in saved + talk.output
