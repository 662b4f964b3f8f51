"""``Users``: finding those who are online, writing to them, and what is registered by it."""

from __future__ import annotations

import pytest

from cletus import events
from cletus.contrib.users import write_users
from cletus.errors import NameRefused
from tests.contrib.users.conftest import TALKER, Talker


@pytest.fixture
def crowd(talker):
    """Ann and Bob are here, Cas has lost the link, a guest and a stranger."""
    people = {}
    for name in ("Ann", "Bob", "Cas"):
        talker.account(name)
        people[name] = talker.login(name)
    people["Cas"].hangs_up()
    people["guest"], people["stranger"] = talker.person(), talker.person()
    people["guest"].types("guest")
    for person in people.values():
        person.new_text()
    return people


def test_who_is_online(talker, crowd):
    """Guests come last; strangers are nobody."""
    assert [str(user) for user in talker.users.online()] == ["Ann", "Bob", "Cas", "Guest-1"]


def test_everybody_online_is_written_to(talker, crowd):
    """Those whose link is lost see it later, strangers never."""
    talker.users.write_all("one", "two")
    assert crowd["Ann"].new_text() == "one\ntwo\n"
    assert crowd["guest"].new_text() == "one\ntwo\n"
    assert crowd["stranger"].new_text() == ""
    assert talker.user("cas").missed[-2:] == ["one", "two"]


def test_some_are_left_out(talker, crowd):
    """One, several, or by a filter."""
    ann, bob, cas = (talker.user(key) for key in ("ann", "bob", "cas"))
    talker.users.write_all("x", exclude=ann)
    talker.users.write_all("y", exclude=[ann, cas])
    talker.users.write_all("z", filter=lambda user: user is not bob)
    assert crowd["Ann"].new_text() == "z\n"
    assert crowd["Bob"].new_text() == "x\ny\n"
    assert cas.missed[-2:] == ["x", "z"]
    write_users([bob], "only")
    write_users([bob])
    assert crowd["Bob"].new_text() == "only\n\n"


def test_a_broadcast_is_encoded_once(talker, crowd, monkeypatch):
    """Not once for each user."""
    calls = []
    encoder = crowd["Ann"].client.encoder
    encode = type(encoder).encode
    monkeypatch.setattr(
        type(encoder), "encode", lambda self, text: calls.append(text) or encode(self, text)
    )
    talker.users.write_all("hello")
    assert calls == ["hello\n"]


def test_users_are_found_by_name(talker, crowd):
    """In any case; guests, too."""
    manager = talker.user_cls.manager
    assert manager.get_by_username(" ANN ") is talker.user("ann")
    assert manager.get_active_by_name("cas") is talker.user("cas")
    assert manager.get_by_username("guest-1") is talker.app.active("guest")["guest-1"]
    assert manager.get_by_username("nobody") is None
    assert manager.get_by_username("../x") is None
    assert manager.get_active_by_name("../x") is None


def test_an_account_that_is_offline_is_saved_and_not_active(talker, crowd):
    """So it is found by ``get_by_username`` alone."""
    crowd["Bob"].types("quit")
    talker.wait(1)
    manager = talker.user_cls.manager
    assert manager.get_active_by_name("bob") is None
    assert manager.peek("bob").name == "Bob"
    assert talker.user("bob") is None
    assert manager.get_by_username("bob").name == "Bob"


def test_events_of_clients_know_the_user(talker, crowd):
    """``event.user``."""
    heard = []
    talker.service.listen(events.Receive)(lambda event: heard.append(event.user))
    crowd["Ann"].types("hi")
    assert heard == [talker.user("ann")]


def test_names_are_checked_for_whoever_asks(talker):
    """Commands that rename may, too."""
    talker.account("Bob")
    failures = []
    assert talker.users.check_name("Ann").result == "Ann"
    for name in ("bob", "lantern", "x"):
        talker.users.check_name(name).addErrback(failures.append)
    assert [failure.type for failure in failures] == [NameRefused] * 3


def test_an_application_may_begin_the_login_itself(run):
    """With ``login=None``."""
    talker = Talker(run(talker=TALKER.replace("login=Login", "login=None")))
    talker.account("Bob")
    person = talker.person()
    assert person.screen == ""
    person.client.start_dialogue(talker.users.login_dialogue())
    assert "What is your name" in person.new_text()


def test_the_plainest_application(run):
    """Two lines, and people log in."""
    talker = Talker(
        run(
            talker="""
    from cletus.contrib.users import BaseAccount, Users
    from APP.core import service

    class User(BaseAccount):
        service = service

    users = Users(service, User)
    """
        )
    )
    person = talker.person()
    person.types("Bob", "y", "correct horse", "correct horse")
    talker.wait(1)
    assert talker.user("bob").client is person.client
    assert talker.reload("users = ", "people = users = ").ok


def test_a_hundred_thousand_names_are_learnt_once(talker, monkeypatch):
    """In a thread, and afterwards no name costs more than a look-up."""
    from cletus.contrib.users import users as module

    calls = []
    index_skeletons = module.index_skeletons
    monkeypatch.setattr(
        module, "index_skeletons", lambda keys: calls.append(len(keys)) or index_skeletons(keys)
    )
    for name in ("Ann", "Bob"):
        talker.account(name)
    for name in ("Cas", "Dan", "Eve"):
        assert talker.users.check_name(name).result == name
    assert calls == [2]
