"""Who hears what on a channel, and who rules it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from cletus.errors import Refused
from cletus.testing import assert_survives_reload

APPLICATION = """
    from cletus import Service, events
    from cletus.contrib.channels import BaseChannel
    from cletus.contrib.users import BaseUser
    from cletus.storage import Field

    service = Service()

    class Channel(BaseChannel):
        service = service

    class User(BaseUser):
        service = service
        deaf_to = Field(set, session=True)

        def ignores(self, other):
            return other.key in self.deaf_to

    @service.listen(events.Receive)
    def receive(event):
        if event.user is None:
            User(event.data, name=event.data.capitalize()).log_in(event.client)
        else:
            Channel.manager.get("lamp").say(event.user, event.data)
"""


@pytest.fixture
def app(app, clock):
    app.clock = clock
    for name in ("ann", "bob", "cid"):
        person = app.person()
        person.says(name)
        setattr(app, name, person)
    app.lamp = app.store("channel")("lamp", name="Lamp", topic="Light.", moderators={"ann"})
    app.lamp.join(user(app, "ann"))
    app.lamp.join(user(app, "bob"))
    for person in (app.ann, app.bob, app.cid):
        person.reads()
    return app


def user(app, name):
    return app.active("user")[name]


def test_members_hear_what_is_said_and_others_do_not(app):
    assert app.ann.says("hello") == "[Lamp] Ann: hello\n"
    assert app.bob.reads() == "[Lamp] Ann: hello\n"
    assert app.cid.reads() == ""


def test_who_has_not_joined_cannot_speak(app):
    with pytest.raises(Refused, match="Join Lamp first"):
        app.lamp.say(user(app, "cid"), "psst")


def test_who_joins_sees_the_topic_and_what_was_said_last(app):
    app.clock.advance(3600)
    for number in range(25):
        app.ann.says(f"line {number}")
        app.clock.advance(1)
    app.lamp.join(user(app, "cid"))
    lines = app.cid.reads().splitlines()
    assert lines[0] == "[Lamp] Light."
    assert len(lines) == 21
    assert lines[1] == "01:00 [Lamp] Ann: line 5"
    assert "[Lamp] Cid has joined." in app.ann.reads()


def test_joining_twice_and_leaving_twice_are_refused(app):
    bob = user(app, "bob")
    with pytest.raises(Refused, match="already"):
        app.lamp.join(bob)
    app.lamp.leave(bob)
    assert app.ann.reads() == "[Lamp] Bob has left.\n"
    with pytest.raises(Refused, match="not on"):
        app.lamp.leave(bob)


def test_who_ignores_the_speaker_hears_nothing_of_them(app):
    user(app, "bob").deaf_to.add("ann")
    app.ann.says("hello")
    assert app.bob.reads() == ""
    app.lamp.notify("The lamp flickers.")
    assert app.bob.reads() == "[Lamp] The lamp flickers.\n"


def test_a_private_channel_takes_only_those_whom_a_moderator_has_invited(app):
    ann, bob, cid = (user(app, name) for name in ("ann", "bob", "cid"))
    app.lamp.set_private(True, by=ann)
    assert not app.lamp.is_visible_to(cid)
    with pytest.raises(Refused, match="private"):
        app.lamp.join(cid)
    with pytest.raises(Refused, match="Only moderators"):
        app.lamp.invite(cid, by=bob)
    app.lamp.invite(cid, by=ann)
    assert app.cid.reads() == "Ann invites you to join Lamp.\n"
    app.lamp.join(cid)
    app.lamp.leave(cid)
    with pytest.raises(Refused, match="private"):
        app.lamp.join(cid)  # an invitation is for once


def test_on_an_open_channel_any_member_may_invite(app):
    bob, cid = user(app, "bob"), user(app, "cid")
    app.lamp.invite(cid, by=bob)
    with pytest.raises(Refused, match="Join Lamp first"):
        app.lamp.invite(bob, by=cid)


def test_only_moderators_rule(app):
    ann, bob = user(app, "ann"), user(app, "bob")
    for rule in (
        lambda: app.lamp.set_topic("x", by=bob),
        lambda: app.lamp.set_private(True, by=bob),
        lambda: app.lamp.kick(ann, by=bob),
        lambda: app.lamp.ban(ann, by=bob),
        lambda: app.lamp.unban(ann, by=bob),
        lambda: app.lamp.promote(bob, by=bob),
        lambda: app.lamp.demote(ann, by=bob),
    ):
        with pytest.raises(Refused, match="Only moderators"):
            rule()


def test_who_is_kicked_may_come_back_and_who_is_banned_may_not(app):
    ann, bob = user(app, "ann"), user(app, "bob")
    app.lamp.kick(bob, by=ann)
    assert app.bob.reads() == "Ann has removed you from Lamp.\n"
    app.lamp.join(bob)
    app.lamp.ban(bob, by=ann)
    assert not app.lamp.has(bob)
    with pytest.raises(Refused, match="banned"):
        app.lamp.join(bob)
    with pytest.raises(Refused, match="banned"):
        app.lamp.invite(bob, by=ann)
    app.lamp.unban(bob, by=ann)
    app.lamp.join(bob)


def test_moderators_are_made_and_unmade_but_one_remains(app):
    ann, bob = user(app, "ann"), user(app, "bob")
    with pytest.raises(Refused, match="needs a moderator"):
        app.lamp.demote(ann, by=ann)
    app.lamp.promote(bob, by=ann)
    with pytest.raises(Refused, match="is a moderator"):
        app.lamp.ban(bob, by=ann)
    app.lamp.demote(ann, by=bob)
    assert app.lamp.moderators == {"bob"}


def test_a_topic_is_of_limited_length(app):
    app.lamp.set_topic("x" * 5000, by=user(app, "ann"))
    assert len(app.lamp.topic) == 200


def test_what_changes_for_good_is_saved(app):
    app.lamp.set_topic("Shadow.", by=user(app, "ann"))
    app.clock.advance(1)
    again = app.store("channel").manager.saved()["lamp"]
    assert (again.topic, again.members) == ("Shadow.", {"ann", "bob"})
    assert again.history == []


def test_members_who_are_offline_stay_members(app):
    app.bob.hangs_up()
    user(app, "bob").log_out()
    assert [one.key for one in app.lamp.online()] == ["ann"]
    assert "bob" in app.lamp.members


def test_a_channel_survives_a_reload_with_what_was_said(app):
    app.ann.says("before")
    assert_survives_reload(app.service, app.lamp)
    report = app.reload(lambda text: text + "\n# edited\n")
    assert report.ok
    app.bob.reads()
    app.ann.says("after")
    assert app.bob.reads() == "[Lamp] Ann: after\n"
    assert [text for _, _, text, _ in app.active("channel")["lamp"].history] == ["before", "after"]


def test_everybody_is_told_what_has_come_of_their_word(app):
    """Who leaves or invites, and who rules a channel without being on it, sees that it is done."""
    ann, bob, cid = (user(app, name) for name in ("ann", "bob", "cid"))
    app.lamp.invite(cid, by=ann)
    assert app.ann.reads() == "You have invited Cid to Lamp.\n"
    app.lamp.leave(ann)
    assert app.ann.reads() == "[Lamp] You have left.\n"
    for rule, answer in (
        (lambda: app.lamp.set_topic("Oil", by=ann), "[Lamp] Ann has changed the topic to: Oil\n"),
        (lambda: app.lamp.set_private(True, by=ann), "[Lamp] The channel is now private.\n"),
        (lambda: app.lamp.promote(cid, by=ann), "[Lamp] Cid is now a moderator.\n"),
        (lambda: app.lamp.demote(cid, by=ann), "[Lamp] Cid is no longer a moderator.\n"),
        (lambda: app.lamp.kick(bob, by=ann), "[Lamp] Ann has removed Bob.\n"),
        (lambda: app.lamp.ban(cid, by=ann), "You have banned Cid from Lamp.\n"),
        (lambda: app.lamp.unban(cid, by=ann), "Cid is no longer banned from Lamp.\n"),
    ):
        rule()
        assert app.ann.reads() == answer


def test_who_is_there_already_or_does_not_listen_is_not_invited(app):
    ann, bob, cid = (user(app, name) for name in ("ann", "bob", "cid"))
    with pytest.raises(Refused, match="already"):
        app.lamp.invite(bob, by=ann)
    cid.deaf_to.add("ann")
    with pytest.raises(Refused, match="ignores you"):
        app.lamp.invite(cid, by=ann)
    assert app.cid.reads() == ""
    assert "cid" not in app.lamp.invited


def test_the_history_leaves_out_who_is_ignored(app):
    """Also when they have another name now: it goes by the key."""
    ann, bob, cid = (user(app, name) for name in ("ann", "bob", "cid"))
    app.lamp.say(bob, "rude words")
    bob.name = "Robert"
    app.lamp.say(ann, "hello")
    cid.ignores = lambda other: other.key == "bob"
    app.cid.reads()
    app.lamp.join(cid)
    read = app.cid.reads()
    assert "hello" in read
    assert "rude words" not in read


def test_times_of_the_history_are_in_the_reader_s_time_zone(app):
    app.lamp.say(user(app, "ann"), "hello")
    cid = user(app, "cid")
    cid.zone = ZoneInfo("Asia/Tokyo")
    assert str(app.lamp.greeting(cid)[-1]).startswith("09:00 ")
    assert str(app.lamp.greeting()[-1]).startswith("00:00 ")


def test_an_account_has_only_so_many_channels(app):
    app.service.configure(channels_max_owned=2)
    channels, ann = app.store("channel"), user(app, "ann")
    channels.create("one", by=ann)
    channels.create("two", by=ann)
    with pytest.raises(Refused, match="You have 2 channels already"):
        channels.create("three", by=ann)
    channels.create("three", by=user(app, "bob"))
    app.active("channel")["one"].close(by=ann)
    channels.create("four", by=ann)
    assert sorted(app.active("channel")) == ["four", "lamp", "three", "two"]


def test_its_owner_closes_a_channel_and_all_members_are_told(app):
    channel = app.store("channel").create("wicks", by=user(app, "ann"))
    channel.join(user(app, "bob"))
    app.bob.reads()
    with pytest.raises(Refused, match="Only the owner"):
        channel.close(by=user(app, "bob"))
    channel.close(by=user(app, "ann"))
    assert "[wicks] Ann has closed the channel." in app.bob.reads()
    assert "wicks" not in app.active("channel")
    assert app.store("channel").manager.get("wicks") is None


def test_a_name_that_cannot_be_used_is_refused(app):
    for name, reason in (("lamp", "taken"), ("../etc", "cannot be a key")):
        with pytest.raises(Refused, match=reason):
            app.store("channel").create(name, by=user(app, "ann"))


def test_a_deleted_account_is_on_no_channel_any_more(app):
    """So that the next account of its name gets nothing of it, nor is banned for what it did."""
    owned = app.store("channel").create("oil", by=user(app, "bob"))
    owned.invited.add("cid")
    app.lamp.banned.add("cid")
    for name in ("bob", "cid"):
        app.store("channel").forget_user(name)
    assert (owned.owner, owned.members, owned.moderators, owned.invited) == (
        "",
        set(),
        set(),
        set(),
    )
    assert app.lamp.members == {"ann"}
    assert app.lamp.banned == set()


def test_a_line_that_is_too_much_is_neither_sent_nor_in_the_history(app):
    app.service.configure(screen_lines_per_account=1)
    app.ann.says("one", "two")
    app.bob.reads()
    said = app.ann.says("three")
    assert said == "You send too many lines. That one was not sent.\n"
    assert app.bob.reads() == ""
    assert [text for _, _, text, _ in app.lamp.history] == ["one", "two"]


def test_who_joins_and_leaves_again_and_again_fills_nobodys_screen(app):
    cid = user(app, "cid")
    for _ in range(100):
        app.lamp.join(cid)
        app.lamp.leave(cid)
    assert app.bob.reads().count("Cid has") == 40
