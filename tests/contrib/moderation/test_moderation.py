"""What moderators do, what is known of it, and that each state of it survives a reload."""

from __future__ import annotations

import pytest

from cletus.testing import assert_survives_reload

APPLICATION = """
    from datetime import UTC, datetime

    from cletus import Service, events
    from cletus.contrib.channels import BaseChannel
    from cletus.contrib.commands import CommandRegistry, Rest
    from cletus.contrib.moderation import JailMixin, Moderation, register_commands, report
    from cletus.contrib.rooms import BaseRoom, OccupantMixin, RoomManager
    from cletus.contrib.users import EVERYTHING, BaseAccount, LoggedIn, LoggedOut, Users, UserManager
    from cletus.storage import TempStoreMixin

    service = Service()
    commands = CommandRegistry(service)

    class Room(BaseRoom):
        service = service
        manager = RoomManager()

    class Channel(BaseChannel):
        service = service

    class User(JailMixin, OccupantMixin, BaseAccount):
        service = service
        manager = UserManager()
        ROLES = {"admin": EVERYTHING, "keeper": {"ban"}}

    class Guest(TempStoreMixin, User):
        pass

    users = Users(
        service, User, guest=Guest, login=None,
        now=lambda: datetime.fromtimestamp(service.clock.now(), UTC),
    )
    moderation = Moderation(users, jail="cell", start="inn")
    register_commands(commands.group("Keepers"))
    commands.register(report)

    Room("inn", name="The inn", exits={"north": "attic"})
    Room("attic", name="The attic")
    Room("cell", name="The cell", exits={"out": "inn"})

    @service.listen(LoggedIn)
    def logged_in(event):
        event.user.enter_room(event.user.room or Room.manager.get("inn"))

    @service.listen(LoggedOut)
    def logged_out(event):
        event.user.leave_room()

    @commands.register
    def say(event, text: Rest):
        event.user.say(text)

    @commands.register
    def go(event, way: str):
        event.user.go(way)

    @service.listen(events.Receive)
    def receive(event):
        if event.user is None:
            name, _, role = event.data.partition(" ")
            user = users.new_guest() if name == "guest" else (
                User.manager.get(name) or User(name, name=name.capitalize())
            )
            if role:
                user.grant(role)
            user.save_when_possible()
            user.arrive(event.client)
            return None
        return commands.run(event, event.data)
"""


class Hall:
    """Ann is an admin, Kim is a keeper, Bob and Eve are people."""

    def __init__(self, app):
        self.app = app
        for name in ("ann admin", "kim keeper", "bob", "eve"):
            person = app.person()
            person.says(name)
            setattr(self, name.split()[0], person)

    @property
    def moderation(self):
        return self.app.store("user").moderation

    def user(self, key):
        return self.app.active("user").get(key)

    def login(self, name, address=""):
        person = self.app.person(address=address)
        person.says(name)
        return person


@pytest.fixture
def hall(app):
    return Hall(app)


# -- kick, hush, ban ------------------------------------------------------------------------------


def test_who_is_kicked_is_told_and_may_come_back(hall, log):
    assert hall.kim.says("kick bob calm down").endswith("Bob is kicked.\n")
    assert "You are kicked: calm down." in hall.bob.transcript
    assert not hall.bob.connected
    assert hall.login("bob").connected
    assert any(line.startswith("kicked: bob, by") and "calm down" in line for line in log.lines)


@pytest.mark.parametrize("command", ["kick ann", "hush ann", "jail ann", "ban ann 1h"])
def test_a_keeper_does_nothing_to_somebody_who_ranks_above_them(hall, command):
    assert hall.kim.says(command) == "Ann ranks above you.\n"
    assert hall.ann.connected
    assert hall.moderation.record.entries == []


@pytest.mark.parametrize("command", ["kick kim", "hush me", "jail kim", "ban kim 1h"])
def test_nobody_does_it_to_themselves(hall, command):
    assert "yourself" in hall.kim.says(command) or "include you" in hall.kim.transcript
    assert hall.moderation.record.entries == []


@pytest.mark.parametrize(
    "command", ["kick bob", "hush bob", "jail bob", "ban bob 1h", "record", "reports", "history"]
)
def test_others_have_no_such_commands(hall, command):
    assert "There is no command" in hall.eve.says(command)


@pytest.mark.parametrize(
    ("command", "undo"),
    [("hush bob 1h", "unhush bob"), ("jail bob 1h", "release bob"), ("ban bob 1h", "unban bob")],
)
def test_a_keeper_does_not_undo_what_an_admin_has_decided(hall, command, undo):
    hall.ann.says(command)
    assert hall.kim.says(undo) == "Ann ranks above you.\n"
    assert hall.ann.says(undo).splitlines()[-1] in (
        "Bob is no longer hushed.",
        "Bob is released.",
        "bob is no longer banned.",
    )


@pytest.mark.parametrize("command", ["hush bob", "jail bob", "ban bob"])
def test_a_keeper_does_not_shorten_what_an_admin_has_decided(hall, command):
    """An act takes the place of an earlier one of its kind: one of a second would end it."""
    hall.ann.says(f"{command} 10d")
    assert hall.kim.says(f"{command} 1s") == "Ann ranks above you.\n"
    assert "is " in hall.ann.says(f"{command} 1s"), "an admin may"
    hall.ann.waits(2)
    hall.login("bob")
    assert " is " in hall.kim.says(f"{command} 1h"), "it is over"


def test_a_hush_is_told_and_ended(hall):
    hall.kim.says("hush bob 5m shouting")
    assert "You are hushed until" in hall.bob.says("say hello")
    assert "hello" not in hall.eve.transcript
    hall.kim.says("unhush bob")
    hall.bob.says("say hello")
    assert "Bob says: hello" in hall.eve.transcript


def test_a_ban_keeps_out_and_is_ended(hall):
    hall.kim.says("ban bob 1h spam")
    assert not hall.bob.connected
    assert hall.moderation.users.bans.of_name("bob").reason == "spam"
    assert hall.kim.says("unban bob") == "bob is no longer banned.\n"
    assert hall.kim.says("unban bob") == "bob is not banned.\n"


def test_who_is_not_here_is_not_kicked(hall):
    hall.bob.says("say bye")
    hall.user("bob").leave()
    assert hall.kim.says("kick bob").endswith("Bob is not here.\n")


# -- jail -----------------------------------------------------------------------------------------


def room_of(hall, key):
    return hall.user(key).room.key


def test_who_is_jailed_stays_in_the_jail_and_goes_back_when_it_is_over(hall):
    hall.bob.says("go north")
    assert hall.kim.says("jail bob 10m fighting") == "Bob is jailed.\n"
    assert "You are jailed until" in hall.bob.transcript
    assert room_of(hall, "bob") == "cell"
    assert "You are jailed until" in hall.bob.says("go out")
    assert room_of(hall, "bob") == "cell"
    hall.bob.waits(661)
    assert "You are released." in hall.bob.transcript
    assert room_of(hall, "bob") == "attic"
    hall.bob.says("say free")
    assert hall.moderation.jail_of(hall.user("bob")) is None


def test_who_leaves_and_returns_is_in_jail_and_is_released_while_away(hall):
    hall.kim.says("jail bob 1h")
    hall.user("bob").leave()
    again = hall.login("bob")
    assert "The cell" in again.transcript
    hall.user("bob").leave()
    assert hall.kim.says("release bob") == "Bob is released.\n"
    assert hall.kim.says("release bob") == "Bob is not in jail.\n"
    assert "The inn" in hall.login("bob").transcript


def test_who_is_away_is_in_jail_from_the_next_login_on(hall):
    hall.user("bob").leave()
    hall.kim.says("jail bob 1h")
    assert "The cell" in hall.login("bob").transcript


def test_a_visitor_of_the_jail_is_free(hall):
    hall.kim.says("jail bob")
    hall.user("kim").enter_room(hall.moderation.jail_room)
    hall.kim.says("go out")
    assert room_of(hall, "kim") == "inn"


def test_a_jailed_guest_is_jailed_under_the_next_name(hall):
    guest = hall.login("guest", "198.51.100.1")
    hall.kim.says("jail guest-1 1h")
    assert "You are jailed" in guest.transcript
    again = hall.login("guest", "198.51.100.1")
    assert "The cell" in again.transcript
    assert "The inn" in hall.login("guest", "203.0.113.1").transcript


def test_who_was_jailed_in_a_room_that_is_gone_goes_to_the_start(hall):
    hall.bob.says("go north")
    hall.kim.says("jail bob")
    hall.app.active("room")["attic"].delete()
    hall.kim.says("release bob")
    assert room_of(hall, "bob") == "inn"


def test_the_next_account_of_the_name_is_free(hall):
    hall.kim.says("jail bob", "kick bob")
    hall.app.store("user").manager.delete("bob")
    assert "The inn" in hall.login("bob").transcript
    assert hall.kim.says("record bob") == "The record has nothing about that.\n"


def test_without_a_room_there_is_no_jail(hall):
    hall.app.active("room")["cell"].delete()
    assert hall.kim.says("jail bob") == "There is no jail.\n"


# -- record and reports ---------------------------------------------------------------------------


def test_the_record_says_who_did_what_to_whom(hall):
    hall.kim.says("hush bob 10m shouting", "unhush bob", "jail eve", "kick bob", "ban mallory 1h")
    hall.moderation.users.ban("192.0.2.200", by="ann")
    entries = [(e["by"], e["action"], e["target"]) for e in hall.moderation.record.entries]
    assert entries == [
        ("kim", "hushed", "bob"),
        ("kim", "unhushed", "bob"),
        ("kim", "jailed", "eve"),
        ("kim", "kicked", "bob"),
        ("kim", "banned", "mallory"),
        ("ann", "banned", "192.0.2.200"),
    ]
    text = hall.ann.says("record bob")
    assert "bob was hushed by kim until " in text
    assert ": shouting" in text
    assert "eve" not in text
    assert "eve was jailed by kim" in hall.ann.says("record kim")


def test_the_record_has_a_bound(hall, monkeypatch):
    monkeypatch.setattr(type(hall.moderation.record), "entries_max", 3)
    for number in range(5):
        hall.kim.says(f"ban mallory{number} 1h")
    targets = [entry["target"] for entry in hall.moderation.record.entries]
    assert targets == ["mallory2", "mallory3", "mallory4"]


def test_the_record_outlasts_the_service(hall, restart):
    hall.kim.says("hush bob 1h")
    hall.kim.waits(1)
    service = restart()
    record = service.session.stores["user"].moderation.record
    assert [entry["target"] for entry in record.entries] == ["bob"]


def test_people_report_others_and_moderators_settle_that(hall):
    hall.bob.says("say you fool")
    assert "Thank you" in hall.eve.says("report bob He is rude")
    assert "Report 1: Eve about Bob: He is rude" in hall.kim.transcript
    assert "Report" not in hall.bob.transcript
    assert hall.kim.says("reports") == "1: eve about Bob: He is rude\n"
    assert "The inn, Bob: you fool" in hall.kim.says("reports 1")
    assert hall.kim.says("settle 1 told him off") == "Report 1 is settled.\n"
    assert hall.kim.says("reports") == "No reports wait.\n"
    assert "settled by kim: eve: He is rude; told him off" in hall.ann.says("record bob")
    assert "no report 1" in hall.kim.says("settle 1")


def test_a_moderator_does_not_read_or_settle_what_is_about_them(hall):
    hall.bob.says("report kim unfair")
    assert hall.kim.says("reports") == "No reports wait.\n"
    assert "no report 1" in hall.kim.says("settle 1")
    assert "Report" not in hall.kim.transcript
    assert "unfair" in hall.ann.says("reports")


def test_reports_have_bounds(hall, monkeypatch):
    for number in range(5):
        hall.eve.says(f"report bob {number}")
    assert "have not been read" in hall.eve.says("report bob again")
    assert "up to 500 characters" in hall.bob.says("report eve " + "x" * 501)
    monkeypatch.setattr(hall.moderation._report_cls, "reports_max", 5)
    assert "Too many reports" in hall.bob.says("report eve one more")


def test_guests_and_newcomers_of_one_address_cannot_bury_the_reports_of_others(hall, monkeypatch):
    monkeypatch.setattr(hall.moderation._report_cls, "own_max", 2)
    for number in range(4):
        answer = hall.login("guest", "192.0.2.7").says(f"report bob {number}")
        assert ("Thank you" in answer) == (number < 2)
    hall.login("zoe", "192.0.2.7")
    hall.user("zoe").created = hall.moderation.users.now()
    assert "have not been read" in hall.login("zoe", "192.0.2.7").says("report bob again")
    assert "Thank you" in hall.login("guest", "192.0.2.8").says("report bob he shouts")
    assert "Thank you" in hall.eve.says("report bob he does")


def test_reports_outlast_the_service(hall, restart):
    hall.eve.says("report bob He is rude")
    hall.eve.waits(1)
    (report,) = restart().session.stores["user"].moderation.reports()
    assert (report.about, report.by, report.text) == ("bob", "eve", "He is rude")


# -- the chat history -----------------------------------------------------------------------------


def test_what_is_said_is_kept_and_people_are_told_so(hall):
    notice = "What is said here is kept for 1 day. Moderators can read it to settle disputes."
    assert notice in hall.eve.transcript
    hall.bob.says("say hello")
    channel = hall.app.store("channel").create("lamps", by=hall.user("eve"))
    channel.say(hall.user("eve"), "is it dark?")
    hall.moderation.history.note(hall.user("bob"), "to Ann", "psst")
    text = hall.kim.says("history")
    for line in ("The inn, Bob: hello", "lamps, Eve: is it dark?", "to Ann, Bob: psst"):
        assert line in text
    assert "Eve" not in hall.kim.says("history bob")
    assert "Bob" not in hall.kim.says("history lamps")


def test_reading_the_history_is_audited(hall, log):
    hall.kim.says("history bob")
    assert any(line.startswith("command used: history bob, by") for line in log.lines)


def test_the_history_has_a_bound_of_bytes_and_of_time(hall):
    history, bob = hall.moderation.history, hall.user("bob")
    hall.app.service.configure(moderation_history_bytes=5000, moderation_history_time=600.0)
    for _ in range(200):
        history.note(bob, "The inn", "x" * 100)
    assert history.size <= 5000
    assert 10 < len(history.lines) < 50
    hall.bob.waits(700)
    assert (history.lines, history.size) == ([], 0)


def test_nobody_can_push_the_lines_of_others_or_all_of_their_own_out_of_the_history(hall):
    history = hall.moderation.history
    hall.app.service.configure(moderation_history_bytes=5000)
    hall.bob.says("say you fool")
    hall.eve.says("say stop it")
    for number in range(200):
        history.note(hall.user("kim"), "The attic", f"{number} " + "x" * 100)
    assert [line["text"] for line in history.lines[:2]] == ["you fool", "stop it"]
    assert history.size <= 5000
    assert history.lines[-1]["text"].startswith("199 ")


@pytest.mark.parametrize("name", ["moderation_history_bytes", "moderation_history_time"])
def test_nothing_is_kept_without_a_history_and_nobody_is_told_that_it_is(hall, name):
    hall.app.service.configure(**{name: 0})
    hall.bob.says("say hello")
    assert hall.kim.says("history") == "The history has nothing of that.\n"
    assert "is kept" not in hall.login("zoe").transcript


def test_lines_of_a_deleted_account_are_not_those_of_the_next(hall):
    hall.bob.says("say hello")
    hall.user("bob").leave()
    hall.app.store("user").manager.delete("bob")
    hall.login("bob")
    hall.eve.says("report bob who was that")
    assert hall.moderation.reports()[0].lines == []


def test_times_are_shown_in_the_moderator_s_zone(hall):
    hall.bob.says("say hello")
    hall.user("kim").prefer("time_zone", "Asia/Tokyo")
    utc, tokyo = hall.ann.says("history bob"), hall.kim.says("history bob")
    assert utc != tokyo


# -- reloads --------------------------------------------------------------------------------------


def test_every_state_survives_a_reload(hall):
    hall.bob.says("say hello", "go north")
    hall.kim.says("jail bob 10m", "hush eve 10m", "ban mallory 1h")
    hall.eve.says("report bob He is rude")
    assert_survives_reload(hall.app.service)
    assert "You are jailed until" in hall.bob.says("go out")
    assert "You are hushed" in hall.eve.says("say hello")
    assert hall.kim.says("reports") == "1: eve about Bob: He is rude\n"
    assert "The inn, Bob: hello" in hall.kim.says("history")
    assert "mallory was banned by kim" in hall.kim.says("record")
    hall.bob.waits(661)
    assert room_of(hall, "bob") == "attic"
    hall.eve.says("say free")
    assert "free" in hall.kim.says("history eve")


def test_a_refused_reload_changes_nothing(hall, log):
    hall.kim.says("jail bob 10m")
    assert not hall.app.reload(lambda text: text + "\nraise ValueError").ok
    assert "You are jailed" in hall.bob.says("go out")
    assert len(hall.moderation.record.entries) == 1
    log.take_failures()


def test_a_jail_needs_its_mixin(hall):
    class NoJail:
        pass

    class FakeUsers:
        user = NoJail

    with pytest.raises(ValueError, match="NoJail needs JailMixin"):
        type(hall.moderation)(FakeUsers, jail="cell")
