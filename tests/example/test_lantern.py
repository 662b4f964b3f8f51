"""The Lantern, as the people in it see it."""

from __future__ import annotations

import sys

import pytest
from twisted.logger import globalLogPublisher
from wcwidth import width

from cletus.protocol.line_editor import LineEditor
from cletus.storage import TempStoreMixin

#: What help shows to everybody, in this order.
HEADINGS = ["General", "Talking", "People", "Moving", "Channels", "Mail"]


@pytest.fixture
def evening(lantern):
    lantern.ann, lantern.bob = lantern.person("Ann"), lantern.person("Bob")
    lantern.user("ann").grant("admin")
    lantern.ann.reads()
    return lantern


def test_who_comes_in_sees_the_house_and_is_announced(evening):
    cid = evening.person("Cid")
    assert "Here now: Ann and Bob." in cid.transcript
    assert "--- The lamp room ---" in cid.transcript
    assert "Ann and Bob are here." in cid.transcript
    assert "* Cid comes in." in evening.ann.reads()


def test_who_is_alone_is_the_first_one_and_enter_is_an_answer(lantern):
    ann = lantern.person("Ann")
    assert "(she, he, it, xe/xem/xyr/xemself; Enter for they)?" in ann.transcript
    assert "You are the first one here." in ann.transcript
    assert str(lantern.user("ann").pronouns).startswith("they/")


def test_a_line_without_a_dot_is_said_to_those_who_are_here(evening):
    assert evening.types(evening.bob, "good evening") == "You say: good evening\n"
    assert evening.ann.reads() == "Bob says: good evening\n"
    evening.types(evening.ann, ".out")
    evening.types(evening.bob, "anybody?")
    assert "anybody" not in evening.ann.reads()


def test_of_many_people_a_page_is_listed(evening, monkeypatch):
    monkeypatch.setattr(sys.modules["example_service.talk"], "WHO_MAX", 2)
    evening.person("Cid")
    page = evening.types(evening.bob, ".who")
    assert "Cid" not in page
    assert page.endswith("1 more are not shown. Type the beginning of a name: .who al\n3 online.\n")
    page = evening.types(evening.bob, ".who C")
    assert "Cid" in page
    assert "Ann" not in page
    assert page.endswith("1 online whose names begin with C.\n")


@pytest.mark.parametrize(
    ("line", "bob_sees", "ann_sees"),
    [
        (".tell ann psst", "You tell Ann: psst", "Bob tells you: psst"),
        (".>ann psst", "You tell Ann: psst", "Bob tells you: psst"),
        (".:lights a lamp", "Bob lights a lamp", "Bob lights a lamp"),
        (".shout hey", "Bob shouts: hey", "Bob shouts: hey"),
        (".wave at ann", "You wave at Ann.", "Bob waves at you."),
        (".moth ann", "You flutter round Ann like a moth", "Bob flutters round you like a moth"),
        (".look", "Ann is here.", ""),
        (".who", "2 online.", ""),
        (".finger ann", "Pronouns: they/them/their/themself", ""),
        (".finger nobody", "There is no user called 'nobody'.", ""),
        (".title is tired", "You are now: Bob is tired", ""),
        (".pronouns he", "Your pronouns are now he/him/his/himself.", ""),
        (".pronouns x", "Choose they, she, he, it", ""),
        (".away lunch", "You are away.", ""),
        ("help", "Did you mean .help? To say it aloud: .say help", ""),
        ("WHO", "Did you mean .who?", ""),
        ("/who", "Did you mean .who?", ""),
        ("!tell ann hi", "Did you mean .tell?", ""),
        ("who knows", "You say: who knows", "Bob says: who knows"),
        ("tell", "You say: tell", "Bob says: tell"),
        ("?", "You say: ?", "Bob says: ?"),
        ("/me waves", "You say: /me waves", "Bob says: /me waves"),
        ("reload", "You say: reload", "Bob says: reload"),
        (".say help", "You say: help", "Bob says: help"),
        (".preferences charset ascii", "Your terminal: ascii, 80 columns, no screen reader.", ""),
        (".preferences charset", "charset is auto: ", ""),
        (".charset ascii", "Your terminal: ascii, 80 columns, no screen reader.", ""),
        (".charset", "Your terminal: utf-8, ", ""),
        (".charset klingon", "'klingon' is not a character set.", ""),
        (".screenreader on", "Your terminal: utf-8, 80 columns, a screen reader.", ""),
        (".width 60", "Your terminal: utf-8, 60 columns, ", ""),
        (".width 6", "A width is from 20 to 500", ""),
        (".preferences", "Your terminal: utf-8, ", ""),
        (".alias hi = .say hello", "hi = say hello", ""),
        (".alias say = .say hello", "say is a command.", ""),
        (".pref charset klingon", "'klingon' is not a character set.", ""),
        (".pref screenreader on", "Your terminal: utf-8, 80 columns, a screen reader.", ""),
        (".pref width 60", "Your terminal: utf-8, 60 columns, ", ""),
        (".pref width 6", "A width is from 20 to 500", ""),
        (".ignore ann", "You ignore Ann now.", ""),
        (".ignore bob", "You cannot ignore yourself", ""),
        (".create lamps", "[lamps] You have joined.", ""),
        (".create ../etc", "cannot be a key", ""),
        (".channels", "Channel  Joined  Online  Topic", ""),
        (".mail", "Your mailbox is empty.", ""),
        (".read 1", "There is no letter 1.", ""),
        (".help manners", "Leave the lamp burning.", ""),
        (".help", "Enter: more", ""),
        (".xyzzy", "There is no command .xyzzy.", ""),
        (".down", "--- The winding stairs ---", "Bob goes down."),
        (".quit", "Goodbye!", "* Bob leaves."),
        (".password", "password", ""),
    ],
)
def test_commands(evening, line, bob_sees, ann_sees):
    assert bob_sees in evening.types(evening.bob, line)
    assert ann_sees in evening.ann.reads()


@pytest.mark.parametrize(
    "line",
    [".reload", ".shutdown 5m", ".ban ann 1d", ".role bob admin", ".announce hey", ".dig up x"],
)
def test_what_only_some_may_do_is_not_there_for_others(evening, line):
    assert "There is no command" in evening.types(evening.bob, line)


def test_everything_that_help_says_fits_80_columns(evening):
    evening.types(evening.ann, ".help")
    said = evening.types(evening.ann, "a")
    for line in (".help socials", ".help shutdown", ".help nothing of this name"):
        said += evening.types(evening.ann, line)
    assert ".unban" in said
    assert max(map(len, said.splitlines())) <= 79


def test_who_is_away_is_back_with_the_next_line(evening):
    evening.types(evening.bob, ".away lunch")
    assert "Bob is away: lunch." in evening.types(evening.ann, ".tell bob hey")
    assert "You are back." in evening.types(evening.bob, "hm")


def test_who_ignores_somebody_hears_nothing_of_them(evening):
    """Whatever they do: there is no command that gets through."""
    evening.types(evening.ann, ".create lamps")
    evening.types(evening.bob, ".join lamps")
    evening.types(evening.bob, ".ignore ann")
    for line in (".tell bob hey", ".wave at bob"):
        assert "ignores you" in evening.types(evening.ann, line)
    for line in ("hello", ".:grins", ".shout hey", ".wave", ".on lamps hey", ".out"):
        evening.types(evening.ann, line)
    assert evening.bob.reads() == ""
    cid = evening.person("Cid")
    evening.bob.reads()
    evening.types(cid, ".shout hey")
    assert evening.bob.reads() == "Cid shouts: hey\n"


def test_a_letter_waits_for_who_is_away(evening):
    evening.types(evening.bob, ".quit")
    for line in (".write bob tea", "Come over.", "", "I have biscuits.", "."):
        evening.types(evening.ann, line)
    assert "bob" not in evening.active("mailbox")
    assert "bob" not in evening.active("user")
    bob = evening.connect()
    bob.says("Bob", "lantern light")
    assert bob.sees("You have a new letter.")
    assert "I have biscuits." in evening.types(bob, ".read 1")


@pytest.mark.parametrize("line", [".shutdown 5", ".shutdown in 5 tea", ".ban bob 5 spam"])
def test_five_of_what_is_asked_before_anything_is_done(evening, line):
    answer = evening.types(evening.ann, line)
    assert answer == "5 of what? Type 5s, 5m, 5h or 5d.\n"
    assert evening.types(evening.bob, "still here") == "You say: still here\n"
    assert "No shutdown is planned." in evening.types(evening.ann, ".cancel")


def test_d_finds_a_door_where_there_is_no_way_down(evening):
    """And ``.north`` never leads northeast."""
    evening.types(evening.ann, ".out")
    for line in (".dig door The shed", ".dig northeast The cliff"):
        evening.types(evening.ann, line)
    assert "You cannot go north." in evening.types(evening.ann, ".north")
    assert "You cannot go n." in evening.types(evening.ann, ".n")
    assert "--- The shed ---" in evening.types(evening.ann, ".d")


def test_a_keeper_builds_a_room(evening):
    for line in (".out", ".dig west The loft", ".west", ".describe", "Dusty.", "."):
        evening.types(evening.ann, line)
    assert "--- The loft ---\nDusty.\nExits: east.\n" in evening.types(evening.ann, ".look")
    assert "already" in evening.types(evening.ann, ".dig up The loft")
    assert "Edit it there" in evening.types(evening.ann, ".go east") + evening.types(
        evening.ann, ".describe"
    )


def test_what_is_built_onto_the_house_outlasts_a_reload(evening):
    evening.types(evening.ann, ".dig up The attic")
    assert evening.reload(rooms=lambda text: text + "\n# edited\n").ok
    assert "--- The attic ---" in evening.types(evening.ann, ".up")


def test_building_takes_no_way_from_anybody(evening):
    for line in (".out", ".dig west The loft"):
        evening.types(evening.ann, line)
    for line in (".dig west The cave", ".dig w The cave", ".dig in The cave"):
        assert "already" in evening.types(evening.ann, line)
    assert "the-cave" not in evening.active("room")
    evening.types(evening.ann, ".west")
    assert "The loft" in evening.types(evening.ann, ".look")


def test_tables_fit_80_columns_whatever_stands_in_them(evening):
    """Letters of Han take two columns each."""
    evening.types(evening.bob, ".title " + "燈籠" * 25)
    lines = evening.types(evening.ann, ".who").splitlines()
    assert max(map(width, lines)) <= 79
    assert any(line.startswith("Bob") and line.endswith("...") for line in lines)


def test_help_begins_with_what_everybody_needs(evening):
    evening.types(evening.bob, ".help")
    said = evening.bob.transcript + evening.types(evening.bob, "a")
    headings = [line for line in said.replace("q: quit) ", "\n").splitlines() if line in HEADINGS]
    assert headings == HEADINGS


def test_there_are_so_many_channels_and_no_more(evening, monkeypatch):
    monkeypatch.setattr("example_service.channels.CHANNELS_MAX", 1)
    evening.types(evening.bob, ".create lamps")
    assert evening.types(evening.bob, ".create LAMPS").startswith("There ")
    assert "There are too many channels" in evening.types(evening.bob, ".create wicks")
    assert list(evening.active("channel")) == ["lamps"]


def test_what_is_refused_is_said_in_sentences(evening):
    for line in (".create lamps", ".create lamps", ".dig up x%y", ".rollback"):
        answer = evening.types(evening.ann, line).rstrip("\n").splitlines()[-1]
        assert answer[0] in "ABCDEFGHIJKLMNOPQRSTUVWXYZ'["
        assert answer.endswith(".")


def test_a_banned_user_goes_and_cannot_come_back(evening):
    assert "bob is banned." in evening.types(evening.ann, ".ban bob 7d shouting")
    assert "You are banned until" in evening.bob.transcript
    assert not evening.bob.connected
    again = evening.connect()
    again.says("Bob", "lantern light")
    assert again.sees("You are banned until")
    assert not again.connected
    assert "no longer banned" in evening.types(evening.ann, ".unban bob")


@pytest.mark.parametrize(
    "line", [".join {}", ".on {} hey", ".topic {} tea", ".part {}", ".invite {} bob", ".close {}"]
)
def test_a_private_channel_is_not_there_for_others(evening, line):
    """Not even by the beginning of its name; its members and admins find it."""
    cid = evening.person("Cid")
    evening.types(cid, ".create lamps")
    evening.types(cid, ".private lamps yes")
    for name in ("lamps", "lam", "lampz"):
        answer = evening.types(evening.bob, line.format(name))
        assert answer == f"There is no channel called {name!r}.\n"
    assert "lamps" not in evening.types(evening.bob, ".channels")
    assert "[lamps]" in evening.types(cid, ".on lam hey")
    assert "[lamps]" in evening.types(evening.ann, ".join lamps")


def test_a_role_is_not_taken_from_somebody_who_ranks_above(evening):
    evening.person("Cid")
    evening.user("bob").grant("admin")
    evening.user("ann").ROLES["warden"] = {"admin"}
    try:
        evening.user("ann").roles = {"warden"}
        assert "Bob ranks above you." in evening.types(evening.ann, ".role bob admin")
        assert "admin" in evening.user("bob").roles
    finally:
        del evening.user("ann").ROLES["warden"]


@pytest.mark.parametrize(
    "line", ["hello", ".emote waves", ".tell ann hey", ".shout hey", ".wave", ".on lamps hey"]
)
def test_a_hushed_user_is_heard_by_no_command(evening, line):
    evening.types(evening.bob, ".create lamps")
    evening.types(evening.ann, ".join lamps")
    assert evening.types(evening.ann, ".hush bob 10m shouting") == "Bob is hushed.\n"
    evening.bob.reads()
    evening.ann.reads()
    assert "You are hushed until" in evening.types(evening.bob, line)
    assert evening.ann.reads() == ""
    assert evening.types(evening.ann, ".unhush bob") == "Bob is no longer hushed.\n"
    evening.clock.advance(20)  # there is a pause between shouts
    evening.types(evening.bob, line)
    assert evening.ann.reads() != ""


def test_a_keeper_hushes_a_guest_and_not_an_admin(evening):
    evening.user("bob").grant("keeper")
    guest = evening.connect()
    guest.says("guest")
    evening.ann.reads()
    assert evening.types(evening.bob, ".hush guest-1") == "Guest-1 is hushed.\n"
    assert "You are hushed until" in evening.types(guest, "hello")
    assert evening.ann.reads() == ""
    assert "Ann ranks above you." in evening.types(evening.bob, ".hush ann 1h")
    assert evening.types(evening.bob, ".unhush guest-1") == "Guest-1 is no longer hushed.\n"
    evening.types(guest, "hello")
    assert evening.ann.reads() == "Guest-1 says: hello\n"


def test_a_flood_of_tells_is_not_sent(evening):
    for number in range(30):
        said = evening.types(evening.bob, f".tell ann {number}")
    assert said == "Too many lines come from your address. That one was not sent.\n"
    assert evening.ann.reads().count("tells you") == 19  # and one line said that Bob comes in


def test_a_shutdown_is_announced_to_all_and_can_be_called_off(evening):
    evening.types(evening.ann, ".shutdown in 5m tea")
    assert "*** Shutdown in 5 minutes (tea). ***" in evening.bob.reads()
    evening.types(evening.ann, ".cancel")
    assert "The shutdown is cancelled" in evening.bob.reads()


def test_roles_are_given_and_taken(evening):
    assert "Roles of Bob: keeper." in evening.types(evening.ann, ".role bob keeper")
    assert "*** hear ye ***" in evening.types(evening.bob, ".announce hear ye")
    assert "Roles of Bob: none." in evening.types(evening.ann, ".role bob keeper")
    assert "Ann is the only admin." in evening.types(evening.ann, ".role ann admin")


def test_a_guest_looks_in_and_nothing_is_kept_of_them(evening):
    guest = evening.person("guest")
    assert "--- The lamp room ---" in guest.transcript
    for line in (".mail", ".password", ".create lamps", ".chann"):
        assert "You need an account for that. Type .register." in evening.types(guest, line)
    assert ".mail" not in evening.types(guest, ".help")
    evening.types(guest, "q")
    assert "has no mailbox" in evening.types(evening.ann, ".write guest-1 hello")
    assert isinstance(guest.client.user, TempStoreMixin)
    evening.types(guest, ".quit")
    assert evening.active("guest") == {}


def test_the_report_of_a_reload_is_shown_to_developers_and_once(evening):
    answer = evening.types(evening.ann, ".reload")
    assert answer.count("generation") == 1
    assert evening.bob.reads() == ""
    evening.reload(talk=lambda text: text + "\n1/0\n")
    assert "ZeroDivisionError" in evening.ann.reads()


def test_everybody_stays_where_they_are_over_a_reload(evening):
    """In a room, in the editor, in the pager, at the password, away, hoarse, link-dead, counting down."""
    writer, reader, stranger, lost = (evening.person(n) for n in ("Cid", "Dora", "Eve", "Finn"))
    evening.types(evening.bob, ".shout hey")
    evening.types(evening.bob, ".down")
    evening.types(evening.bob, ".away lunch")
    evening.types(evening.ann, ".shutdown 5m")
    evening.types(writer, ".write bob")
    evening.types(writer, "Dear Bob")
    evening.types(reader, ".help")
    evening.types(stranger, ".quit")
    stranger = evening.connect()
    stranger.says("Eve")
    lost.hangs_up()
    assert evening.user("finn").link_lost
    report = evening.reload(talk=lambda text: text.replace("You say:", "You say aloud:"))
    assert report.ok, report
    assert report.holders == []
    assert evening.types(writer, "and Ann") == "  3> "
    assert "Your letter to Bob is sent." in evening.types(writer, ".")
    assert "Enter: more" in evening.types(reader, "")
    evening.types(reader, "q")
    evening.types(stranger, "lantern light")
    assert "This is visit number 2" in stranger.transcript
    assert evening.user("finn").link_lost
    assert evening.user("bob").is_away
    assert "You can use .shout again in" in evening.types(evening.bob, ".shout hey")
    assert evening.types(evening.bob, "hm") == "You say aloud: hm\n"
    assert evening.user("bob").room.key == "stairs"
    assert evening.active("shutdown")["planned"].is_running
    letter = evening.active("mailbox")["bob"].letters[0]
    assert letter["text"] == "Dear Bob\nand Ann"


def test_twenty_reloads_leave_one_generation(evening):
    for number in range(20):
        evening.types(evening.bob, ".shout hey")
        report = evening.reload(talk=lambda text, n=number: text + f"\n# {n}\n")
        assert report.ok
        assert report.holders == [], report.holders


def test_a_guest_creates_an_account_and_goes_on(evening):
    guest = evening.person("guest")
    guest.says(".down", ".register", "Ann")
    assert "That name is taken." in guest.transcript
    evening.bob.reads()
    guest.says("Cid", "lantern light", "lantern light", "he")
    assert guest.client.user is evening.user("cid")
    assert evening.active("guest") == {}
    assert evening.bob.reads() == "* Guest-1 leaves.\n* Cid comes in.\n"
    assert "There is no command .register" in evening.types(guest, ".register")
    assert "Your mailbox is empty." in evening.types(guest, ".mail")


def test_a_guest_may_change_their_mind(evening):
    guest = evening.person("guest")
    assert "Enter to stay a guest" in guest.says(".register")
    assert guest.says("", "hello") == "You say: hello\n"


def test_who_has_lost_the_link_shows_so_and_sees_their_room_when_back(evening):
    evening.types(evening.bob, ".down")
    evening.bob.hangs_up()
    assert "disconnected" in evening.types(evening.ann, ".who")
    assert "Bob is disconnected." in evening.types(evening.ann, ".tell bob hey")
    bob = evening.connect()
    bob.says("Bob", "lantern light")
    assert "Ann tells you: hey" in bob.transcript
    assert "--- The winding stairs ---" in bob.transcript


def test_what_people_say_is_not_in_the_audit_log(evening):
    """Neither on channels nor in letters; what keepers and admins do is."""
    lines = []

    def observe(event):
        lines.append(
            str(event.get("log_format")) + str({k: event[k] for k in event if k[:3] != "log"})
        )

    globalLogPublisher.addObserver(observe)
    for line in (".create lamps", ".on lamps my secret", ".write bob my secret", ".quit"):
        evening.types(evening.ann, line)
    evening.types(evening.ann, ".announce hear ye")
    globalLogPublisher.removeObserver(observe)
    assert not [line for line in lines if "my secret" in line]
    assert [line for line in lines if "hear ye" in line]


def test_what_is_told_comes_to_graphical_clients_as_well(lantern):
    """Beside the text, as channel ``tell``; not if it is refused."""
    ann, bob = (lantern.connect(gmcp=True) for _ in range(2))
    for person, name in ((ann, "Ann"), (bob, "Bob")):
        person.sends("Core.Supports.Set", ["Comm.Channel 1"])
        person.says(name, "y", "lantern light", "lantern light", "")
    lantern.types(ann, ".tell bob psst")
    told = [data for package, data in bob.messages if package == "Comm.Channel.Text"]
    assert told == [{"channel": "tell", "talker": "Ann", "text": "Ann tells you: psst"}]
    lantern.types(bob, ".ignore ann")
    lantern.types(ann, ".tell bob psst")
    told = [data for package, data in bob.messages if package == "Comm.Channel.Text"]
    assert len(told) == 1


def test_tab_knows_the_commands_one_may_use_and_who_is_here(lantern):
    """Not before the login, and not while a question waits for an answer."""
    ann = lantern.connect()
    editor = LineEditor()
    ann.client.use_editor(editor)
    assert editor.complete(".te") == []
    ann.says("Ann", "y", "lantern light", "lantern light", "")
    bob = lantern.person("Bob")
    words = editor.complete(".te")
    assert {".tell", ".say", "Ann", "Bob"} <= set(words)
    assert ".shutdown" not in words
    assert ".tell" not in editor.complete(".tell b")
    assert "Bob" in editor.complete(".tell b")
    ann.client.ask("Sure? ")
    assert editor.complete(".te") == []
    bob.hangs_up()
