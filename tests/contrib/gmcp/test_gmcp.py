"""What programs are told of rooms, people, channels and reloads, and how they log in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cletus import events
from cletus.contrib.gmcp import messages as gmcp_messages
from cletus.contrib.users.tokens import LIFETIME

APPLICATION = """
    from cletus import Service, events
    from cletus.contrib.channels import BaseChannel
    from cletus.contrib.gmcp import Gmcp
    from cletus.contrib.users import BaseAccount, LoginDialogue, Users

    service = Service()

    class Channel(BaseChannel):
        service = service

    class User(BaseAccount):
        service = service

    class Login(LoginDialogue):
        pass

    users = Users(service, User, login=Login)
    gmcp = Gmcp(
        service,
        users=users,
        channels=Channel,
        developer=lambda client: str(client.user) == "Ann",
        gui={"version": "1", "url": "https://example.org/a.mpackage"},
    )
    WORD = "one"
"""
PASSWORD = "correct horse battery"
SUPPORTS = ["Char 1", "Char.Login 2", "Room 1", "Comm.Channel 1", "Client.Media 1", "Cletus 1"]


def program(app, address="127.0.0.1", supports=SUPPORTS):
    visitor = app.person(gmcp=True, address=address)
    visitor.sends("Core.Supports.Set", supports)
    return visitor


def of(visitor, package):
    return [data for name, data in visitor.messages if name == package]


@pytest.fixture
def ann(app):
    visitor = program(app)
    visitor.says("Ann", "y", PASSWORD, PASSWORD)
    assert app.active("user")["ann"].client is visitor.client
    return visitor


def test_who_supports_it_is_offered_a_login(app):
    assert of(program(app), "Char.Login.Default") == [
        {"type": ["password-credentials"], "version": 2}
    ]
    assert of(program(app, supports=["Room 1"]), "Char.Login.Default") == []


def test_a_program_logs_in_with_a_name_and_a_password(app, ann):
    ann.hangs_up()
    again = program(app)
    again.sends("Char.Login.Credentials", {"account": "Ann", "password": PASSWORD})
    assert again.client.user is app.active("user")["ann"]
    assert of(again, "Char.Login.Result")[-1] == {"success": True}


def test_a_wrong_password_is_answered(app, ann):
    other = program(app)
    other.sends("Char.Login.Credentials", {"account": "Ann", "password": "nonsense"})
    assert of(other, "Char.Login.Result") == [{"success": False, "message": "Wrong password."}]
    other.sends("Char.Login.Credentials", {"account": "Nobody", "password": "nonsense"})
    assert len(of(other, "Char.Login.Result")) == 2
    assert other.client.user is None


def test_programs_read_it_in_the_language_of_their_person(app, ann):
    other = program(app)
    other.client.terminal.language = "de"
    for account in ("Ann", "Nobody"):
        other.sends("Char.Login.Credentials", {"account": account, "password": "nonsense"})
    message = {"success": False, "message": "Falsches Passwort."}
    assert of(other, "Char.Login.Result") == [message, message]


def test_credentials_are_not_typed_into_another_question(app):
    visitor = program(app)
    visitor.says("Zoe", "y")
    visitor.sends("Char.Login.Credentials", {"account": "Ann", "password": PASSWORD})
    visitor.says(PASSWORD, PASSWORD)
    assert str(visitor.client.user) == "Zoe"


@pytest.mark.parametrize("data", [None, [], {}, {"account": 1}, {"account": "Ann"}, "x"])
def test_nonsense_means_nothing(app, ann, data):
    other = program(app)
    for package in ("Char.Login.Credentials", "Char.Login.Reconnect"):
        other.sends(package, data)
    assert other.client.user is None
    assert other.connected


def test_nobody_gets_a_token_who_has_not_asked_for_it(ann):
    assert of(ann, "Char.Login.Token") == []


def token_of(visitor):
    visitor.sends("Char.Login.Credentials", {"token_storage": True, "device": "my phone"})
    (data,) = of(visitor, "Char.Login.Token")
    assert data["account"] == "Ann"
    return data["token"]


def test_a_token_logs_in_once_and_is_replaced(app, ann):
    token = token_of(ann)
    assert token not in str(app.active("user")["ann"].login_tokens)
    ann.hangs_up()
    again = program(app)
    again.sends("Char.Login.Reconnect", {"account": "Ann", "token": token})
    assert str(again.client.user) == "Ann"
    (fresh,) = of(again, "Char.Login.Token")
    assert fresh["token"] != token
    again.hangs_up()
    third = program(app)
    third.sends("Char.Login.Reconnect", {"account": "Ann", "token": token})
    assert third.client.user is None
    assert of(third, "Char.Login.Result")[-1]["success"] is False


def test_a_token_ends_with_the_password(app, ann):
    token = token_of(ann)
    app.active("user")["ann"].password = "another hash"
    ann.hangs_up()
    again = program(app)
    again.sends("Char.Login.Reconnect", {"account": "Ann", "token": token})
    assert again.client.user is None


def test_a_token_ends_after_its_time(app, ann):
    token = token_of(ann)
    user = app.active("user")["ann"]
    now = user.users.now()
    assert user.has_token(token, now + LIFETIME - timedelta(seconds=1))
    assert not user.has_token(token, now + LIFETIME)


def test_a_token_that_was_issued_while_the_clock_was_ahead_does_not_last_longer(app, ann):
    token = token_of(ann)
    user = app.active("user")["ann"]
    now = user.users.now()
    assert user.has_token(token, now - timedelta(hours=23))
    assert not user.has_token(token, now - timedelta(days=400))


def test_a_token_is_neither_given_nor_taken_where_others_can_listen(app, ann):
    token = token_of(ann)
    ann.hangs_up()
    far = program(app, address="192.0.2.9")
    far.sends("Char.Login.Reconnect", {"account": "Ann", "token": token})
    assert far.client.user is None
    far.says("Ann", token)
    assert far.client.user is None
    far.sends("Char.Login.Credentials", {"token_storage": True})
    far.says("Ann", PASSWORD)
    assert str(far.client.user) == "Ann"
    assert of(far, "Char.Login.Token") == []


def test_who_does_not_want_to_stay_signed_in_any_more_gives_the_token_back(app, ann):
    token_of(ann)
    ann.sends("Char.Login.Credentials", {"token_storage": False})
    assert app.active("user")["ann"].login_tokens == {}


def test_goodbye_comes_before_the_end_with_its_reason(ann):
    ann.client.close("the lamp is out")
    assert of(ann, "Core.Goodbye") == ["the lamp is out"]
    assert not ann.connected


def test_a_package_for_mudlet_is_named(ann):
    assert of(ann, "Client.GUI") == [{"version": "1", "url": "https://example.org/a.mpackage"}]


def gmcp_of(app):
    import small_application

    return small_application.gmcp


def test_sounds_are_played_and_stopped(app, ann):
    gmcp_of(app).play([ann.client], "bell.mp3", volume=30)
    gmcp_of(app).stop([ann.client], name="bell.mp3")
    assert of(ann, "Client.Media.Play") == [{"name": "bell.mp3", "volume": 30}]
    assert of(ann, "Client.Media.Stop") == [{"name": "bell.mp3"}]


def test_what_is_told_to_one_person_comes_as_channel_tell(app, ann):
    bob = program(app)
    bob.says("Bob", "y", PASSWORD, PASSWORD)
    users = app.active("user")
    gmcp_of(app).tell(users["ann"], users["bob"], "psst")
    assert of(bob, "Comm.Channel.Text") == [
        {"channel": "tell", "talker": "Ann", "text": "Ann tells you: psst"}
    ]
    assert of(ann, "Comm.Channel.Text")[0]["text"] == "You tell Bob: psst"


def test_a_developer_is_told_of_each_reload_and_nobody_else(app, ann, log):
    bob = program(app)
    bob.says("Bob", "y", PASSWORD, PASSWORD)
    app.reload(lambda text: text.replace('"one"', '"two"'))
    (report,) = of(ann, "Cletus.Reload")
    assert (report["ok"], report["generation"]) == (True, 1)
    assert of(ann, "Cletus.Generation")[-1]["generation"] == 1
    app.reload(lambda text: text + "\ndef broken(:\n")
    assert len(log.take_failures()) == 1
    refused = of(ann, "Cletus.Reload")[-1]
    assert refused["ok"] is False
    assert refused["frames"][-1]["code"] == "def broken(:"
    assert of(bob, "Cletus.Reload") == of(bob, "Cletus.Generation") == []


def test_everybody_is_sent_their_state_again_after_a_restart(app, ann):
    """New code may say it in another way."""
    generations = len(of(ann, "Cletus.Generation"))
    app.service.fire(events.PostRestart(app.service, None))
    assert len(of(ann, "Cletus.Generation")) == generations + 1


def test_a_developer_who_comes_later_sees_the_latest_reloads(app, ann):
    app.reload(lambda text: text.replace('"one"', '"two"'))
    ann.sends("Core.Supports.Set", SUPPORTS)
    latest = of(ann, "Cletus.Generation")[-1]
    assert latest["generation"] == 1
    assert [entry["generation"] for entry in latest["reloads"]] == [1]


def test_nothing_is_listed_for_those_who_take_no_messages(app, ann, monkeypatch):
    """Who comes in is told to Ann's program; for others no list is made, which would take their number squared."""
    lists = []
    make = gmcp_messages.channel_players

    def channel_players(*args):
        lists.append(args)
        return make(*args)

    others = [app.person() for _ in range(5)]
    for number, other in enumerate(others):
        other.says(f"Other{'abcde'[number]}", "y", PASSWORD, PASSWORD)
    monkeypatch.setattr(gmcp_messages, "channel_players", channel_players)
    program(app).says("Bob", "y", PASSWORD, PASSWORD)
    assert [player["name"] for player in of(ann, "Comm.Channel.Players")[-1]][-1] == "Bob"
    assert len(lists) <= 4  # of Ann and Bob
