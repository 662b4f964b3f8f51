"""What a person types without echo is in no log event and in nothing that is written of one.

Each test has somebody type such words; the fixture ``watch`` looks for them when it is over, in every
event and in all three formats, with every level on.
"""

from __future__ import annotations

import io
import pprint

import pytest
from click.testing import CliRunner
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure

from cletus import events
from cletus.cli import main
from cletus.contrib.users import ChangePassword
from cletus.doors.telnet.protocol import TelnetProtocol
from cletus.logs.colour import colour_renderer
from cletus.logs.json_lines import format_json
from cletus.logs.log import Log
from cletus.testing import Person
from tests.contrib.conftest import clean_imports, run
from tests.contrib.users.conftest import cheap_hashes, talk, talker

__all__ = ["cheap_hashes", "clean_imports", "run", "talk", "talker"]

#: No other word of these tests or of the code has it in it.
MARK = "xyzzy"
PASSWORD = f"open {MARK} 12 'é'"
OTHER = f"shut {MARK} 34"


class Watch:
    """All that is logged of a service, written in all formats."""

    def __init__(self):
        self.events = []
        self._logs = []
        globalLogPublisher.addObserver(self.events.append)

    def service(self, service):
        service.configure(log_levels=("debug", "twisted=debug"))
        for kind in ("text", "colour", "json"):
            service.configure(log_format=kind)
            stream = io.StringIO()
            log = Log(service, stream)
            service.configure(log_format="text")
            log._settings = service.settings  # it keeps its format
            self._logs.append((log, stream))
            globalLogPublisher.addObserver(log)
        return service

    def written(self):
        return [stream.getvalue() for _, stream in self._logs]

    def texts(self):
        yield from self.written()
        render = colour_renderer(100)
        for event in self.events:
            yield pprint.pformat({**event, "log_failure": None, "log_source": None})
            failure = event.get("log_failure")
            if failure is not None:
                yield failure.getTraceback(detail="default", elideFrameworkCode=False)
                yield render(event)
                yield format_json(event)

    def close(self):
        for log, _ in self._logs:
            globalLogPublisher.removeObserver(log)
        globalLogPublisher.removeObserver(self.events.append)


@pytest.fixture
def watch():
    watch = Watch()
    yield watch
    watch.close()
    assert watch.events, "something was logged"
    for text in watch.texts():
        assert MARK not in text, text


@pytest.fixture
def house(talker, watch):
    """A talker that is watched."""
    watch.service(talker.service)
    return talker


def test_choosing_a_password_at_the_first_login(house):
    person = house.person()
    person.types("Ann", "y", PASSWORD, PASSWORD)
    house.wait(1)
    assert house.user("ann") is not None
    house.service.save_all()


def test_logging_in_with_wrong_ones_until_turned_away(house, watch):
    """The throttle says what it does, and not about what."""
    house.account("Ann", PASSWORD)
    for number in range(12):
        house.login("ann", f"{OTHER} {number}").hangs_up()
    house.wait(3600)
    assert house.login("ann", PASSWORD).sees("Be kind.")
    assert any("failed logins" in text for text in watch.written())


def test_changing_it(house):
    house.account("Ann", PASSWORD)
    person = house.login("ann", PASSWORD)
    for old, new in ((OTHER, OTHER), (PASSWORD, OTHER)):
        person.client.start_dialogue(ChangePassword())
        person.types(old, new, new)
        house.wait(1)
    assert person.sees("Your password has been changed.")


def test_a_reload_in_the_midst_of_it(house):
    """Committed and refused, with a half-answered dialogue and typed-ahead lines."""
    house.account("Ann", PASSWORD)
    person = house.person()
    person.types("Ann")
    house.reload()
    assert not house.app.reload(talker=lambda text: text + "\n1/0\n").ok
    person.types(PASSWORD)
    person.client.start_dialogue(ChangePassword())
    person.types(PASSWORD, OTHER)
    house.reload("v2", "v3")
    person.types(OTHER)
    house.wait(1)
    assert person.sees("Your password has been changed.")


LISTENERS = {
    "sync": """
        @service.listen(events.Receive)
        def receive(event):
            line = event.data
            raise RuntimeError("a mistake")
    """,
    "quoted": """
        @service.listen(events.Connect)
        async def connect(event):
            int(await event.client.ask("Number? ", hidden=True))
    """,
    "key": """
        @service.listen(events.Connect)
        async def connect(event):
            word = await event.client.ask("Word? ", hidden=True)
            {}[word]
    """,
    "later": """
        @service.listen(events.Connect)
        async def connect(event):
            word = await event.client.ask("Word? ", hidden=True)
            await service.wait
            raise ValueError(f"no such word: {word!r}")
    """,
    "step": """
        from cletus import Dialogue, step
        class Login(Dialogue):
            @step("Word? ", hidden=True)
            def word(self, line):
                raise ValueError(line)
        service.listen(events.Connect)(lambda event: event.client.start_dialogue(Login()))
    """,
    "later step": """
        from cletus import Dialogue, step
        class Login(Dialogue):
            @step("Word? ", hidden=True)
            async def word(self, line):
                await service.wait
                raise ValueError(line)
        service.listen(events.Connect)(lambda event: event.client.start_dialogue(Login()))
    """,
    "chained": """
        @service.listen(events.Connect)
        async def connect(event):
            word = await event.client.ask("Word? ", hidden=True)
            try:
                int(word)
            except ValueError as error:
                raise RuntimeError("outer") from error
    """,
}


@pytest.mark.parametrize("kind", LISTENERS)
def test_a_mistake_in_what_handles_it(run, kind):
    """Not by a local variable in the traceback, and not by an error that quotes what it was given."""
    watch = Watch()
    app = run(
        core="from cletus import Service, events\nservice = Service()\n",
        talk=f"from cletus import events\nfrom APP.core import service\n{_dedent(LISTENERS[kind])}",
    )
    watch.service(app.service)
    app.service.wait = Deferred()
    person = app.person()
    person.types(PASSWORD)
    app.service.wait.callback(None)
    texts = watch.written()
    watch.close()
    assert all("failed for" in text for text in texts), "the mistake itself is there"
    for text in texts:
        assert MARK not in text, text


def _dedent(text):
    return "\n".join(line[8:] for line in text.splitlines())


def test_what_a_program_says_in_its_place(start, watch, clock, log):
    """Mudlet logs in by GMCP: ``Char.Login.Credentials``."""
    service = watch.service(start())

    @service.gmcp("Char.Login")
    def credentials(event):
        password = event.data["password"]
        raise RuntimeError("a mistake with " + "x" * len(password[:0]))

    person = Person(service, clock)
    service.connections.message_received(
        person.client, "Char.Login.Credentials", {"account": "ann", "password": PASSWORD}
    )
    assert any("a mistake" in text for text in watch.written())
    log.take_failures()


def test_a_line_that_is_too_long(start, watch):
    """The person is told, the log is not."""
    service = watch.service(start(line_max=20))
    service.listen(events.Connect)(lambda event: event.client.ask("Word? ", hidden=True))
    transport, protocol = StringTransport(), TelnetProtocol(service)
    protocol.makeConnection(transport)
    protocol.dataReceived(PASSWORD.encode() * 10 + b"\r\n")
    service.turn.run()
    assert b"too long" in transport.value()
    protocol.connectionLost(Failure(ConnectionDone()))


def test_cletus_user_from_the_standard_input(tmp_path, monkeypatch, watch, cheap_hashes):
    (tmp_path / "house.py").write_text(
        "from cletus import Service\n"
        "from cletus.contrib.users import BaseAccount, Users\n"
        "service = Service(store='saved', log_levels='debug')\n"
        "class User(BaseAccount):\n    service = service\n"
        "users = Users(service, User)\n"
    )
    monkeypatch.chdir(tmp_path)
    for command, password in (("add", PASSWORD), ("password", OTHER), ("password", MARK[:2])):
        result = CliRunner().invoke(
            main, ["user", command, "house.py", "Ann", "--stdin"], input=f"{password}\n"
        )
        assert MARK not in result.output
        assert MARK not in repr(result.exception)
    assert result.exit_code == 2
    saved = (tmp_path / "saved" / "user" / "ann.json").read_text()
    assert MARK not in saved
    watch.events.append({"log_format": "nothing else was logged"})
