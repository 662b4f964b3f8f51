"""Each part survives a reload in every state, and R1, R3, R4, R7 and R8 hold for all of them."""

from __future__ import annotations

import gc
import sys
import weakref

import pytest

from cletus.contrib.users import ChangePassword
from cletus.testing import assert_survives_reload
from tests.contrib.users.conftest import PASSWORD
from tests.contrib.users.test_login import NEW, Threads, register

#: What has been typed -> what the next answer must lead to.
STATES = {
    "at the name": ((), NEW, "Be kind."),
    "asked whether they are new": (NEW[:1], NEW[1:], "Be kind."),
    "choosing a password": (NEW[:2], NEW[2:], "Be kind."),
    "repeating it": (NEW[:3], NEW[3:], "Be kind."),
    "at the password": (("ann",), (PASSWORD,), "Be kind."),
    "after a wrong password": (("ann", "wrong horse"), ("ann", PASSWORD), "Be kind."),
    "after two wrong ones": (("ann", "wrong", "ann", "wrong"), ("ann", "wrong"), "Goodbye!"),
    "a guest": (("guest",), ("hi",), "Guest-1 says v2: hi"),
    "logged in": (("ann", PASSWORD), ("hi",), "Ann says v2: hi"),
}


@pytest.mark.parametrize("state", STATES)
def test_a_person_stays_where_they_are(talker, state):
    """With all that they had said, and on the new code."""
    before, after, seen = STATES[state]
    talker.account("Ann")
    person = talker.person()
    person.types(*before)
    hidden = person.transport.hidden
    person.new_text()
    report = talker.reload()
    assert person.new_text() == ""
    assert person.transport.hidden == hidden
    assert "still referred to" not in str(report)
    person.types(*after)
    talker.wait(1)
    assert person.sees(seen)
    assert person.screen.count("Welcome v") == 1


@pytest.mark.parametrize("state", STATES)
def test_a_broken_edit_changes_nothing(talker, state):
    """Whatever fails: the import, or the carrying."""
    before, after, seen = STATES[state]
    talker.account("Ann")
    person = talker.person()
    person.types(*before)
    person.new_text()
    for broken in ("1 / 0", "syntax error", None):
        text = (lambda old: old + "\nclass Throttle(User): pass\n") if broken is None else broken
        assert not talker.app.reload(talker=text).ok
    assert person.new_text() == ""
    person.types(*after)
    talker.wait(1)
    assert person.sees(seen.replace("v2", "v1"))


@pytest.mark.parametrize(
    "state", [state for state in STATES if state not in ("a guest", "logged in")]
)
def test_nobody_is_logged_in_by_a_reload(talker, state):
    """R8: who was a stranger is one."""
    talker.account("Ann")
    person = talker.person()
    person.types(*STATES[state][0])
    for old, new in (("v1", "v2"), ("v2", "v3")):
        talker.reload(old, new)
    assert person.client.user is None
    assert talker.users.online() == []


def test_the_steps_of_the_new_code_are_asked(talker):
    """A question that has just been written is asked of whoever has not come to it yet."""
    person = talker.person()
    person.types(*NEW[:3])
    report = talker.app.reload(
        talker=lambda text: text.replace(
            '    motd = "Be kind."\n',
            """    motd = "Be kind."

    def registered(self):
        return self.ask_pronouns

    @step("Pronouns? ")
    def ask_pronouns(self, line):
        self.user.pronouns = line
        return self.enter()
""",
        )
    )
    assert report.ok
    person.types(NEW[3])
    talker.wait(1)
    assert person.sees("Pronouns? ")
    talker.app.reload(talker=lambda text: text + "\n")
    person.types("she")
    assert talker.user("bob").pronouns.subject == "she"
    assert person.sees("Be kind.")


def test_a_dialogue_whose_class_is_gone_is_replaced_at_the_next_connection(talker):
    """The application has gone back to the usual login."""
    person = talker.person()
    report = talker.app.reload(
        talker=lambda text: text.replace("class Login(", "class Other(").replace(
            "login=Login, ", ""
        )
    )
    assert report.ok, str(report)
    assert "a dialogue of it is ended" in str(report)
    person.hangs_up()
    assert talker.person().screen == "What is your name (or guest)? "


def test_the_time_to_log_in_runs_on(talker):
    """R7: to the second."""
    person = talker.person()
    talker.wait(100)
    talker.reload()
    talker.wait(19)
    assert not person.transport.closed
    talker.wait(2)
    assert person.sees("You took too long to log in.")


def test_throttled_people_wait_as_long_as_they_had_to(talker):
    """And are then let in, by the new code; the failures are remembered."""
    talker.account("Ann")
    talker.account("Bob")
    throttle = talker.users.throttle
    for _ in range(8):
        throttle.try_login("bob", "192.0.2.1", familiar=False)
        throttle.failed("bob", "192.0.2.1", familiar=False)
    person = talker.login("bob")
    assert person.sees("wait 15 seconds")
    talker.wait(5)
    assert_survives_reload(talker.service, throttle)
    report = talker.reload("Be kind.", "Be good.")
    assert talker.users.throttle.failures
    talker.wait(9)
    assert not person.sees("Be good.")
    talker.wait(2)
    assert person.sees("Be good.")
    assert talker.user("bob").client is person.client
    assert "still referred to" not in str(report)
    assert talker.login("ann").sees("Please wait")


def test_a_password_that_is_being_checked(talker, monkeypatch):
    """The answer of the thread comes after the reload, and lets in the user's next self."""
    talker.account("Bob")
    threads = Threads(talker.service, monkeypatch)
    person = talker.login("bob")
    monkeypatch.undo()
    talker.reload("Be kind.", "Be good.")
    threads.finish()
    talker.wait(1)
    assert person.sees("Be good.")
    assert talker.user("bob").client is person.client
    assert person.client.user is talker.user("bob")


def test_an_account_that_is_being_saved(talker):
    """It is made once, and its owner comes in; a reload waits until what is being saved is safe."""
    person = talker.person()
    person.types(*NEW)
    talker.reload("Be kind.", "Be good.")
    talker.wait(1)
    assert person.sees("Be kind.")
    assert talker.user("bob").client is person.client


@pytest.mark.parametrize("typed", [(), (PASSWORD,), (PASSWORD, "another horse")])
def test_changing_a_password(talker, typed):
    """At each of its steps."""
    talker.account("Bob")
    person = talker.login("bob")
    person.client.start_dialogue(ChangePassword())
    lines = (PASSWORD, "another horse", "another horse")
    person.types(*typed)
    talker.reload()
    person.types(*lines[len(typed) :])
    talker.wait(1)
    assert person.sees("Your password has been changed.")
    assert talker.user("bob").check_password("another horse").result is True


def test_away_roles_pronouns_and_all_the_rest(talker):
    """Every field of an account."""
    register(talker)
    bob = talker.user("bob")
    bob.go_away("lunch")
    bob.pronouns = "xe/xem/xyr/xemself"
    bob.grant("moderator")
    bob.ignored = {"ann"}
    new = assert_survives_reload(talker.service, bob)
    assert new.away_text() == "away: lunch"
    assert new.has_permission("ban")
    assert str(new.pronouns) == "xe/xem/xyr/xemself"


def test_one_generation_is_alive_after_many(talker):
    """R4: with everybody in some state, no old code stays."""
    talker.account("Ann")
    for before, _, _ in STATES.values():
        talker.person(f"192.0.2.{len(talker.service.clients)}:1").types(*before)
    talker.account("Bob")
    lost = talker.login("bob", address="203.0.113.1:1")
    lost.hangs_up()
    modules = []
    for number in range(1, 11):
        modules.append(weakref.ref(sys.modules[f"{talker.app.name}.talker"]))
        talker.reload(f"v{number}", f"v{number + 1}")
    talker.wait(0.1)
    gc.collect()
    assert [ref() for ref in modules] == [None] * len(modules)
    assert talker.user("bob").link_lost
