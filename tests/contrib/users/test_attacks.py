"""Statements 34 to 43 of the reliability notes, as far as they are about accounts: what happens."""

from __future__ import annotations

import json
import sys
import traceback

import pytest
from twisted.python.failure import Failure

from cletus.contrib.users.login import TRIES_MAX
from cletus.contrib.users.throttle import ADDRESS
from tests.contrib.users.conftest import PASSWORD
from tests.contrib.users.test_login import NEW, register

CANARY = "canary-7f3a-in-a-mine"
HOME = "203.0.113.9:4000"


class Guesser:
    """Somebody who guesses as fast as they are let, on new connections if need be."""

    def __init__(self, talker, address, name="bob"):
        self._talker, self._address, self._name = talker, address, name
        self.person = talker.person(address)
        self.guesses = 0

    def guess(self):
        if self.person.transport.closed:
            self.person.hangs_up()
            self.person = self._talker.person(self._address)
        asks_password = self.person.screen.rstrip().endswith("Your password?")
        self.person.types(*(() if asks_password else (self._name,)), f"guess {self.guesses}")
        self.guesses += 1


@pytest.fixture
def checks(talker, monkeypatch):
    """When a password of Bob's was really checked."""
    seen = []
    check = talker.user_cls._check_password

    async def counting(self, password):
        seen.append((talker.clock.seconds(), password))
        return await check(self, password)

    monkeypatch.setattr(talker.user_cls, "_check_password", counting)
    return seen


# -- guessing -----------------------------------------------------------------------------------


def test_a_thousand_guesses_from_one_address(talker, checks, logged):
    """Very few are checked, and the owner at another address does not even wait."""
    talker.account("Bob")
    guesser = Guesser(talker, "192.0.2.66:1")
    for _ in range(1000):
        guesser.guess()
        talker.clock.advance(0.5)
    minutes = talker.clock.seconds() / 60
    assert len(checks) <= ADDRESS.free + 7 + minutes * 1.1
    assert talker.login("bob", address=HOME).sees("Be kind.")
    assert any("failed logins for address 192.0.2.66" in line for line in logged)


def test_many_connections_of_one_address_guess_no_faster(talker, checks):
    """Their tries stand in one line."""
    talker.account("Bob")
    guessers = [Guesser(talker, f"192.0.2.66:{n}") for n in range(20)]
    for _ in range(30):
        for guesser in guessers:
            guesser.guess()
        talker.clock.advance(2)
    assert len(checks) <= ADDRESS.free + 7 + 1.1


def test_a_thousand_guesses_from_a_hundred_addresses(talker, checks):
    """The owner still gets in: at once where they have been before, elsewhere within half a minute."""
    talker.account("Bob")
    at_home = talker.login("bob", address=HOME)
    at_home.types("quit")
    at_home.hangs_up()
    talker.wait(3600)
    checks.clear()
    guessers = [Guesser(talker, f"198.51.{n}.7:1") for n in range(100)]
    for _ in range(10):
        for guesser in guessers:
            guesser.guess()
        talker.clock.advance(1)
    tried = len(checks)
    owner = talker.login("bob", address=HOME)
    assert owner.sees("Be kind.")
    owner.types("quit")
    owner.hangs_up()
    elsewhere = talker.login("bob", address="203.0.113.77:1")
    assert elsewhere.sees("wait 30 seconds")
    assert not elsewhere.transport.closed
    talker.wait(31)
    assert elsewhere.sees("Be kind.")
    assert (
        tried < 700
    )  # the free ones of each address; a minute later each has one more in a minute


def test_in_the_long_run_an_address_has_a_guess_a_minute(talker, checks):
    """Whatever it does."""
    talker.account("Bob")
    guesser = Guesser(talker, "192.0.2.66:1")
    for _ in range(300):
        guesser.guess()
        talker.clock.advance(1)
    checks.clear()
    for _ in range(1200):
        guesser.guess()
        talker.clock.advance(1)
    assert len(checks) <= 21


def test_an_own_account_does_not_make_guessing_cheaper(talker, checks):
    """Logging in to it between the guesses takes back no failure."""
    talker.account("Bob")
    talker.account("Mallory")
    for _ in range(10):
        talker.login("bob", "a guess").hangs_up()
        talker.login("mallory").hangs_up()
    guesses = [one for one in checks if one[1] == "a guess"]
    assert len(guesses) <= ADDRESS.free + 1


def test_a_guess_is_one_try_of_three(talker):
    """Then the connection is closed."""
    talker.account("Bob")
    person = talker.login("bob", "guess 0")
    for number in range(1, TRIES_MAX):
        person.types("bob", f"guess {number}")
    assert person.transport.closed


def test_nobody_is_locked_out(talker):
    """The account has no state that an attacker could leave it in."""
    talker.account("Bob")
    guesser = Guesser(talker, "192.0.2.66:1")
    for _ in range(200):
        guesser.guess()
        talker.clock.advance(1)
    assert talker.user_cls.manager.peek("bob").password is not None
    assert talker.login("bob", address=HOME).sees("Be kind.")


ATTACKS = {
    "a neighbour of the owner guesses": ["203.0.113.9:1"] * 4,
    "an address sprays over many accounts": ["203.0.113.9:2"] * 4,
    "a hundred addresses guess": [f"198.51.{n}.7:1" for n in range(100)],
    "the /64s of a /48 guess": [f"[2001:db8:9:{n:x}::7]:1" for n in range(100)],
    "neighbours begin to register": ["203.0.113.9:3"] * 19,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_owner_gets_in_at_the_first_try_within_5_seconds(talker, attack):
    """Issue 13: where they have been before, under each attack on passwords."""
    talker.account("Bob")
    for number in range(30):
        talker.account(f"Alder{chr(97 + number % 26)}{'x' * (number // 26)}")
    at_home = talker.login("bob", address=HOME)
    at_home.types("quit")
    at_home.hangs_up()
    names = {
        "an address sprays over many accounts": [f"alder{chr(97 + n)}" for n in range(26)],
    }.get(attack, ["bob"])
    if attack == "neighbours begin to register":
        for address in ATTACKS[attack]:
            talker.person(address).types("Cedarwick", "y")
    else:
        guessers = [
            Guesser(talker, address, names[n % len(names)])
            for n, address in enumerate(ATTACKS[attack])
        ]
        for second in range(30):
            for number, guesser in enumerate(guessers):
                guesser._name = names[(number + 7 * second) % len(names)]
                guesser.guess()
            talker.clock.advance(1)
    begun = talker.clock.seconds()
    owner = talker.login("bob", address=HOME)
    while not owner.sees("Be kind.") and talker.clock.seconds() - begun < 5:
        talker.clock.advance(0.5)
    assert owner.sees("Be kind.")


# -- floods -------------------------------------------------------------------------------------


def test_an_account_flood(talker):
    """So many accounts an hour from one address, then no more; others are not concerned."""
    names = ["Ab", "Cd", "Ef", "Gh", "Jk", "Mn", "Op", "Qr", "St", "Uv", "Wx", "Yz"]
    flood = [register(talker, name, "y", PASSWORD, PASSWORD) for name in names]
    assert len(talker.user_cls.manager.keys()) == 10
    assert flood[-1].sees("Too many new accounts from your address.")
    assert flood[-1].transport.closed
    assert register(talker, *NEW, address=HOME).sees("Be kind.")


def test_a_flood_of_strangers(talker):
    """So many of one address may be logging in; who is in does not count, who leaves makes room."""
    strangers = [talker.person(f"192.0.2.66:{n}") for n in range(21)]
    assert strangers[19].sees("What is your name")
    assert strangers[20].sees("Too many people are logging in from your address")
    assert strangers[20].transport.closed
    assert talker.person(HOME).sees("What is your name")
    strangers[0].hangs_up()
    assert talker.person("192.0.2.66:99").sees("What is your name")
    talker.account("Bob")
    strangers[1].types("bob", PASSWORD)
    assert talker.person("192.0.2.66:100").sees("What is your name")
    assert talker.person("192.0.2.66:101").sees("Too many people are logging in from your address")


def test_strangers_who_say_nothing_keep_no_neighbour_out(talker):
    """Who has typed nothing for ten seconds makes room, who has been silent longest first."""
    talker.account("Bob")
    strangers = [talker.person(f"192.0.2.66:{n}") for n in range(20)]
    talker.wait(9)
    assert talker.person("192.0.2.66:99").sees("Too many people are logging in from your address")
    strangers[0].types("alice")
    talker.wait(1)
    owner = talker.person("192.0.2.66:100")
    assert strangers[1].sees("Too many people are logging in from your address")
    assert strangers[1].transport.closed
    owner.types("bob", PASSWORD)
    assert talker.user_cls.manager.get_active("bob").is_online
    assert not strangers[0].transport.closed


def test_a_flood_of_strangers_is_still_counted_after_a_reload(talker):
    """Those who are here are known to the new code."""
    strangers = [talker.person(f"192.0.2.66:{n}") for n in range(20)]
    talker.reload()
    assert talker.person("192.0.2.66:99").sees("Too many people are logging in from your address")
    strangers[0].hangs_up()
    assert talker.person("192.0.2.66:100").sees("What is your name")


def test_no_limit_of_strangers(talk):
    """0 is none."""
    talker = talk(users_strangers_per_address=0)
    assert all(talker.person().sees("What is your name") for _ in range(50))


# -- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bоb", "воЬ", "rnary", "MARY", "Mаry", "lAN", "lan", "ΒΟΒ"])  # noqa: RUF001 - look-alikes
def test_look_alikes_of_somebodys_name(talker, name):
    """Whoever it is, online or saved, nobody can be mistaken for them."""
    for one in ("Bob", "Mary", "Ian"):
        talker.account(one)
    person = talker.person()
    text = person.types(name)
    assert "Create it" not in text


def test_look_alikes_of_somebody_who_has_just_come(talker):
    """The index of names learns of new ones, and is made anew after a reload."""
    register(talker)
    assert register(talker, "Coco", "y", PASSWORD, PASSWORD, address=HOME).sees("Be kind.")
    cyrillic = "\u0441\u043e\u0441\u043e"
    assert "looks too much like" in talker.person().types(cyrillic)
    talker.reload()
    assert "looks too much like" in talker.person().types(cyrillic)


def test_look_alikes_of_somebody_who_is_not_saved_yet(talker):
    """Being here is enough."""
    talker.user_cls("mary", name="Mary")
    assert "looks too much like" in talker.person().types("rnary")


def test_a_name_is_free_again_when_its_owner_is_gone(talker):
    """With all that looks like it."""
    talker.account("Mary")
    assert "looks too much like" in talker.person().types("rnary")
    talker.user_cls.manager.delete("mary")
    assert "There is no account called rnary" in talker.person().types("rnary")


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/tmp/x",
        "a\\b",
        "CON.",
        "~root",
        "user/bob",
        ".",
        "..",
        "bob.json",
        "\0",
    ],
)
def test_a_name_that_is_a_path(talker, name):
    """It is no name, and nothing is looked for outside the store."""
    person = talker.person()
    assert "letters" in person.types(name)
    assert talker.user_cls.manager.keys() == []


@pytest.mark.parametrize(
    "name",
    [
        "\x1b[31mbob",
        "\x1b]0;x\x07bob",
        "[red]bob",
        "bob\r\nann",
        "b\u202eob",
        "b\u200bob",
        "\x9b2J",
    ],
)
def test_colours_markup_and_control_characters_in_a_name(talker, name, logged):
    """Nobody is called so, nothing of it reaches a screen or is a line of the log."""
    person, other = talker.person(), talker.person(HOME)
    other.types("guest")
    person.types(name)
    for text in (person.screen, other.screen, "".join(logged)):
        assert not set(text) & set("\x1b\x07\x9b\u202e\u200b\r")
    assert all(line.count("\n") == 1 for line in logged)


# -- races --------------------------------------------------------------------------------------


def test_one_account_from_ten_connections_at_once(talker):
    """One of them has it in the end, the others are told and closed; there is one user object."""
    talker.account("Bob")
    people = [talker.person(f"192.0.2.1:{n}") for n in range(10)]
    for line in ("bob", PASSWORD):
        for person in people:
            person.client.line_received(line)
    talker.wait(200)
    for person in people:
        person.types("hello")
    connected = [person for person in people if not person.transport.closed]
    assert len(connected) == 1
    user = talker.user("bob")
    assert user.client is connected[0].client
    assert [client.user for client in talker.service.clients] == [user]
    assert connected[0].sees("Bob says v1: hello")
    assert not any(one.sees("Bob says v1: hello") for one in people if one is not connected[0])


def test_two_registering_one_name_at_once(talker):
    """The quicker one has it; the other is told, and asked for another."""
    one, two = talker.person(), talker.person(HOME)
    for line in NEW[:-1]:
        one.types(line)
        two.types(line)
    two.types(PASSWORD)
    assert "Somebody has just taken that name." in one.types(PASSWORD)
    talker.wait(1)
    assert talker.user("bob").client is two.client
    one.types("Ann", "y", PASSWORD, PASSWORD)
    talker.wait(1)
    assert talker.user("ann").client is one.client


def test_two_registering_names_that_look_alike_at_once(talker):
    """The same."""
    one, two = talker.person(), talker.person(HOME)
    for person, name in ((one, "Mary"), (two, "Rnary")):
        person.types(name, "y", PASSWORD)
    one.types(PASSWORD)
    assert "Somebody has just taken that name." in two.types(PASSWORD)


def test_registering_a_name_that_is_made_otherwise_meanwhile(talker):
    """An admin has made the account on another way: it is not overwritten."""
    person = talker.person()
    person.types("Bob", "y", PASSWORD)
    admins = talker.account("Bob", "made by an admin").password
    assert "Somebody has just taken that name." in person.types(PASSWORD)
    assert talker.user_cls.manager.peek("bob").password == admins


# -- passwords ----------------------------------------------------------------------------------


def test_a_password_is_nowhere_but_in_its_hash(talker, logged, monkeypatch, tmp_path):
    """No log, traceback, screen, document, repr or carried state has it; nor when the code fails."""
    person = talker.person()
    person.types("Bob", "y", CANARY)
    talker.reload()
    person.types(CANARY)
    talker.wait(1)
    other = talker.login("bob", CANARY, address=HOME)
    monkeypatch.setattr(talker.user_cls, "_check_password", broken)
    talker.login("bob", CANARY, address="203.0.113.10:1")
    person.types("mood x")
    everything = [person.screen, other.screen, *logged]
    everything += [
        repr(one) for one in (talker.user("bob"), person.client, vars(talker.user("bob")))
    ]
    everything += [repr(talker.user("bob").to_dict(session=True))]
    assert any("broken on purpose" in text for text in everything)
    for text in everything:
        assert CANARY not in text
    assert talker.user("bob").password.startswith("$argon2id$")


async def broken(self, password):
    raise RuntimeError("broken on purpose")


def test_no_error_of_ours_repeats_a_password(talker):
    """Not even where it is what is wrong."""
    user = talker.account("Bob")
    failures = []
    user.set_password(CANARY * 1000).addErrback(failures.append)
    for failure in failures:
        assert isinstance(failure, Failure)
        assert CANARY not in failure.getTraceback()
        assert CANARY not in "".join(traceback.format_exception(failure.value))
    assert failures
    assert sys.exc_info() == (None, None, None)


def test_there_is_no_account_to_begin_with(talker):
    """And no password that opens one."""
    assert talker.user_cls.manager.all() == {}
    for name in ("admin", "root", "guest-1"):
        person = talker.person()
        person.types(name, "admin", "password")
        assert not person.sees("Be kind.")


def test_a_document_without_a_password_lets_nobody_in(talker):
    """Somebody may have taken it out by hand."""
    user = talker.account("Bob")
    data = json.loads(user.to_json())
    del data["password"]
    talker.service.session.writer.write("user", "bob", json.dumps(data).encode())
    for password in ("", "None", "null", PASSWORD):
        person = talker.login("bob", password)
        assert not person.sees("Be kind.")
