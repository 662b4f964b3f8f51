"""Bans: by name and address, for a time or for good."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from twisted.internet.defer import fail

from cletus import events
from cletus.errors import Refused, StorageError

HOUR = timedelta(hours=1)


@pytest.fixture
def bans(talker):
    return talker.users.bans


def test_a_banned_name_is_told_after_the_password(talker, bans):
    """And not before: strangers are told nothing about others. The connection is closed."""
    talker.account("Bob")
    bans.ban("BOB", by="ann", reason="shouting")
    person = talker.login("bob", "wrong")
    assert not person.sees("banned")
    person.types("bob", "correct horse")
    assert person.sees("You are banned: shouting.")
    assert person.transport.closed
    assert talker.user("bob") is None or not talker.user("bob").is_online


@pytest.mark.parametrize("how", ["name", "address", "at once"])
def test_a_ban_is_told_in_the_language_of_the_person(talk, how):
    talker = talk(language="de")
    talker.account("Bob")
    if how == "address":
        talker.users.bans.ban("192.0.2.1")
    elif how == "name":
        talker.users.bans.ban("bob")
    person = talker.person("192.0.2.1:4000")
    if how == "at once":
        talker.users.ban("192.0.2.1")
    elif how == "name":
        person.types("bob", "correct horse")
    assert person.sees("Du bist gesperrt.")


def test_a_banned_name_cannot_be_registered(talker, bans):
    """Whether it is somebody's or not."""
    bans.ban("Bob")
    person = talker.person()
    assert "That name is banned." in person.types("bob")


@pytest.mark.parametrize(
    ("banned", "address"),
    [
        ("192.0.2.1", "192.0.2.1:4000"),
        ("192.0.2.0/24", "192.0.2.77:1"),
        ("2001:db8::/32", "[2001:db8:1::7]:4000"),
        ("2001:db8::7", "[2001:db8::7]:4000"),
        ("192.0.2.1", "[::ffff:192.0.2.1]:4000"),
    ],
)
def test_a_banned_address_does_not_come_in(talker, bans, banned, address):
    """It is told why, and asked for nothing."""
    bans.ban(banned, reason="spam")
    person = talker.person(address)
    assert person.screen == "You are banned: spam.\n"
    assert person.transport.closed


@pytest.mark.parametrize(
    "address", ["192.0.3.1:4000", "[2001:db9::1]:4000", "memory", "[fe80::1%0]:1"]
)
def test_other_addresses_do(talker, bans, address):
    """A ban is no wider than it says."""
    bans.ban("192.0.2.0/24")
    bans.ban("2001:db8::/32")
    assert talker.person(address).sees("What is your name")


def test_a_ban_ends(talker, bans):
    """And is removed when somebody looks."""
    talker.account("Bob")
    bans.ban("bob", duration=HOUR)
    assert talker.login("bob").sees("banned until 2030-01-01 01:00 UTC")
    talker.wait(3601)
    assert talker.login("bob").sees("Be kind.")
    talker.wait(60)
    assert list(bans) == []
    assert bans._ban_cls.manager.keys() == []


def test_bans_are_listed_with_what_they_are_about(bans):
    """For the admins who have to lift them."""
    bans.ban("Bob", by="ann", reason="shouting")
    bans.ban("192.0.2.7")
    bans.ban("192.0.2.0/24", duration=HOUR)
    assert [ban.target for ban in bans] == ["bob", "192.0.2.7", "192.0.2.0/24"]
    assert next(iter(bans)).by == "ann"


def test_a_second_ban_replaces_the_first(bans):
    """As one who changes their mind expects."""
    bans.ban("bob")
    bans.ban("Bob", duration=HOUR, reason="again")
    (ban,) = bans
    assert ban.reason == "again"
    assert ban.until is not None


def test_unban(talker, bans):
    """They can come in again at once."""
    talker.account("Bob")
    bans.ban("bob")
    assert bans.unban("BOB")
    assert not bans.unban("bob")
    assert not bans.unban("192.0.2.1")
    assert talker.login("bob").sees("Be kind.")


@pytest.mark.parametrize(
    "whom", ["../bob", "", "bob bob", "0.0.0.0/0", "::/0", "1.2.3.4/99", "\x1b[2J"]
)
def test_what_is_neither_a_name_nor_an_address_is_refused(bans, whom):
    """Nor can everybody be banned by a slip of the hand."""
    with pytest.raises(Refused):
        bans.ban(whom)
    assert list(bans) == []


def test_bans_are_read_at_the_start(talker, bans):
    """Before the first connection, and asking for one reads no file."""
    bans.ban("192.0.2.1")
    manager = bans._ban_cls.manager
    for ban in list(bans):
        manager.remove_active(ban)
    assert bans.of_address("192.0.2.1:1") is None
    talker.service.fire(events.PreStart(talker.service))
    assert bans.of_address("192.0.2.1:1") is not None


def test_a_ban_survives_a_reload(talker, bans):
    """With its end."""
    bans.ban("192.0.2.1", duration=HOUR)
    talker.reload()
    assert talker.person("192.0.2.1:1").sees("You are banned until")
    talker.wait(3601)
    assert talker.person("192.0.2.1:1").sees("What is your name")


def test_a_ban_ends_on_time(talker, bans):
    """Not only when the next sweep removes it."""
    bans.ban("bob", duration=timedelta(seconds=30))
    talker.clock.advance(29)
    assert bans.of_name("bob") is not None
    talker.clock.advance(2)
    assert bans.of_name("bob") is None


def test_whoever_is_banned_and_here_has_to_go(talker):
    """By name, whether their link is lost or not; others stay."""
    for name in ("Bob", "Cas", "Dot"):
        talker.account(name)
    bob, cas, dot = (talker.login(name) for name in ("Bob", "Cas", "Dot"))
    cas.hangs_up()
    for name in ("bob", "cas"):
        talker.users.ban(name, reason="shouting")
    assert bob.screen.endswith("You are banned: shouting.\n")
    assert bob.transport.closed
    assert [str(user) for user in talker.users.online()] == ["Dot"]
    assert not dot.transport.closed


def test_with_a_network_all_who_have_come_from_there_have_to_go(talker):
    """Also those who have not logged in yet; the strangers of other addresses stay."""
    talker.account("Bob")
    bob = talker.login("Bob", address="198.51.100.7:4000")
    stranger, other = talker.person("198.51.100.8:4000"), talker.person("192.0.2.1:1")
    talker.users.ban("198.51.100.0/24", duration=HOUR)
    assert bob.transport.closed
    assert stranger.transport.closed
    assert "You are banned until 2030-01-01 01:00 UTC." in stranger.screen
    assert not other.transport.closed
    assert talker.users.online() == []


def test_a_time_beyond_all_dates_is_refused(bans):
    """``cletus user ban --for 999999w`` was a traceback."""
    with pytest.raises(Refused, match="too long"):
        bans.ban("Bob", duration=timedelta(weeks=999_999))
    assert list(bans) == []


def test_a_damaged_ban_hinders_no_other(talker, bans, logged):
    """It is logged, and all others are in force after the start."""
    for name in ("ann", "bob", "eve"):
        bans.ban(name)
    manager, writer = talker.app.store("ban").manager, talker.service.session.writer
    writer.flush()
    for ban in list(manager.active().values()):
        manager.remove_active(ban)
    key = writer.keys("ban")[0]
    writer.write("ban", key, b"{")
    talker.service.fire(events.PreStart(talker.service))
    assert len(list(bans)) == 2
    assert list(manager.unreadable()) == [key]
    assert any(f"ban {key!r} cannot be read" in line for line in logged)


def test_a_ban_does_not_wait_for_the_disk(talker, bans, monkeypatch):
    """It is in force at once, and saved soon, as everything of a running talker."""
    writer = talker.service.session.writer
    monkeypatch.setattr(writer, "write", lambda *_: pytest.fail("it waits for the disk"))
    ban = bans.ban("bob")
    assert bans.of_name("bob") is ban
    assert writer.pending == 1
    writer.flush()
    assert writer.keys("ban") == [ban.key]


def test_a_ban_that_cannot_be_saved_is_in_force_and_told(talker, bans, monkeypatch, logged):
    """Until the service stops; the log says so."""
    monkeypatch.setattr(
        talker.app.store("ban"), "save_soon", lambda _: fail(StorageError("no space left"))
    )
    ban = bans.ban("bob")
    assert bans.of_name("bob") is ban
    assert any("<Ban 'name-bob'> was not saved: no space left" in line for line in logged)


def test_nobody_puts_themself_out(talker):
    """By a slip, the only admin would be locked out of their own service."""
    talker.account("Ann")
    ann = talker.login("Ann", address="198.51.100.7:4000")
    for whom in ("ann", " ANN ", "198.51.100.7", "198.51.0.0/16", "::ffff:198.51.100.7"):
        with pytest.raises(Refused, match="include you"):
            talker.users.ban(whom, by="ann")
    assert list(talker.users.bans) == []
    for whom in ("198.51.101.0/24", "2001:db8::/32", "mallory"):
        talker.users.ban(whom, by="ann")
    assert not ann.transport.closed


@pytest.mark.parametrize("network", ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/7", "::/0", "2000::/15"])
def test_half_of_the_internet_is_refused_like_all_of_it(talker, network):
    with pytest.raises(Refused, match="too many addresses"):
        talker.users.bans.ban(network)
    assert list(talker.users.bans) == []


@pytest.fixture
def ranks(talker):
    """A moderator, an admin and somebody without a role, all online."""
    people = {}
    for name, address, role in (
        ("Kim", "203.0.113.7:1", "moderator"),
        ("Rita", "198.51.100.9:1", "admin"),
        ("Bob", "192.0.2.9:1", None),
    ):
        talker.account(name, roles={role} if role else set())
        people[name] = talker.login(name, address=address)
    return people


@pytest.mark.parametrize("whom", ["rita", "Rita", "198.51.100.9", "198.51.0.0/16"])
def test_who_may_do_less_cannot_ban_who_may_do_more(talker, ranks, whom):
    with pytest.raises(Refused, match="Rita ranks above you"):
        talker.users.ban(whom, by="kim", reason="bye")
    assert ranks["Rita"].client.connected
    assert list(talker.users.bans) == []


def test_equals_and_others_can_be_banned(talker, ranks):
    talker.users.ban("bob", by="kim")
    assert not ranks["Bob"].client.connected
    talker.users.ban("kim", by="rita")
    assert not ranks["Kim"].client.connected


def test_the_only_admin_is_not_banned_by_anybody(talker, ranks):
    with pytest.raises(Refused, match="Rita is the only admin"):
        talker.users.ban("rita")
    talker.account("Tess", roles={"admin"})
    talker.users.ban("rita", by="tess")
    assert not ranks["Rita"].client.connected


def test_a_ban_that_begins_in_the_future_begins_now(bans, monkeypatch):
    """The clock was an hour ahead when it was made: the ban does not take an hour longer for that."""
    now = bans._now()
    monkeypatch.setattr(bans, "_now", lambda: now + HOUR)
    ban = bans.ban("mallory", duration=HOUR)
    type(ban).manager.remove(ban)
    monkeypatch.setattr(bans, "_now", lambda: now)
    bans.load()
    (loaded,) = bans
    assert (loaded.since, loaded.until) == (now, now + HOUR)


def test_a_ban_takes_as_long_as_it_was_made_for_however_the_clock_is_set(bans, monkeypatch):
    """It is set while the service runs, by a year ahead when the ban is made, and back again."""
    now, clock = bans._now(), bans._ban_cls.service.clock

    def set_clock(ahead):
        monkeypatch.setattr(bans, "_now", lambda: now + ahead)
        monkeypatch.setattr(clock, "now", lambda: clock.seconds() + ahead.total_seconds())

    set_clock(8760 * HOUR)
    ban = bans.ban("mallory", duration=HOUR)
    for step in (8760 * HOUR, 0 * HOUR, -5 * HOUR, 10**6 * HOUR, 0 * HOUR):
        set_clock(step)
        assert bans.of_name("mallory").ends == bans._now() + HOUR
    assert f"until {now + HOUR:%Y-%m-%d %H:%M} UTC" in ban.text_for(None)
    monkeypatch.setattr(bans, "_now", lambda: now + HOUR)
    assert list(bans) == []


def test_a_ban_of_somebody_with_two_names_holds_for_both(talker):
    """They have been renamed, and log in by the old name, too."""
    talker.account("Bob")
    bob = talker.login("bob").client.user
    bob.name = "Robert"
    bob.save()
    talker.users.ban("robert")
    assert bob.client is None
    for name in ("robert", "bob"):
        assert talker.login(name).sees("You are banned")


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("9999-12-31T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2600-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_dates_that_no_calendar_has_keep_no_other_ban_from_being_loaded(talker, bans, since, until):
    """As people write them into files; an error while bans are loaded would let all who are banned in."""
    stored = bans.ban("192.0.2.7")
    stored.since, stored.until = datetime.fromisoformat(since), datetime.fromisoformat(until)
    for ban in (stored, bans.ban("192.0.2.8")):
        ban.save()
        type(ban).manager.remove(ban)
    bans.load()
    assert bans.of_address("192.0.2.8:4000") is not None


def test_a_ban_until_the_last_hour_of_the_last_year_is_told(talker, bans):
    bans.ban("192.0.2.7").until = datetime.fromisoformat("9999-12-31T23:59:59-14:00")
    assert talker.person("192.0.2.7:4000").sees("You are banned until 9999-12-31 23:59")
