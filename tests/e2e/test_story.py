"""The promise of Cletus: edit the code while people are connected, and nobody but you notices."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.e2e.harness import Caller, Talker, Terminal

COMMANDS = "talk/commands.py"
USERS = "talk/users.py"
LOGIN = "talk/login.py"

#: What ``.who`` of the talk shows of somebody, before any edit.
LINE_BEFORE = '{person!s:<16}{person.lines_said:>6}  {person.title}")'
LINE_AFTER = '{person!s:<16}{person.lines_said:>6}  {person.title} and is {person.mood}")'


def give_a_mood(talker: Talker) -> None:
    """Edit the greeting, and give users a new field with a default, which .who shows."""
    with talker.held():
        talker.edit(
            USERS, "    visits = Field(0)\n", '    visits = Field(0)\n    mood = Field("calm")\n'
        )
        talker.edit(LOGIN, 'f"Welcome, {user}!', 'f"Well met, {user}!')
        talker.edit(COMMANDS, LINE_BEFORE, LINE_AFTER)
    talker.prints(r"Reloaded, generation \d+: .*talk\.commands.* changed")


def test_the_story(talk: Talker, call: Callable[[Talker], Caller]) -> None:
    """Edits show in the next command; nobody is dropped, state stays; broken ones change nothing."""
    alice, bob = call(talk), call(talk)
    alice.logs_in("alice")
    bob.logs_in("bob")
    alice.sees("* bob comes in.")
    alice.types("hello", "how are you?")
    bob.sees("alice says: hello")
    bob.sees("alice says: how are you?\r\n")
    alice.types(".title likes tea")
    alice.sees("You are now: alice likes tea\r\n")

    give_a_mood(talk)
    assert bob.unread() == "", "an edit is nothing that people are told of"
    bob.types(".who")
    who = bob.sees("2 here.\r\n")
    assert re.search(r"alice +2  likes tea and is calm\r\n", who), "session field, field, new field"
    assert re.search(r"bob +0  has just arrived and is calm\r\n", who)
    alice.types(".who")
    assert "bob" in alice.sees("2 here.\r\n")

    _break_and_mend(talk, alice, bob)

    carol = call(talk)
    carol.sees("What is your name? ")
    carol.types("carol", "opensesame")
    carol.sees("Well met, carol! This is visit number 1.")
    alice.sees("* carol comes in.")
    assert "disconnected" not in talk.output


def _break_and_mend(talk: Talker, alice: Caller, bob: Caller) -> None:
    commands = (talk.folder / COMMANDS).read_text()
    line = commands.count("\n") + 1
    talk.write(COMMANDS, commands + "def broken(:\n")
    found = talk.prints(r"error: Reload refused \(check\).*\n(?: +.*\n)?")
    assert f"{COMMANDS}:{line}: SyntaxError" in found[0]
    assert "def broken(:" in found[0]

    talk.write(COMMANDS, commands + "1 / 0\n")
    found = talk.prints(r"error: Reload refused \(stage\)[\s\S]*?ZeroDivisionError")
    assert f"{COMMANDS}:{line} in <module>" in found[0]
    talk.prints("ZeroDivisionError: division by zero")

    bob.types("still here?")
    bob.sees("You say: still here?\r\n")
    assert alice.sees("bob says: still here?\r\n") == "bob says: still here?\r\n"

    reloads = talk.reloads
    talk.write(COMMANDS, commands.replace("You say: ", "You have said: "))
    talk.prints("Reloaded, generation", reloads + 1)
    bob.types("mended")
    assert bob.sees("mended\r\n") == "You have said: mended\r\n"
    alice.sees("bob says: mended\r\n")
    bob.types(".who")
    assert re.search(r"bob +2  has just arrived and is calm", bob.sees("2 here.\r\n"))


def test_the_story_with_the_real_telnet(
    talk: Talker,
    call: Callable[[Talker], Caller],
    telnet: Callable[[Talker], Terminal],
) -> None:
    """What is true of sockets is true of the program that people call with."""
    alice, bob = telnet(talk), call(talk)
    alice.logs_in("alice")
    bob.logs_in("bob")
    alice.sees("* bob comes in.")
    alice.types("hello")
    bob.sees("alice says: hello")

    give_a_mood(talk)
    alice.types(".who")
    alice.sees("1  has just arrived and is calm")
    alice.sees("2 here.")

    talk.edit(COMMANDS, "You say: ", "You say: {")  # a format string that never ends
    talk.prints(r"Reload refused \(check\)")
    alice.types("good evening")
    alice.sees("You say: good evening")
    bob.sees("alice says: good evening")

    talk.edit(COMMANDS, "You say: {", "You claim: ")
    talk.prints("Reloaded, generation 2")
    alice.types("so it is")
    alice.sees("You claim: so it is")
    alice.types(".quit")
    alice.sees("Goodbye!")
    alice.sees_the_end()


def test_a_line_on_its_way_during_the_edit_is_answered_once(
    talk: Talker, call: Callable[[Talker], Caller]
) -> None:
    """People type all the while; each line is answered once, in order, by one code or the other."""
    alice = call(talk)
    alice.logs_in("alice")
    talk.edit(COMMANDS, "You say: ", "Said: ")
    typed = 0
    while talk.reloads == 0 and typed < 10_000:
        alice.types(f"line {typed}.")
        alice.sees(f"line {typed}.\r\n")
        typed += 1
    talk.prints("Reloaded, generation 1")
    alice.types("the last.")
    alice.sees("Said: the last.\r\n")
    answers = [line for line in alice.screen.splitlines() if line.startswith(("You say:", "Said:"))]
    words = [answer.partition(": ")[2] for answer in answers]
    assert words == [f"line {number}." for number in range(typed)] + ["the last."]


def test_a_field_that_one_edit_takes_away_the_next_brings_back_with_its_value(
    talk: Talker, call: Callable[[Talker], Caller]
) -> None:
    """Here a session field, whose value is on no disk."""
    alice = call(talk)
    alice.logs_in("alice")
    alice.types("one", "two", ".who")
    assert re.search(r"alice +2  ", alice.sees("1 here."))
    field = "    lines_said = Field(0, session=True)\n"
    with talk.held():
        talk.edit(USERS, field, "")
        talk.edit(COMMANDS, "user.lines_said += 1", "pass")
        talk.edit(COMMANDS, "{person.lines_said:>6}", "{0:>6}")
    talk.prints("field User.lines_said is gone: 1 value parked")
    talk.prints(r"Reloaded, .*talk\.commands.* changed")
    alice.types("three", ".who")
    assert re.search(r"alice +0  ", alice.sees("1 here."))
    with talk.held():
        talk.edit(USERS, "    title =", f"{field}    title =")
        talk.edit(COMMANDS, "{0:>6}", "{person.lines_said:>6}")
    talk.prints(r"Reloaded, .*talk.commands.* changed", 2)
    alice.types(".who")
    assert re.search(r"alice +2  ", alice.sees("1 here."))
