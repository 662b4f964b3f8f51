"""Reading a long text."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cletus.contrib.pager import Pager
from cletus.contrib.pager.pager import rows_of

APPLICATION = """
    from cletus import Service, events
    from cletus.contrib.pager import Pager, page

    service = Service()

    @service.listen(events.Receive)
    def receive(event):
        if event.data.isdigit():
            page(event.client, [f"line {n + 1}" for n in range(int(event.data))])
        elif event.data == "small":
            event.client.start_dialogue(Pager([f"line {n + 1}" for n in range(10)], rows=3))
        else:
            event.client.write(f"heard {event.data}")
"""


@pytest.fixture
def book(app):
    app.ann = app.person()
    return app


def shown(text):
    """The numbers of the lines, and the prompt if there is one."""
    lines = text.splitlines()
    return [int(line[5:]) for line in lines if line.startswith("line ")], "Enter: more" in text


def test_what_fits_the_screen_is_shown_at_once(book):
    assert shown(book.ann.says("22")) == (list(range(1, 23)), False)
    assert book.ann.says("x") == "heard x\n"


def test_nothing_is_shown_as_nothing(book):
    assert book.ann.says("0") == ""


def test_what_does_not_fit_is_shown_by_the_page(book):
    assert shown(book.ann.says("50")) == (list(range(1, 23)), True)
    assert shown(book.ann.says("")) == (list(range(23, 45)), True)
    assert shown(book.ann.says("")) == (list(range(45, 51)), False)
    assert book.ann.says("x") == "heard x\n"


def test_a_line_longer_than_the_window_takes_several_rows(book):
    """Nothing of a page scrolls out of the window; the page before is the one that they saw."""
    (client,) = book.service.clients
    client.terminal.columns, client.terminal.rows = 20, 7
    client.terminal.wrap = True
    client.start_dialogue(Pager(["a word " * 7, "short", "b" * 30, "c", "d" * 200, "e"]))
    pages = [book.ann.reads()] + [book.ann.says(word) for word in ("", "b", "", "", "")]
    first = "a word a word a word\na word a word a word\na word\nshort\n"
    rows = [page.rsplit("(line", 1)[0] for page in pages]
    assert rows[0] == rows[2] == first
    assert rows[1] == rows[3] == f"{'b' * 20}\n{'b' * 10}\nc\n"
    assert rows[4] == f"{'d' * 20}\n" * 10  # it fits no page
    assert rows[5] == "e\n"


def test_what_fits_by_its_lines_alone_is_shown_by_the_page(book):
    (client,) = book.service.clients
    client.terminal.columns, client.terminal.rows = 5, 10
    assert shown(book.ann.says("5"))[1]


def test_a_page_that_scrolls_is_shown_all_of_it(book):
    """It breaks lines itself and keeps them: there is nothing to wait for."""
    (client,) = book.service.clients
    client.terminal.reflows = True
    assert shown(book.ann.says("50")) == (list(range(1, 51)), False)
    assert book.ann.says("x") == "heard x\n"


@pytest.mark.parametrize(
    ("typed", "then"),
    [
        (["", "b"], [1, 2, 3]),
        (["b"], [1, 2, 3]),
        (["", "", "back"], [4, 5, 6]),
        (["a"], [4, 5, 6, 7, 8, 9, 10]),
        (["what?"], []),
    ],
)
def test_the_reader_goes_on_back_or_to_the_end(book, typed, then):
    book.ann.says("small", *typed[:-1])
    assert shown(book.ann.says(typed[-1]))[0] == then


def test_the_reader_may_stop(book):
    book.ann.says("small")
    assert book.ann.says("q") == ""
    assert book.ann.says("x") == "heard x\n"


def test_a_reload_leaves_the_reader_at_the_page(book):
    book.ann.says("small")
    report = book.reload(lambda text: text.replace("heard", "I heard"))
    assert report.ok
    assert shown(book.ann.says(""))[0] == [4, 5, 6]
    assert book.ann.says("q", "x") == "I heard x\n"


def test_a_page_is_as_long_as_the_terminal_shows():
    assert rows_of(SimpleNamespace(terminal=SimpleNamespace(rows=60))) == 60
    assert rows_of(SimpleNamespace(terminal=SimpleNamespace(rows=0))) == 24
    assert rows_of(SimpleNamespace()) == 24
    tiny = Pager()
    tiny.client = SimpleNamespace(terminal=SimpleNamespace(rows=1))
    assert tiny.length == 1


@pytest.mark.parametrize("line", ["hello", "quiet please", "back to work"])
def test_a_line_that_is_none_of_its_keys_ends_it_and_is_heard(book, line):
    book.ann.says("small")
    assert book.ann.says(line) == f"heard {line}\n"
    assert book.ann.says("x") == "heard x\n"


def test_lines_that_were_typed_ahead_stay_behind_it(book):
    book.ann.says("small")
    assert book.ann.says("one", "two") == "heard one\nheard two\n"
