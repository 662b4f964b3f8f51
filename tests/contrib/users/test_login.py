"""Logging in: a name, then a new account or a password."""

from __future__ import annotations

import textwrap

import pytest
from twisted.internet.defer import Deferred

from cletus.contrib.users import hashing
from cletus.contrib.users.login import NAMES_MAX, TRIES_MAX
from cletus.errors import StoreFull
from cletus.storage.backends.memory import Memory
from tests.contrib.users.conftest import PASSWORD, TALKER, Talker

NEW = ("Bob", "y", PASSWORD, PASSWORD)


def register(talker, *answers, address="192.0.2.1:4000"):
    person = talker.person(address)
    person.types(*(answers or NEW))
    talker.wait(1)
    return person


# -- accounts -----------------------------------------------------------------------------------


def test_a_new_account(talker):
    """A name that nobody has, twice the same password, and they are in; it is saved."""
    person = talker.person()
    assert person.screen == "Welcome v1\nWhat is your name (or guest)? "
    assert "There is no account called Bob. Create it (y/n)? " in person.types("Bob")
    assert "Choose a password: " in person.types("y")
    assert "Type it again" in person.types(PASSWORD)
    person.types(PASSWORD)
    talker.wait(1)
    assert person.sees("Be kind.")
    bob = talker.user("bob")
    assert bob.client is person.client
    assert person.client.user is bob
    assert (bob.name, bob.key) == ("Bob", "bob")
    assert talker.user_cls.manager.keys() == ["bob"]


def test_passwords_are_not_shown(talker):
    """The terminal is asked to hide each of them, and to show everything else."""
    person = talker.person()
    hidden = []
    for line in NEW:
        hidden.append(person.transport.hidden)
        person.types(line)
    talker.wait(1)
    assert hidden == [False, False, True, True]
    assert not person.transport.hidden


def test_who_does_not_want_an_account_is_asked_again(talker):
    """And who says neither yes nor no as well."""
    person = talker.person()
    person.types("Bbo")
    assert "There is no account called Bbo" in person.types("what?")
    assert "What is your name" in person.types("n")


def test_two_different_passwords(talker):
    """They choose again, but not for ever."""
    person = talker.person()
    person.types("Bob", "y")
    for attempt in range(TRIES_MAX):
        person.types(PASSWORD)
        assert ("passwords differ" in person.types("another horse")) == (attempt < TRIES_MAX - 1)
    assert person.transport.closed


def test_a_password_that_cannot_be_one(talker):
    """It is said why, and asked again."""
    person = talker.person()
    person.types("Bob", "y")
    assert "too short" in person.types("short")
    assert "Choose a password" in person.types("aaaaaaaaaaa")
    assert "Type it again" in person.types(PASSWORD)


def test_a_name_that_cannot_be_one(talker):
    """It is said why, and asked again, and only so often."""
    person = talker.person()
    assert "only letters" in person.types("../bob")
    assert "reserved" in person.types("lantern")
    for _ in range(NAMES_MAX):
        person.types("x")
    assert person.sees("Too many names")
    assert person.transport.closed


def test_an_account_logs_in(talker):
    """In any case of letters, and the document is loaded."""
    talker.account("Bob", pronouns="he")
    person = talker.login("bOB")
    assert person.sees("Be kind.")
    assert talker.user("bob").pronouns.subject == "he"
    assert talker.user("bob").visits == 1


def test_a_wrong_password(talker):
    """Three of them, and the connection is closed."""
    talker.account("Bob")
    person = talker.person()
    for attempt in range(TRIES_MAX):
        text = person.types("bob", "wrong horse")
        assert ("Wrong password." in text) == (attempt < TRIES_MAX - 1)
    assert person.transport.closed
    assert talker.user("bob") is None


def test_asking_for_a_name_loads_nobody(talker):
    """Else strangers could fill the memory with everybody's accounts."""
    talker.account("Bob")
    talker.person().types("bob", "wrong horse")
    assert talker.user("bob") is None


def test_a_document_that_cannot_be_read_hinders_nobody_else(talker, logged):
    """The person is told that something went wrong, and can give another name."""
    talker.account("Bob")
    talker.account("Ann")
    talker.service.session.writer.write("user", "bob", b"{broken")
    person = talker.person()
    assert talker.service.settings.error_notice in person.types("bob")
    person.types("ann", PASSWORD)
    assert person.sees("Be kind.")


def test_an_account_that_cannot_be_saved(talker, logged, monkeypatch):
    """Nobody is told that they have an account which is on no disk."""
    user_cls = talker.user_cls

    def full(self, **_):
        answer = Deferred()
        answer.errback(StoreFull("user", self.key, "no space", action="save"))
        return answer

    monkeypatch.setattr(user_cls, "save_soon", full)
    person = talker.person()
    text = person.types(*NEW)
    assert talker.service.settings.error_notice in text
    assert not person.sees("Be kind.")
    assert talker.user("bob") is None
    monkeypatch.undo()
    person.types(PASSWORD)
    talker.wait(1)
    assert talker.user("bob").client is person.client


def test_an_account_that_could_not_be_saved_is_not_saved_later(talker, log, monkeypatch):
    """They have been told that it was not, and choose its name again."""
    write, full = Memory.write, [True]

    def refuse(self, store, key, data):
        if full:
            raise StoreFull(store, key, "No space left on device", action="save")
        write(self, store, key, data)

    monkeypatch.setattr(Memory, "write", refuse)
    person = register(talker)
    talker.wait(1)
    assert talker.service.settings.error_notice in person.screen
    assert len(log.take_failures()) >= 1
    full.clear()
    talker.wait(120)
    assert talker.user_cls.manager.keys() == []
    person = register(talker)
    talker.wait(1)
    assert talker.user("bob").client is person.client


def test_typing_ahead(talker):
    """All answers at once, as scripts send them, and the first command after them."""
    talker.account("Bob")
    person = talker.person()
    for line in ("bob", PASSWORD, "hello"):
        person.client.line_received(line)
    talker.wait(1)
    assert person.sees("Bob says v1: hello")


# -- reconnecting -------------------------------------------------------------------------------


def test_a_second_connection_takes_over(talker):
    """The first is told and closed; what the session knows stays; nobody sees a leaving."""
    talker.account("Bob")
    talker.account("Ann")
    ann, old = talker.login("ann"), talker.login("bob")
    old.types("mood merry")
    bob = talker.user("bob")
    new = talker.login("bob")
    assert old.sees("You have logged in from another connection. This one is closed.")
    assert old.transport.closed
    old.hangs_up()
    assert talker.user("bob") is bob
    assert bob.client is new.client
    assert bob.mood == "merry"
    assert bob.visits == 1
    assert new.sees("Welcome back, Bob.")
    assert not new.sees("Be kind.")
    assert ann.sees("Bob is back.")
    assert not ann.sees("leaves")


def test_a_wrong_password_takes_nothing_over(talker):
    """Whoever is there does not even notice."""
    talker.account("Bob")
    bob = talker.login("bob")
    bob.new_text()
    talker.login("bob", "wrong horse")
    assert bob.new_text() == ""
    assert not bob.transport.closed


# -- guests -------------------------------------------------------------------------------------


def test_guests_come_in_and_leave_nothing(talker):
    """Each has a name of their own, which is no account."""
    one, two = talker.person(), talker.person()
    one.types("guest")
    two.types("GUEST", "hello")
    assert one.sees("Guest-2 says v1: hello")
    assert talker.user_cls.manager.get_active_by_name("guest-1").client is one.client
    two.types("quit")
    talker.wait(1)
    assert set(talker.app.active("guest")) == {"guest-1"}
    assert talker.user_cls.manager.keys() == []


def test_nobody_can_log_in_as_somebodys_guest(talker):
    """A guest is no account."""
    talker.person().types("guest")
    person = talker.person()
    assert "only letters" in person.types("Guest-1")


def test_guests_only_where_they_are_wanted(run):
    """Without a class of guests it is a reserved name."""
    talker = Talker(run(talker=TALKER.replace("guest=Guest, ", "")))
    person = talker.person()
    assert person.sees("What is your name? ")
    assert "reserved" in person.types("guest")


# -- closed houses ------------------------------------------------------------------------------


def test_without_registration_an_unknown_name_looks_like_a_wrong_password(run):
    """Same questions, same answers."""
    text = textwrap.dedent(TALKER).replace(
        'banner = "Welcome v1"', 'banner = "Welcome v1"; registration = False'
    )
    talker = Talker(run(talker=text))
    talker.account("Bob")
    known, unknown, nonsense = (talker.person(f"192.0.2.{n}:1") for n in range(3))
    for _ in range(TRIES_MAX):
        known.types("bob", "wrong horse")
        unknown.types("ann", "wrong horse")
        nonsense.types("../x", "wrong horse")
    assert known.screen == unknown.screen == nonsense.screen
    assert known.transport.closed


@pytest.mark.parametrize(("wait", "words"), [(0.4, "1 second."), (7, "7 seconds.")])
def test_a_delay_is_told_in_seconds(talker, monkeypatch, wait, words):
    talker.account("Bob")
    monkeypatch.setattr(talker.users.throttle, "try_login", lambda *_args, **_options: wait)
    assert talker.login("bob").sees(f"Please wait {words}")
    monkeypatch.setattr(talker.users.throttle, "try_login", lambda *_args, **_options: -wait)
    assert talker.login("bob").sees(f"Try again in {words}")


# -- time ---------------------------------------------------------------------------------------


def test_who_takes_too_long_is_closed(talker):
    """Wherever they are in the dialogue."""
    quiet, slow = talker.person(), talker.person()
    talker.wait(60)
    slow.types("Bob", "y")
    talker.wait(59)
    assert not slow.transport.closed
    talker.wait(2)
    assert slow.sees("You took too long to log in. Goodbye!")
    assert slow.transport.closed
    assert quiet.transport.closed


def test_who_is_in_has_all_the_time(talker):
    """The limit is about strangers."""
    talker.account("Bob")
    person = talker.login("bob")
    talker.wait(500)
    assert not person.transport.closed


def test_no_limit(talk):
    """0 is none."""
    talker = talk(users_login_time=0)
    person = talker.person()
    talker.wait(10_000)
    assert not person.transport.closed


# -- leaving in the middle ----------------------------------------------------------------------


class Threads:
    """Hashes that are made when the test says so."""

    def __init__(self, service, monkeypatch):
        self._waiting = []
        monkeypatch.setattr(
            type(service), "run_in_thread", lambda _, *args, **__: self._later(*args)
        )

    def _later(self, call, *args):
        done = Deferred()
        self._waiting.append((done, call, args))
        return done

    def finish(self):
        while self._waiting:
            done, call, args = self._waiting.pop(0)
            done.callback(call(*args))


def test_who_leaves_while_their_password_is_checked_is_not_logged_in(talker, monkeypatch):
    """Nor waited for: nobody was there."""
    talker.account("Bob")
    threads = Threads(talker.service, monkeypatch)
    person = talker.login("bob")
    person.hangs_up()
    threads.finish()
    talker.wait(5)
    assert talker.user("bob") is None or not talker.user("bob").is_online
    assert talker.service.clients == ()


def test_a_dead_connection_takes_nothing_over(talker, monkeypatch):
    """Its password is checked after that of the living one."""
    talker.account("Bob")
    living = talker.login("bob")
    threads = Threads(talker.service, monkeypatch)
    dying = talker.login("bob")
    dying.hangs_up()
    threads.finish()
    talker.wait(5)
    assert talker.user("bob").client is living.client
    assert not living.transport.closed


def test_who_leaves_before_the_last_question_has_an_account_and_is_not_here(run):
    """A subclass may ask more when the account has been made."""
    text = textwrap.dedent(TALKER).replace(
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
    talker = Talker(run(talker=text))
    person = register(talker)
    assert person.sees("Pronouns? ")
    person.hangs_up()
    assert talker.user("bob") is None
    again = talker.login("bob")
    assert again.sees("Be kind.")
    other = register(talker, "Ann", "y", PASSWORD, PASSWORD)
    assert "Choose they, she" in other.types("nonsense")
    other.types("she")
    assert talker.user("ann").pronouns.subject == "she"
    assert other.sees("Be kind.")


# -- many at once -------------------------------------------------------------------------------


def test_when_too_many_wait_the_next_is_asked_to_try_again(talker, monkeypatch):
    """It costs them no try."""
    talker.account("Bob")
    monkeypatch.setattr(hashing, "WAITING_MAX", 0)
    threads = Threads(talker.service, monkeypatch)
    busy = [talker.login("bob", address=f"198.51.100.{n}:1") for n in range(hashing.AT_ONCE)]
    late = talker.login("bob")
    assert late.sees("Many people are logging in.")
    assert not any("192.0.2.1" in what for what in talker.users.throttle.failures)
    assert not late.transport.closed
    threads.finish()
    late.types(PASSWORD)
    threads.finish()
    talker.wait(1)
    assert talker.user("bob").client is late.client
    assert all(person.transport.closed for person in busy)


@pytest.mark.parametrize("answer", ["", "   "])
def test_an_empty_name_is_asked_again(talker, answer):
    """And is no try."""
    person = talker.person()
    for _ in range(NAMES_MAX * 2):
        person.types(answer)
    assert not person.transport.closed
