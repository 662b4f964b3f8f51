"""Letters, from the writing to the bin."""

from __future__ import annotations

from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from wcwidth import width

from cletus.errors import CorruptStore, Refused, StoreFull
from cletus.storage.backends.memory import Memory

#: What is written and not saved yet is what some of these are about.
pytestmark = pytest.mark.cletus(store_interval=0.02)

APPLICATION = """
    from cletus import Service, events
    from cletus.contrib.mail import BaseMailbox
    from cletus.contrib.users import BaseUser
    from cletus.storage import Field

    service = Service()

    class Mailbox(BaseMailbox):
        service = service
        letters_max = 3
        text_max = 50

    class User(BaseUser):
        service = service
        deaf = Field(False)

        def ignores(self, other):
            return self.deaf

    @service.listen(events.Receive)
    def receive(event):
        User(event.data, name=event.data.capitalize()).log_in(event.client)
"""


@pytest.fixture
def app(app, clock):
    app.clock = clock
    app.ann = app.person()
    app.ann.says("ann")
    app.user = app.active("user")["ann"]
    app.post = app.store("mailbox").manager
    app.bob = app.store("user")("bob", name="Bob")
    app.ann.reads()
    return app


def send(app, to, text="Hello.", subject=""):
    done = []
    app.post.send(to, sender=app.user, text=text, subject=subject).addBoth(done.append)
    app.clock.advance(1)
    assert done == [None]


def test_a_letter_to_somebody_offline_is_saved_and_let_go_from_memory(app):
    send(app, app.bob)
    assert "bob" not in app.active("mailbox")
    assert [letter["text"] for letter in app.post.of(app.bob).letters] == ["Hello."]


def test_letters_come_after_each_other_also_when_the_first_is_not_saved_yet(app):
    app.post.send(app.bob, sender=app.user, text="one")
    app.post.send(app.bob, sender=app.user, text="two")
    app.clock.advance(1)
    assert [letter["text"] for letter in app.post.of(app.bob).letters] == ["one", "two"]


def test_who_is_connected_is_told_when_the_letter_is_saved_and_it_stays_in_memory(app):
    app.post.send(app.user, sender=app.user, text="Hello.")
    assert app.ann.reads() == ""
    app.clock.advance(1)
    assert app.ann.reads() == "You have mail from Ann.\n"
    app.post.of(app.user).discard(1)
    send(app, app.user)
    assert app.ann.reads() == "You have mail from Ann.\n"
    assert "ann" in app.active("mailbox")


@pytest.mark.parametrize(
    ("text", "reason"), [("", "is empty"), (" \n ", "is empty"), ("x" * 51, "50 characters")]
)
def test_what_is_no_letter_is_refused(app, text, reason):
    with pytest.raises(Refused, match=reason):
        app.post.send(app.bob, sender=app.user, text=text)
    assert "bob" not in app.active("mailbox")


def test_a_full_mailbox_takes_no_more(app):
    for _ in range(3):
        send(app, app.bob)
    with pytest.raises(Refused, match="full"):
        app.post.send(app.bob, sender=app.user, text="x")


def test_who_ignores_the_sender_gets_nothing(app):
    app.bob.deaf = True
    with pytest.raises(Refused, match="takes no mail from you"):
        app.post.send(app.bob, sender=app.user, text="x")


def test_a_mailbox_that_cannot_be_read_is_not_written_over(app):
    app.service.session.writer.write("mailbox", "bob", b"{")
    with pytest.raises(CorruptStore):
        app.post.send(app.bob, sender=app.user, text="x")
    assert app.service.session.writer.read("mailbox", "bob") == b"{"


def test_dates_are_shown_in_the_reader_s_time_zone(app):
    send(app, app.bob)
    reader = SimpleNamespace(zone=ZoneInfo("Asia/Tokyo"))
    box = app.post.of(app.bob)
    assert box.read(1, reader)[0] == "From Ann, 1970-01-01 09:00"
    assert box.read(1)[0] == "From Ann, 1970-01-01 00:00"
    assert "1970-01-01" in box.listing(reader)[0]


def test_letters_are_listed_with_what_is_new(app):
    send(app, app.user, "Dear Ann,\nhow are you?")
    send(app, app.user, "x", subject="On  lamps " + "and lanterns " * 6)
    box = app.post.of(app.user)
    box.read(1)
    assert box.listing() == [
        "  1   Ann                  1970-01-01  Dear Ann,",
        "  2 * Ann                  1970-01-01  On lamps and lanterns and lanterns an...",
    ]
    assert box.summary() == "You have a new letter."
    assert max(map(len, box.listing())) <= 79


def test_a_letter_is_read_in_full_within_the_screen(app):
    send(app, app.user, "word " * 9 + "\n\nEnd", subject="Words")
    assert list(map(str, app.post.of(app.user).read(1))) == [
        "From Ann, 1970-01-01 00:00",
        "Subject: Words",
        "",
        "  " + ("word " * 9).strip(),
        "",
        "  End",
    ]


@pytest.mark.parametrize("number", [0, -1, 2, 10**9])
def test_letters_that_are_not_there_can_be_neither_read_nor_thrown_away(app, number):
    send(app, app.user)
    box = app.post.of(app.user)
    for act in (box.read, box.discard):
        with pytest.raises(Refused, match="no letter"):
            act(number)


def test_a_letter_is_thrown_away(app):
    send(app, app.user, "one")
    send(app, app.user, "two")
    box = app.post.of(app.user)
    box.discard(1)
    assert [letter["text"] for letter in box.letters] == ["two"]
    assert box.unread == 1


def test_an_empty_mailbox_says_so(app):
    box = app.post.of(app.user)
    assert (box.listing(), box.summary()) == (["Your mailbox is empty."], "")


def test_a_mailbox_survives_a_reload_between_writing_and_saving(app):
    app.post.send(app.bob, sender=app.user, text="one")
    # The reload waits until it is saved; a mailbox that is saved and not open leaves memory.
    assert app.reload().ok
    app.clock.advance(1)
    app.reload(lambda text: text + "\n# edited\n")
    post = app.store("mailbox").manager
    assert [letter["text"] for letter in post.of(app.active("user")["bob"]).letters] == ["one"]


def test_wide_letters_count_as_wide(app):
    """Han takes two columns a letter: what has 79 of them would not fit any screen."""
    send(app, app.user, "燈籠" * 24, subject="燈籠" * 30)
    box = app.post.of(app.user)
    (line,) = box.listing()
    assert line.endswith("...")
    assert 70 < width(line) <= 79
    text = list(map(str, box.read(1)[3:]))
    assert "".join(text).replace(" ", "") == "燈籠" * 24
    assert max(map(width, text)) <= 79


def test_nobody_alone_can_fill_a_mailbox(app):
    """Else one would keep everybody else's letters out. What is read makes room for more."""
    type(app.post.of(app.bob)).unread_max = 2
    for _ in range(2):
        send(app, app.bob)
    with pytest.raises(Refused, match="2 of your letters have not been read"):
        app.post.send(app.bob, sender=app.user, text="x")
    app.post.of(app.bob).read(1)
    send(app, app.bob)


def test_newcomers_cannot_fill_a_mailbox(app, monkeypatch):
    """An address has several new accounts an hour."""
    monkeypatch.setattr(type(app.post.of(app.bob)), "letters_max", 4)
    send(app, app.bob)
    send(app, app.bob)
    monkeypatch.setattr(type(app.user), "is_newcomer", True, raising=False)
    with pytest.raises(Refused, match="is full"):
        app.post.send(app.bob, sender=app.user, text="x")
    monkeypatch.setattr(type(app.user), "is_newcomer", False)
    send(app, app.bob)


def test_a_mailbox_may_count_its_letters(app, monkeypatch):
    """An empty one of a class with ``__len__`` is false; it is a mailbox all the same, and the same one."""
    box = app.post.of(app.bob)
    monkeypatch.setattr(type(box), "__len__", lambda box: len(box.letters), raising=False)
    assert app.post.of(app.bob) is box


def test_another_name_does_not_make_room_for_more_letters(app):
    """Unread letters are counted by account, not by name."""
    type(app.post.of(app.bob)).unread_max = 2
    for name in ("Ann", "Anna"):
        app.user.name = name
        send(app, app.bob)
    app.user.name = "Annabel"
    with pytest.raises(Refused, match="2 of your letters have not been read"):
        app.post.send(app.bob, sender=app.user, text="x")
    assert [letter["sender"] for letter in app.post.of(app.bob).letters] == ["Ann", "Anna"]


def test_a_letter_that_could_not_be_saved_is_taken_back(app, monkeypatch):
    """Its sender is told, and sends it again: once there is room, it is there once."""
    full = [True]
    write = Memory.write

    def refuse(self, store, key, data):
        if full[0]:
            raise StoreFull(store, key, "No space left on device", action="save")
        write(self, store, key, data)

    monkeypatch.setattr(Memory, "write", refuse)
    app.bob.log_in(app.ann.client)
    outcomes = []
    app.post.send(app.bob, sender=app.user, text="hello").addBoth(outcomes.append)
    app.clock.advance(1)
    assert outcomes[0].check(StoreFull)
    assert app.ann.reads() == "", "nobody is told of a letter that is not there"
    full[0] = False
    app.clock.advance(10)  # what is tried again is the mailbox without it
    assert app.post.saved()["bob"].letters == []
    send(app, app.bob, "hello")
    assert [letter["text"] for letter in app.post.saved()["bob"].letters] == ["hello"]


def test_a_letter_from_the_future_is_of_today(app):
    """The machine's clock was ahead when it was sent."""
    send(app, app.user)
    box = app.post.of(app.user)
    box.letters[0]["sent"] = 4e9
    assert box.read(1)[0] == "From Ann, 1970-01-01 00:00"
    assert "1970-01-01" in box.listing()[0]


def test_reading_a_letter_writes_a_mark_and_not_the_mailbox(app, monkeypatch):
    send(app, app.bob, "one")
    send(app, app.bob, "two")
    written = []
    write = Memory.write

    def note(self, store, key, data):
        written.append((store, key))
        write(self, store, key, data)

    monkeypatch.setattr(Memory, "write", note)
    box = app.post.of(app.bob)
    box.read(2)
    box.read(2)
    app.clock.advance(1)
    assert written == [("mailboxreadmarks", "bob")]
    app.post.remove_active(box)
    assert [letter["read"] for letter in app.post.of(app.bob).letters] == [False, True]
    assert app.post.of(app.bob).unread == 1


def test_marks_of_letters_that_are_gone_are_forgotten(app):
    for text in ("one", "two"):
        send(app, app.bob, text)
    box = app.post.of(app.bob)
    box.read(1)
    box.discard(1)
    box.read(1)
    app.clock.advance(1)
    (marks,) = app.store("mailboxreadmarks").manager.all().values()
    assert len(marks.read) == 1


def test_the_next_account_of_a_name_has_no_letters_and_no_marks(app):
    send(app, app.bob)
    app.post.of(app.bob).read(1)
    app.clock.advance(1)
    app.store("mailbox").forget_user("bob")
    assert app.store("mailboxreadmarks").manager.all() == {}
    assert app.store("mailbox").manager.all() == {}
    app.store("mailbox").forget_user("nobody")
