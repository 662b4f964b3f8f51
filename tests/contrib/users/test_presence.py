"""Being here: a broken connection keeps its user for a while, and a reconnect finds everything."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from cletus import events
from cletus.errors import StoreFull
from cletus.storage.backends.memory import Memory
from cletus.testing import assert_survives_reload

GRACE = 120


@pytest.fixture
def ann(talker):
    talker.account("Ann")
    return talker.login("ann", address="198.51.100.1:1")


@pytest.fixture
def bob(talker, ann):
    talker.account("Bob")
    return talker.login("bob")


def test_a_broken_connection_keeps_its_user(talker, ann, bob):
    """They are online to others, without a client."""
    bob.types("mood merry")
    user = talker.user("bob")
    bob.hangs_up("connection lost")
    assert talker.user("bob") is user
    assert user.link_lost
    assert user.is_online
    assert user.client is None
    assert ann.sees("Bob has lost the link.")
    assert not ann.sees("leaves")
    assert talker.user_cls.manager.get_active_by_name("Bob") is user
    assert user in talker.users.online()


def test_a_reconnect_finds_everything_and_what_was_missed(talker, ann, bob):
    """In the order in which it was said."""
    bob.types("mood merry")
    bob.hangs_up("connection lost")
    ann.types("hello?", "are you there?")
    talker.user("bob").write("a tell")
    talker.wait(GRACE - 1)
    again = talker.login("bob")
    assert again.screen.endswith(
        "Welcome back, Bob.\nYou missed:\nAnn says v1: hello?\nAnn says v1: are you there?\na tell\n"
    )
    user = talker.user("bob")
    assert user.mood == "merry"
    assert user.client is again.client
    assert user.visits == 1
    assert ann.sees("Bob is back.")
    talker.wait(GRACE * 2)
    assert user.is_online
    assert not ann.sees("leaves")


def test_who_does_not_come_back_leaves(talker, ann, bob):
    """Once, after the grace; what they missed is forgotten with them."""
    bob.hangs_up("connection lost")
    ann.types("hello?")
    user = talker.user("bob")
    talker.wait(GRACE + 1)
    assert ann.screen.count("Bob leaves: did not return.") == 1
    assert talker.user("bob") is None
    assert user.missed == []
    assert not talker.login("bob").sees("Meanwhile")


def test_each_break_has_its_own_grace(talker, ann, bob):
    """Not what was left of the last one."""
    bob.hangs_up()
    talker.wait(100)
    again = talker.login("bob")
    again.hangs_up()
    talker.wait(100)
    assert talker.user("bob").is_online
    talker.wait(21)
    assert talker.user("bob") is None


@pytest.mark.parametrize("line", ["quit", "close"])
def test_who_goes_on_purpose_is_gone(talker, ann, bob, line):
    """By themself, or closed by the application: nobody waits for them."""
    bob.types(line)
    talker.wait(1)
    assert ann.sees("Bob leaves")
    assert not ann.sees("lost the link")
    assert talker.user("bob") is None
    assert bob.transport.closed


def test_a_slow_reader_is_waited_for(talker, ann, bob):
    """It is their line that is bad."""
    bob.client.abort("slow reader")
    bob.hangs_up()
    assert talker.user("bob").link_lost


def test_no_grace(talk):
    """0 is none."""
    talker = talk(linkdead_timeout=0)
    talker.account("Bob")
    bob = talker.login("bob")
    bob.hangs_up()
    assert talker.user("bob") is None


def test_the_end_of_the_service_is_no_broken_connection(talker, ann, bob):
    """Everybody is saved and nobody is waited for."""
    done = []
    talker.service.stop().addCallback(done.append)
    for person in (ann, bob):
        person.hangs_up("service stopped")
    talker.wait(5)
    assert done
    assert not any(user.is_online for user in talker.app.active("user").values())


def test_a_line_that_breaks_while_the_service_stops_is_not_waited_for(talker, ann, bob):
    """Nobody will be there to come back to."""
    goodbyes = Deferred()

    async def say_goodbye(_):
        await goodbyes

    talker.service.listen(events.PreStop)(say_goodbye)
    talker.service.stop()
    bob.hangs_up("connection lost")
    assert talker.user("bob") is None
    goodbyes.callback(None)


def test_nobody_waits_for_a_guest(talker, ann):
    """They have no password, so they could not come back."""
    guest = talker.person()
    guest.types("guest")
    guest.hangs_up("connection lost")
    assert talker.app.active("guest") == {}
    assert ann.sees("Guest-1 leaves: connection lost.")


def test_what_was_not_saved_is_saved_when_the_link_breaks(talker, bob):
    """A crash during the grace loses nothing."""
    talker.user("bob").origins = ["somewhere"]
    bob.hangs_up()
    talker.wait(1)
    assert talker.user_cls.manager.saved()["bob"].origins == ["somewhere"]


def test_leaving_twice_is_leaving_once(talker, ann, bob):
    """A command and the closing of its connection both say so."""
    user = talker.user("bob")
    user.grace_over()
    assert user.client is bob.client
    user.leave()
    user.leave()
    user.grace_over()
    bob.hangs_up()
    assert ann.screen.count("Bob leaves") == 1


def test_a_listener_that_brings_them_back_wins(talker, ann, bob):
    """``LoggedOut`` may be answered by letting them in again."""
    from cletus.contrib.users import LoggedOut

    other = talker.person()

    def undo(event):
        event.user.arrive(other.client)

    talker.service.listen(LoggedOut)(undo)
    user = talker.user("bob")
    user.leave()
    assert user.client is other.client
    assert talker.user("bob") is user


# -- reloads ------------------------------------------------------------------------------------


def test_link_dead_survives_a_reload(talker, ann, bob):
    """With what was missed, and with exactly the time that was left."""
    bob.types("mood merry")
    bob.hangs_up()
    ann.types("before")
    talker.wait(GRACE - 20)
    assert_survives_reload(talker.service, talker.user("bob"))
    talker.reload()
    ann.types("after")
    user = talker.user("bob")
    assert user.missed == ["Ann says v1: before", "Ann says v2: after"]
    talker.wait(18)
    assert user.is_online
    again = talker.login("bob")
    assert again.sees("Ann says v1: before\nAnn says v2: after\n")
    assert talker.user("bob").mood == "merry"


def test_the_grace_ends_after_a_reload_too(talker, ann, bob):
    """Once, by the new code."""
    bob.hangs_up()
    talker.wait(GRACE - 20)
    report = talker.reload("leaves:", "departs:")
    assert "still referred to" not in str(report)
    talker.wait(21)
    assert ann.screen.count("Bob departs: did not return.") == 1
    assert talker.user("bob") is None
    assert ann.client.user is talker.user("ann")


def test_a_broken_edit_changes_nothing_for_the_link_dead(talker, ann, bob):
    """Their time goes on, too."""
    bob.hangs_up()
    talker.wait(60)
    assert not talker.app.reload(talker="import nothing_of_the_kind").ok
    ann.types("hello?")
    talker.wait(59)
    assert talker.user("bob").missed == ["Ann says v1: hello?"]
    talker.wait(2)
    assert talker.user("bob") is None


def test_taking_over_after_a_reload(talker, ann, bob):
    """The old connection is that of the user's next self."""
    talker.reload()
    new = talker.login("bob")
    assert bob.transport.closed
    assert talker.user("bob").client is new.client


def test_who_changed_what_could_not_be_saved_is_told_and_told_again(talker, bob, monkeypatch):
    """Once each, though it is tried again and again."""
    full = [True]
    write = Memory.write

    def refuse(self, store, key, data):
        if full[0]:
            raise StoreFull(store, key, "No space left on device", action="save")
        write(self, store, key, data)

    monkeypatch.setattr(Memory, "write", refuse)
    user = talker.user("bob")
    user.origins = ["somewhere"]
    user.save_when_possible()
    talker.wait(1)
    user.save_when_possible()
    talker.wait(20)
    assert bob.screen.count("What you changed could not be saved yet. It is tried again.") == 1
    full[0] = False
    talker.wait(61)
    assert bob.screen.count("What you changed is saved now.") == 1
    assert talker.user_cls.manager.saved()["bob"].origins == ["somewhere"]
