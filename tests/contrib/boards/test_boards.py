"""Boards, the message of the day, and pages of help."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from cletus.errors import Refused
from cletus.testing import assert_survives_reload

APPLICATION = """
    from functools import partial

    from cletus import Service, events
    from cletus.contrib.boards import (
        BaseBoard, BaseHelpPage, BaseNotice, BaseThread, BoardReaderMixin, HelpPages, Posted,
        register_commands,
    )
    from cletus.contrib.commands import CommandRegistry, Rest
    from cletus.contrib.editor import Editor
    from cletus.contrib.pager import page
    from cletus.contrib.users import BaseUser
    from cletus.storage import Field

    service = Service()
    commands = CommandRegistry(service)
    register_commands(commands)
    posted = []

    class Board(BaseBoard):
        service = service

    class Thread(BaseThread):
        service = service

    class Notice(BaseNotice):
        service = service

    class HelpPage(BaseHelpPage):
        service = service

    class User(BoardReaderMixin, BaseUser):
        service = service
        may = Field(set, session=True)
        ignored = Field(set, session=True)

        def has_permission(self, permission):
            return permission in self.may

        def ignores(self, other):
            return other.key in self.ignored

    pages = HelpPages(commands, HelpPage)
    Board("tales", description="Stories.")
    Board("news", writing="announce")
    Board("secret", reading="admin")

    @commands.register(name="help")
    def help_(event, about: Rest = ""):
        "Read about a command."
        event.user.write(*pages.help(event, about))

    @commands.register
    def motd(event):
        page(event.client, Notice.of("motd").lines())

    @commands.register
    def write(event, about: str):
        text = Notice.of("motd") if about == "motd" else pages.page(about)
        event.client.start_dialogue(Editor(text.text, then=partial(text.write, event.user)))

    @service.listen(Posted)
    def note(event):
        posted.append((event.user.key, event.board.key, event.thread.key))

    @service.listen(events.Receive)
    def receive(event):
        if event.user is None:
            User(event.data, name=event.data.capitalize()).log_in(event.client)
            return None
        return commands.run(event, event.data)
"""


@pytest.fixture
def hall(app):
    app.ann, app.bob = app.person(), app.person()
    app.ann.says("ann")
    app.bob.says("bob")
    app.user = lambda name: app.active("user")[name]
    app.post = lambda visitor, board, title, text: visitor.says(f"post {board} {title}", text, ".")
    yield app
    app.service.reactor.advance(1)  # what is saved soon is saved by then


def test_boards_are_listed_but_not_those_that_one_may_not_read(hall):
    text = hall.ann.says("boards")
    assert "tales       Stories." in text
    assert "secret" not in text
    assert hall.ann.says("board secret") == "There is no board called 'secret'.\n"
    hall.user("ann").may = {"admin"}
    assert hall.ann.says("board secret") == "Nothing has been written on secret yet.\n"


def test_a_thread_is_read_and_answered(hall):
    hall.post(hall.ann, "tales", "The lost lamp", "It was dark.")
    assert hall.bob.reads() == "Ann has written on tales: The lost lamp\n"
    assert "tales    1  Stories." in hall.bob.says("boards")
    assert "     1    1  The lost lamp  Ann     1970-01-01\n" in hall.bob.says("board tales")
    assert hall.bob.says("read tales 1") == (
        "tales, 1: The lost lamp\n\nAnn, 1970-01-01 00:00\n  It was dark.\n"
    )
    assert "tales       Stories." in hall.bob.says("boards")
    hall.bob.says("answer tales 1", "And wet.", ".")
    assert hall.ann.reads() == "Bob has answered on tales: The lost lamp\n"
    assert "Bob, 1970-01-01 00:00\n  And wet.\n" in hall.ann.says("read tales 1")
    module = __import__("small_application")
    assert module.posted == [("ann", "tales", "tales-1"), ("bob", "tales", "tales-1")]


def test_dates_are_shown_in_the_reader_s_time_zone(hall):
    hall.post(hall.ann, "tales", "The lost lamp", "It was dark.")
    hall.user("bob").zone = ZoneInfo("Asia/Tokyo")
    assert "Ann, 1970-01-01 09:00\n" in hall.bob.says("read tales 1")
    assert "Ann, 1970-01-01 00:00\n" in hall.ann.says("read tales 1")


def test_news_is_written_by_those_who_may(hall):
    assert hall.ann.says("post news Hello") == "You may not write on news.\n"
    hall.user("ann").may = {"announce"}
    hall.post(hall.ann, "news", "A new room", "Go and see.")
    assert hall.bob.reads() == "Ann has written on news: A new room\n"
    assert hall.bob.says("answer news 1") == "You may not write on news.\n"


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("read tales 1", "There is no thread 1 on tales."),
        ("answer tales 7", "There is no thread 7 on tales."),
        ("read nowhere 1", "There is no board called 'nowhere'."),
        ("unpost tales 1", "There is no thread 1 on tales."),
    ],
)
def test_what_is_not_there_is_refused(hall, typed, answer):
    assert hall.ann.says(typed) == f"{answer}\n"


def test_who_has_just_written_waits(hall):
    hall.post(hall.ann, "tales", "A", "x")
    assert "You can use post again in" in hall.ann.says("post tales B")


def test_texts_and_boards_have_bounds(hall, monkeypatch):
    board, ann = hall.active("board")["tales"], hall.user("ann")
    for text in ("", "  \n ", "x" * (board.text_max + 1)):
        with pytest.raises(Refused):
            board.post(ann, "A", text)
    with pytest.raises(Refused, match="title"):
        board.post(ann, " ", "x")
    monkeypatch.setattr(type(board), "threads_max", 1)
    monkeypatch.setattr(type(board), "messages_max", 2)
    thread = board.post(ann, "t" * 100, "x")
    assert len(thread.title) == board.title_max
    with pytest.raises(Refused, match="is full"):
        board.post(ann, "B", "x")
    board.reply(ann, thread, "y")
    with pytest.raises(Refused, match="is full"):
        board.reply(ann, thread, "z")


def test_nobody_alone_can_fill_a_board_nor_can_newcomers(hall, monkeypatch):
    board, news = hall.active("board")["tales"], hall.active("board")["news"]
    ann, bob = hall.user("ann"), hall.user("bob")
    for each in (board, news):
        monkeypatch.setattr(type(each), "threads_max", 8)
        monkeypatch.setattr(type(each), "own_max", 2)
    ann.may = {"announce"}
    for number in range(4):
        board.post(ann, f"Tale {number}", "x")
    with pytest.raises(Refused, match="You have 4 threads on tales"):
        board.post(ann, "Tale 5", "x")
    monkeypatch.setattr(type(bob), "is_newcomer", True, raising=False)
    with pytest.raises(Refused, match="is full"):
        board.post(bob, "A", "x")
    monkeypatch.undo()
    board.post(bob, "A", "x")
    for number in range(6):
        news.post(ann, f"News {number}", "x")


def test_a_thread_is_removed_by_its_author_and_by_moderators(hall):
    hall.post(hall.ann, "tales", "A", "x")
    assert hall.bob.says("unpost tales 1").startswith("Only moderators")
    assert hall.ann.says("unpost tales 1") == "A is removed.\n"
    hall.ann.waits(60)
    hall.post(hall.ann, "tales", "B", "x")
    assert "     1    1  B" in hall.bob.says("board tales"), "another thread, not read yet"
    hall.bob.says("answer tales 1", "y", ".")
    assert hall.ann.says("unpost tales 1").startswith("Only moderators")
    hall.user("ann").may = {"boards"}
    assert hall.ann.says("unpost tales 1") == "B is removed.\n"


def test_an_answer_to_a_thread_that_was_removed_is_refused(hall):
    hall.post(hall.ann, "tales", "A", "x")
    hall.bob.says("answer tales 1", "y")
    hall.ann.says("unpost tales 1")
    assert "That thread has been removed." in hall.bob.says(".")


def test_who_is_ignored_is_not_read(hall):
    hall.user("bob").ignored = {"ann"}
    hall.post(hall.ann, "tales", "A", "my words")
    assert hall.bob.reads() == ""
    text = hall.bob.says("read tales 1")
    assert "my words" not in text
    assert "(You ignore the author.)" in text


def test_messages_of_a_deleted_account_stay_and_are_nobody_s(hall):
    hall.post(hall.ann, "tales", "A", "x")
    hall.user("ann").save()
    hall.store("user").manager.delete("ann")
    (message,) = hall.active("thread")["tales-1"].messages
    assert (message["author"], message["author_key"]) == ("Ann", "")


def test_the_message_of_the_day_is_written_in_the_game(hall):
    assert hall.ann.says("motd") == ""
    hall.ann.says("write motd", "Rain.", "", "Bring a coat.", ".")
    assert hall.bob.says("motd") == "Rain.\n\nBring a coat.\n"
    notice = hall.store("notice").of("motd")
    assert notice.author == "Ann"
    with pytest.raises(Refused, match="at most"):
        notice.write(hall.user("ann"), "x" * 20_000)


def test_pages_of_help_stand_beside_docstrings(hall):
    hall.ann.says("write help", "Ask Ann.", ".")
    hall.ann.says("write ships", "They sail.", ".")
    text = hall.bob.says("help help")
    assert "Read about a command." in text
    assert text.endswith("\n\nAsk Ann.\n")
    assert hall.bob.says("help Ships") == "They sail.\n"
    assert hall.bob.says("help").endswith("Pages: help, ships.\n")
    assert "There is no help about" in hall.bob.says("help zzz")
    assert hall.ann.says("write a/b") == "No page can be about 'a/b'.\n"


def test_everything_survives_a_reload(hall):
    hall.post(hall.ann, "tales", "A", "x")
    hall.ann.says("write ships", "They sail.", ".")
    assert_survives_reload(hall.service)
    hall.bob.says("answer tales 1", "half a")
    assert hall.reload().ok
    hall.bob.says("message", ".")
    assert "  half a\n  message\n" in hall.ann.says("read tales 1")


def test_everything_is_there_after_a_restart(hall, restart, connect):
    hall.post(hall.ann, "tales", "A", "x")
    hall.ann.says("write ships", "They sail.", ".")
    restart()
    carl = connect()
    carl.says("carl")
    assert "     1    1  A" in carl.says("board tales")
    assert carl.says("help ships") == "They sail.\n"
