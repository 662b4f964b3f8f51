"""A channel that is joined with one on IRC, both ways, through losses, floods and reloads."""

from __future__ import annotations

import pytest

from cletus.contrib.irc import IrcBridge, IrcLimits, IrcUser
from cletus.contrib.irc.link import CHECK_INTERVAL, LOST_AFTER
from cletus.testing import assert_survives_reload
from tests.contrib.channels.test_channel import APPLICATION as CHANNELS

APPLICATION = (
    CHANNELS
    + """
    from cletus.contrib.irc import IrcBridge, IrcLimits

    bridge = IrcBridge(
        service, Channel, {"lamp": "#lamp"}, server="tcp:127.0.0.1:6667", nickname="lantern"
    )
"""
)

#: A bridge has limits of its own.
pytestmark = pytest.mark.cletus(
    screen_lines_per_account=0, screen_lines_per_address=0, screen_lines_per_room=0
)


@pytest.fixture
def app(app):
    app.lamp = app.store("channel")("lamp", name="Lamp", topic="Light.")
    for name in ("ann", "bob"):
        person = app.person()
        person.says(name)
        setattr(app, name, person)
        app.lamp.join(app.active("user")[name])
    app.ann.reads()
    return app


def test_what_is_said_goes_both_ways(app, server):
    server.welcomes()
    assert app.ann.says("hello") == "[Lamp] Ann: hello\n"
    assert server.reads() == ["PRIVMSG #lamp :<Ann> hello"]
    server.sends(":carl!c@host PRIVMSG #lamp :hi \x02all\x02")
    assert app.ann.reads() == "[Lamp] carl@irc: hi all\n"
    server.sends(":carl!c@host PRIVMSG #lamp :\x01ACTION waves\x01")
    assert app.ann.reads() == "[Lamp] carl@irc waves\n"
    assert server.reads() == []  # nothing of it goes back


def test_it_is_in_the_history_and_an_event_as_what_users_say(app, server):
    server.welcomes()
    server.sends(":carl!c@host PRIVMSG #lamp :hi")
    app.ann.reads()
    assert app.lamp.greeting()[-1].endswith("[Lamp] carl@irc: hi")


def test_nobody_on_irc_looks_like_somebody_here(app, server):
    server.welcomes()
    server.sends(
        ":Ann!a@host PRIVMSG #lamp :send me your password", ":A\u0430\x1b[2J!a@h PRIVMSG #lamp :x"
    )
    assert app.bob.reads().splitlines()[-2:] == [
        "[Lamp] Ann@irc: send me your password",
        "[Lamp] A\u0430@irc: x",
    ]
    assert IrcUser("Ann", "irc").key == "ann@irc"


def test_who_ignores_somebody_on_irc_reads_nothing_of_them(app, server):
    server.welcomes()
    app.active("user")["bob"].deaf_to.add("carl@irc")
    app.bob.reads()
    server.sends(":Carl!c@host PRIVMSG #lamp :hi")
    assert app.bob.reads() == ""
    assert app.ann.reads() == "[Lamp] Carl@irc: hi\n"


def test_a_long_line_is_split_and_each_message_says_who_speaks(app, server):
    server.welcomes()
    app.ann.says("word " * 150)
    lines = server.reads()
    assert len(lines) == 2
    assert all(line.startswith("PRIVMSG #lamp :<Ann> word") for line in lines)


def test_who_is_on_the_other_side_can_be_seen(app, server, service):
    server.welcomes(people="@carl dora")
    bridge = IrcBridge(
        service, app.store("channel"), {"lamp": "#lamp"}, server="tcp:x:1", nickname="n"
    )
    assert bridge.people(app.lamp) == [IrcUser("carl", "irc"), IrcUser("dora", "irc")]
    assert bridge.is_connected(app.lamp)
    assert bridge.introduction(app.lamp) == (
        "What is said here is also read on #lamp (irc). On the other side: carl@irc and dora@irc."
    )
    server.sends(*(f":n{number:02}!x@h JOIN #lamp" for number in range(12)))
    assert bridge.introduction(app.lamp).endswith("n07@irc and 4 others.")


def test_the_introduction_is_written_to_who_joins(app, server):
    dan = app.person()
    dan.says("dan")
    app.lamp.join(app.active("user")["dan"])
    assert "also read on #lamp (irc). Nobody is there now.\n" in dan.reads()


# -- floods -------------------------------------------------------------------------------------


def test_a_flood_to_irc_is_slowed_down_and_the_rest_is_left_out_and_said(app, server, clock):
    server.welcomes()
    for number in range(200):
        app.ann.says(f"line {number} {'x' * 100}")
    assert len(server.reads()) == 5  # the burst
    clock.advance(2)
    assert [line[:21] for line in server.reads()] == ["PRIVMSG #lamp :<Ann> "]
    app.bob.says("may I?")
    clock.advance(2)
    clock.advance(2)
    assert "PRIVMSG #lamp :<Bob> may I?" in server.reads()
    app.bob.reads()
    for _ in range(40):
        clock.advance(2)
    sent = 8 + sum(line.startswith("PRIVMSG") for line in server.reads())
    left_out = sum(
        int(line.split()[1])
        for line in app.bob.reads().splitlines()
        if "did not reach #lamp." in line
    )
    assert sent + left_out == 201


def test_a_flood_from_irc_is_cut_and_counted(app, server, clock):
    server.welcomes()
    app.bob.reads()
    for number in range(100):
        server.sends(f":carl!c@host PRIVMSG #lamp :line {number}")
    assert app.bob.reads().count("carl@irc") == 10
    clock.advance(CHECK_INTERVAL)
    assert app.bob.reads() == "[Lamp] Too many at once: 90 lines from #lamp left out.\n"
    server.sends(":carl!c@host PRIVMSG #lamp :calm")
    assert app.bob.reads() == "[Lamp] carl@irc: calm\n"
    clock.advance(CHECK_INTERVAL)
    assert app.bob.reads() == ""


# -- loops --------------------------------------------------------------------------------------


def test_our_own_line_is_not_shown_if_the_server_sends_it_back(app, server):
    server.welcomes()
    app.ann.says("hello")
    server.sends(":lantern!l@host PRIVMSG #lamp :<Ann> hello")
    assert app.ann.reads() == ""


def test_two_bridges_send_nothing_in_a_circle(app, service, clock, server):
    """Two networks, and somebody else's bridge between them."""
    app.reload(
        lambda text: (
            text + "\nother = IrcBridge(service, Channel, {'lamp': '#two'},"
            " server='tcp:127.0.0.1:6668', nickname='lantern', name='two')\n"
        )
    )
    second = type(server)(clock)
    second.accepts()
    second.sends(":irc.two 001 lantern :hi", ":lantern!l@h JOIN #two")
    app.ann.says("hello")
    assert second.reads() == ["PRIVMSG #two :<Ann> hello"]
    app.bob.reads()
    second.sends(":relay!r@h PRIVMSG #two :<carl> hi")
    assert app.bob.reads() == "[Lamp] relay@two: <carl> hi\n"
    assert second.reads() == []


def test_an_echo_by_somebody_elses_bridge_is_not_shown(app, server, clock):
    server.welcomes()
    app.reload(lambda text: text.replace('{"lamp": "#lamp"}', '{"lamp": "#lamp", "hall": "#hall"}'))
    hall = app.store("channel")("hall", name="Hall")
    hall.join(app.active("user")["bob"])
    server.sends(":lantern!l@h JOIN #hall")
    app.ann.says("hello")
    app.bob.reads()
    server.sends(":relay!r@h PRIVMSG #hall :<lantern> <Ann> hello")
    assert app.bob.reads() == ""
    server.sends(":carl!c@h PRIVMSG #lamp :no, <Ann> hello")  # somebody quotes it where it was said
    assert app.bob.reads() == "[Lamp] carl@irc: no, <Ann> hello\n"
    clock.advance(61)
    server.sends(":relay!r@h PRIVMSG #hall :<lantern> <Ann> hello")
    assert app.bob.reads() == "[Hall] relay@irc: <lantern> <Ann> hello\n"


# -- losses -------------------------------------------------------------------------------------


def test_a_lost_connection_comes_back_and_a_short_break_is_not_mentioned(app, server, clock):
    server.welcomes()
    app.ann.reads()
    server.closes()
    app.ann.says("is anybody there?")
    assert server.attempts == 1
    for _ in range(9):
        clock.advance(1)
    assert server.attempts == 2
    assert server.welcomes() == ["PRIVMSG #lamp :<Ann> is anybody there?"]
    for _ in range(10):
        clock.advance(CHECK_INTERVAL)
    assert "lost" not in app.bob.reads()


def test_a_long_break_is_told_once_and_so_is_its_end(app, server, clock):
    server.welcomes()
    app.ann.says("hello")
    server.reads()
    app.bob.reads()
    server.sends("ERROR :Closing link: \x02maintenance\x1b[2J")
    server.closes()
    app.ann.says("lost words")
    app.bob.reads()
    for _ in range(8):
        clock.advance(CHECK_INTERVAL)
    assert app.bob.reads().splitlines() == [
        "[Lamp] The connection to #lamp is lost (Closing link: maintenance).",
        "[Lamp] 1 line did not reach #lamp.",
    ]
    server.welcomes()
    assert app.bob.reads() == "[Lamp] The connection to #lamp is back.\n"


def test_attempts_become_rarer_until_a_connection_lasts(app, server, clock):
    for _ in range(40):
        server.accepts()
        server.closes()
        before = server.attempts
        waited = 0
        while server.attempts == before:
            clock.advance(1)
            waited += 1
    assert 600 <= waited <= 602
    server.welcomes()
    for _ in range(30):
        clock.advance(5)
    server.closes()
    for _ in range(10):
        clock.advance(1)
    assert server.attempts == 42


def test_a_channel_that_cannot_be_joined_is_named_with_the_reason(app, server, clock):
    server.accepts()
    server.sends(":s 001 lantern :hi", ":s 473 lantern #lamp :Cannot join channel (+i)")
    app.bob.reads()
    for _ in range(int(LOST_AFTER / CHECK_INTERVAL)):
        clock.advance(CHECK_INTERVAL)
    assert app.bob.reads() == "[Lamp] The connection to #lamp is lost (it is by invitation only).\n"


# -- reloads ------------------------------------------------------------------------------------


def test_an_edit_does_not_touch_the_connection(app, server, clock):
    server.welcomes(people="carl")
    report = app.reload(lambda text: text.replace("bridge = IrcBridge(", _ANOTHER_BRIDGE))
    assert report.ok
    assert not report.warnings
    app.ann.says("hello")
    assert server.reads() == ["PRIVMSG #lamp :(Ann) hello"]
    server.sends(":carl!c@host PRIVMSG #lamp :hi")
    assert app.bob.reads().endswith("[Lamp] carl@irc: hi\n")
    clock.advance(CHECK_INTERVAL * 10)
    assert server.attempts == 1
    assert not server.transport.disconnecting


_ANOTHER_BRIDGE = """\
class Bridge(IrcBridge):
    def sent_prefix(self, user):
        return f"({user}) "

bridge = Bridge("""


def test_a_refused_edit_does_not_touch_the_connection(app, server, clock, log):
    server.welcomes()
    assert not app.reload(lambda text: text + "\nraise RuntimeError('no')\n").ok
    log.take_failures()
    app.ann.says("hello")
    assert server.reads() == ["PRIVMSG #lamp :<Ann> hello"]


@pytest.mark.parametrize(
    "state", ["not accepted", "not welcomed", "not joined", "joined", "lost", "waiting"]
)
def test_a_reload_in_any_state_leaves_it_to_go_on(app, server, clock, service, state):
    if state != "not accepted":
        server.accepts()
    if state in ("not joined", "joined", "lost", "waiting"):
        server.sends(":s 001 lantern :hi")
    if state in ("joined", "lost", "waiting"):
        server.sends(":lantern!l@h JOIN #lamp")
    if state in ("lost", "waiting"):
        server.closes()
    app.ann.says("hello")
    answers = [] if state == "not accepted" else server.reads()
    assert_survives_reload(service)
    assert app.reload(lambda text: text + "\nx = 1\n").ok
    if state in ("lost", "waiting"):
        while server.attempts == 1:
            clock.advance(1)
            if state == "waiting":
                assert_survives_reload(service)
    if state in ("not accepted", "lost", "waiting"):
        server.accepts()
    if state not in ("not joined", "joined"):
        server.sends(":s 001 lantern :hi")
    if state != "joined":
        answers += server.sends(":lantern!l@h JOIN #lamp")
    assert answers[-1] == "PRIVMSG #lamp :<Ann> hello"


def test_an_edit_joins_and_leaves_channels_on_the_same_connection(app, server):
    server.welcomes()
    app.reload(lambda text: text.replace('{"lamp": "#lamp"}', '{"lamp": "#dark secret"}'))
    assert server.reads() == ["PART #lamp", "JOIN #dark secret"]
    server.sends(":lantern!l@host JOIN #dark")
    app.ann.says("hello")
    assert server.reads() == ["PRIVMSG #dark :<Ann> hello"]


def test_another_nickname_is_another_connection(app, server, clock):
    server.welcomes()
    app.reload(lambda text: text.replace('nickname="lantern"', 'nickname="torch"'))
    assert server.reads() == ["QUIT :the bridge has changed"]
    assert server.attempts == 2
    assert server.accepts()[0] == "NICK torch"


def test_a_bridge_that_is_taken_out_disconnects(app, server, clock):
    server.welcomes()
    app.reload(_without_bridge)
    app.ann.says("hello")
    assert server.reads() == []
    clock.advance(CHECK_INTERVAL)
    assert server.reads() == ["QUIT :the bridge is gone"]
    server.closes()
    clock.advance(1000)
    assert server.attempts == 1


def _without_bridge(text):
    return text[: text.index("bridge = IrcBridge(")]


def test_the_end_of_the_service_says_goodbye(app, server, service, clock):
    server.welcomes()
    service.stop()
    clock.advance(0)
    assert server.reads() == ["QUIT :the service stops"]
    server.closes()
    clock.advance(1000)
    assert server.attempts == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"nickname": "a b"},
        {"nickname": "x\r\nQUIT"},
        {"channels": {"lamp": "lamp"}},
        {"channels": {"lamp": "#a,#b"}},
        {"channels": {"lamp": "#a\r\nQUIT"}},
        {"name": "a@b"},
        {"password": "x\nQUIT"},
        {"realname": "x\nQUIT"},
    ],
)
def test_what_cannot_be_on_irc_is_refused(app, service, arguments):
    given = {"channels": {}, "nickname": "lantern", "server": "tcp:x:1", **arguments}
    with pytest.raises(ValueError, match=r"cannot be|letters and digits|control character"):
        IrcBridge(service, app.store("channel"), given.pop("channels"), **given)


def test_a_link_does_not_show_its_password(service):
    from cletus.contrib.irc.link import IrcServer

    assert "secret" not in repr(IrcServer("tcp:x:1", "n", "r", "secret", IrcLimits()))
