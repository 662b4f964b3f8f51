"""What new code writes to people while it is imported comes with the commit, and of a refused edit not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cletus.doors.web.door import WebDoor
from cletus.protocol.line_editor import LineEditor
from cletus.testing import MemoryDoor, Person
from tests.doors.web.browser import Tab

APP = """
    from APP.core import service
    from cletus import Dialogue, step

    class News(Dialogue):
        @step("news> ")
        def read(self, line):
            self.client.write(f"read {line}")
            return self.done(line)

    def shout():
        for client in service.clients:
            {statement}
"""

#: Each way to show something, and what of it is seen.
WAYS = {
    "write": ('client.write("news")', "news"),
    "write_raw": ('client.write_raw("news")', "news"),
    "prompt": ('client.prompt("news> ")', "news> "),
    "write_all": ('service.write_all("news")', "news"),
    "a hidden question": ("client.hide_input()", ""),
    "an end": ('client.close("news")', ""),
    "a question": ('client.ask("news> ")', "news> "),
    "a dialogue": ("client.start_dialogue(News())", "news> "),
    "a dialogue that is waited for": ("client.run_dialogue(News())", "news> "),
    "gmcp": ('client.gmcp.send("Client.Media.Play", {"name": "news.mp3"})', ""),
}


class Others:
    """The people who see it: by telnet with a MUD client, in character mode, and in line mode."""

    def __init__(self, app: Any) -> None:
        self.mud = MemoryDoor(app.service).connect(gmcp=True)
        self.mud.client.gmcp.send("Core.Hello", {})
        self.person = Person(app.service, app.clock)
        self.editing = Person(app.service, app.clock)
        self.editing.transport.terminal.editor = LineEditor(80)
        self.editing.client.use_editor(self.editing.transport.terminal.editor)
        self.mud.reads()
        for person in (self.person, self.editing):
            person.client.prompt("say> ")
            person.new_text()

    def state(self) -> Any:
        """All that they could notice."""
        self.mud.reads()
        return (
            [person.screen for person in (self.person, self.editing)],
            [person.transport.hidden for person in (self.person, self.editing)],
            [person.transport.closed for person in (self.person, self.editing)],
            (self.mud.transcript, [*self.mud.messages], self.mud.types_unseen, self.mud.connected),
        )


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A statement, and what is seen of it."""
    return WAYS[request.param]


@pytest.fixture
def app(run: Callable[..., Any], way: tuple[str, str]) -> Any:
    return run(talk=APP.replace("{statement}", way[0]))


def test_nobody_sees_anything_of_a_refused_edit(app: Any) -> None:
    others = Others(app)
    before = others.state()
    assert not app.reload(talk=lambda text: text + "\nshout()\n1/0\n").ok
    app.clock.advance(10)
    assert others.state() == before
    app.service.write_all("after")  # it goes where it would have gone
    assert others.mud.sees("after")
    assert others.person.new_text() == "\nafter\n"


def test_everybody_sees_once_what_a_good_edit_shows(app: Any, way: tuple[str, str]) -> None:
    others = Others(app)
    before = others.state()
    assert app.reload(talk=lambda text: text + "\nshout()\n").ok
    others.person.new_text()
    after = others.state()
    assert after != before
    times = 3 if way[0].startswith("service") else 1  # it is called once for each client
    assert [screen.count("news") for screen in after[0]] == ([times] * 2 if way[1] else [0] * 2)


#: Ways to ask in a module body, and what shows that the answer has come.
ASK = {
    "a question": 'client.ask("news> ").addCallback(lambda line: client.write("read " + line))',
    "a dialogue": "client.start_dialogue(News())",
    "a dialogue that is waited for": "client.run_dialogue(News())",
}
LISTENER = """
    from cletus import events

    @service.listen(events.Receive)
    def receive(event):
        event.client.write("heard " + event.data)
"""


@pytest.mark.parametrize("statement", ASK.values(), ids=ASK)
def test_nobody_answers_a_refused_edit(run: Callable[..., Any], statement: str) -> None:
    app = run(talk=APP.replace("{statement}", statement) + LISTENER)
    person = Person(app.service, app.clock)
    assert not app.reload(talk=lambda text: text + "\nshout()\n1/0\n").ok
    person.types("hello")
    assert person.new_text() == "heard hello\n"


@pytest.mark.parametrize("statement", ASK.values(), ids=ASK)
def test_what_a_good_edit_asks_is_answered(run: Callable[..., Any], statement: str) -> None:
    app = run(talk=APP.replace("{statement}", statement) + LISTENER)
    person = Person(app.service, app.clock)
    assert app.reload(talk=lambda text: text + "\nshout()\n").ok
    assert person.new_text() == "news> "
    person.types("hello")
    assert "read hello" in person.new_text()
    person.types("hello")
    assert person.new_text() == "heard hello\n"


def test_what_was_written_before_is_not_lost(run: Callable[..., Any]) -> None:
    """It may still wait for the end of its turn when the import begins."""
    app = run(talk=APP.replace("{statement}", 'client.write("of the edit")'))
    person = Person(app.service, app.clock)
    person.client.write("before")
    transaction = app.reload(talk=lambda text: text + "\nshout()\n1/0\n")
    assert not transaction.ok
    assert person.new_text() == "before\n"


@pytest.mark.parametrize("statement", ["service.write_all('news')", "client.write('news')"])
def test_a_page_sees_what_a_good_edit_shows_once(run: Callable[..., Any], statement: str) -> None:
    """The web door has an output of its own between the client and the socket."""
    app = run(talk=APP.replace("{statement}", statement))
    tab = Tab(WebDoor(app.service), "telnet.mudstandards.org", "session.cletus")
    app.clock.advance(0)
    tab.binary()
    assert not app.reload(talk=lambda text: text + "\nshout()\n1/0\n").ok
    app.clock.advance(1)
    assert tab.binary() == []
    assert app.reload(talk=lambda text: text + "\nshout()\n").ok
    app.clock.advance(1)
    assert b"".join(tab.binary()).count(b"news") == 1
