"""One caller: whatever they send, they get an answer, and the service goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.task import Clock

from cletus import Service
from cletus.ops.control import commands, protocol
from cletus.ops.control.messages import LINE_MAX, Answer, Ended, Finished, Refusal, Shown, Typed
from cletus.testing import Log, Person
from tests.ops.control.conftest import Call
from tests.reload.conftest import Running

Caller = Callable[[Service], Call]


def test_a_request_is_answered_and_the_connection_closed(
    service: Service, call: Caller, log: Log
) -> None:
    ann = call(service)
    ann.asks("who")
    assert ann.reply == Answer([])
    assert ann.transport.disconnecting
    assert log.lines[-1] == "ann (uid 1) asks for who"


def test_a_request_may_come_in_pieces(service: Service, call: Caller) -> None:
    ann = call(service)
    for byte in b'{"command": "who"}\n':
        assert ann.replies == []
        ann.protocol.dataReceived(bytes([byte]))
    assert ann.reply == Answer([])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "not a message of a control socket"),
        (b"\n", "not a message of a control socket"),
        (b"\xff\xfe\x00\n", "not a message of a control socket"),
        (b"x" * (LINE_MAX + 1), "at most 1048576 bytes"),
        (b'{"command": "who", "root": "/x\\u0000y"}\n', "not a message of a control socket"),
        (b'{"command": "who", "root": "' + b"/a" * 400_000 + b'"}\n', "not a message"),
        (b'{"command": "dance"}\n', "no command 'dance'; there are status, who, reload"),
    ],
)
def test_nonsense_is_refused(service: Service, call: Caller, data: bytes, words: str) -> None:
    ann = call(service)
    ann.protocol.dataReceived(data)
    assert isinstance(ann.reply, Refusal)
    assert words in ann.reply.error
    assert ann.transport.disconnecting
    ann.protocol.dataReceived(data)
    assert len(ann.replies) == 1


def test_who_says_nothing_is_closed(service: Service, call: Caller, clock: Clock) -> None:
    ann = call(service)
    clock.advance(protocol.REQUEST_TIME - 1)
    assert not ann.transport.disconnecting
    clock.advance(1)
    assert "no request came within 10 seconds" in ann.reply.error
    assert ann.transport.disconnecting


def test_who_hangs_up_is_forgotten(service: Service, call: Caller, clock: Clock) -> None:
    ann = call(service)
    ann.hangs_up()
    assert ann.gone
    clock.advance(100)
    assert ann.replies == []


def test_the_service_of_another_application_refuses(
    run: Callable[..., Running], call: Caller
) -> None:
    """On the folder that two share, nobody stops the wrong one."""
    app = run()
    root = str(app.service.session.application.roots[0].path)
    ann = call(app.service)
    ann.asks("shutdown", root="/somewhere/else.py")
    assert ann.reply == Refusal(f"the service on this store is {root}, and not /somewhere/else.py")
    assert app.service.state.value == "running"
    bob = call(app.service)
    bob.asks("who", root=root)
    assert bob.reply == Answer([])


def test_a_service_without_an_application_is_whichever_was_meant(
    service: Service, call: Caller
) -> None:
    ann = call(service)
    ann.asks("who", root="/some/app.py")
    assert ann.reply == Answer([])


def test_a_reload_is_answered_when_it_is_over(run: Callable[..., Running], call: Caller) -> None:
    app = run()
    ann = call(app.service)
    ann.asks("reload")
    assert ann.replies == []
    app.clock.advance(protocol.REQUEST_TIME + 1)
    app.clock.pump([0, 0, 0])
    assert ann.reply.value["ok"]
    assert app.service.session.generation == 1


def test_a_reload_happens_also_if_nobody_waits_for_it(
    run: Callable[..., Running], call: Caller
) -> None:
    app = run()
    ann = call(app.service)
    ann.asks("reload")
    ann.hangs_up()
    app.clock.pump([0, 0, 0, 0])
    assert app.service.session.generation == 1
    assert ann.replies == []


def test_what_the_service_refuses_is_told(run: Callable[..., Running], call: Caller) -> None:
    ann = call(run().service)
    ann.asks("rollback")
    assert ann.reply == Refusal("no earlier generation is kept to go back to")


def test_commands_of_other_packages_get_their_arguments(
    service: Service, call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an entry point; arguments that they do not take are refused."""

    async def greet(service: Service, name: str, loudly: bool = False) -> str:
        return f"{service.settings.name} greets {name}{'!' * loudly}"

    class Entry:
        def load(self) -> object:
            return greet

    def entry_points(group: str, name: str) -> list[Entry]:
        assert group == "cletus.control"
        return [Entry()] if name == "greet" else []

    monkeypatch.setattr(commands, "entry_points", entry_points)
    ann = call(service)
    ann.asks("greet", arguments={"name": "Bob", "loudly": True})
    assert ann.reply == Answer(" greets Bob!")
    ann = call(service)
    ann.asks("greet", arguments={"nme": "Bob"})
    assert ann.reply == Refusal("greet: missing a required argument: 'name'")
    ann = call(service)
    ann.asks("who", arguments={"name": "Bob"})
    assert ann.reply == Refusal("who: got an unexpected keyword argument 'name'")


def test_an_error_of_ours_is_logged_and_told(
    service: Service, call: Caller, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Service, "addresses", property(lambda _: 1 / 0))
    ann = call(service)
    ann.asks("status")
    assert ann.reply == Refusal("division by zero")
    (mistake,) = log.take_failures()
    assert "The request of ann (uid 1) has failed: ZeroDivisionError" in mistake


def test_who_asks_for_the_stop_hears_of_its_end(
    service: Service, call: Caller, come: Callable[..., Person]
) -> None:
    person = come(service)
    ann = call(service)
    ann.asks("shutdown")
    assert ann.protocol.outlives
    assert ann.replies == []
    person.hangs_up()
    assert ann.reply.value["pid"]
    assert service.state.value == "stopped"


def test_a_stop_is_not_taken_back(
    service: Service, call: Caller, come: Callable[..., Person]
) -> None:
    person = come(service)
    ann = call(service)
    ann.asks("shutdown")
    ann.hangs_up()
    person.hangs_up()
    assert service.state.value == "stopped"


# -- shells -------------------------------------------------------------------------------------


def test_a_shell_ends_with_its_code(service: Service, call: Caller, log: Log) -> None:
    ann = call(service)
    assert ann.runs("1 + 1") == "2\n"
    assert ann.replies == [Shown(b"2\n"), Ended(0)]
    assert ann.transport.disconnecting
    ann.hangs_up()
    assert log.lines[-2:] == ["ann (uid 1) opens a shell", "ann (uid 1) has left the shell"]


def test_nonsense_in_a_shell_ends_it(service: Service, call: Caller) -> None:
    ann = call(service)
    ann.asks("shell")
    ann.protocol.dataReceived(b"1 + 1\n")
    assert "not a message" in ann.reply.error


def test_a_shell_may_be_silent(service: Service, call: Caller, clock: Clock) -> None:
    ann = call(service)
    ann.asks("shell")
    clock.advance(1_000_000)
    assert not ann.transport.disconnecting


def test_who_does_not_read_what_a_shell_shows_is_dropped(
    service: Service, call: Caller, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    monkeypatch.setattr(protocol, "OUTPUT_MAX", 100_000)
    ann = call(service)
    ann.asks("shell", terminal=True)
    ann.protocol.pauseProducing()
    ann.runs_line("print('x' * 50_000)")
    assert not ann.aborted
    ann.protocol.resumeProducing()
    ann.runs_line("print('x' * 50_000)")
    ann.protocol.pauseProducing()
    ann.runs_line("print('x' * 50_000)")
    assert not ann.aborted
    ann.runs_line("print('x' * 50_000)")
    assert ann.aborted
    assert log.lines[-1] == "ann (uid 1) does not read what the shell shows: dropped"
    ann.runs_line("service.stop()")
    assert service.state.value == "running", "nothing is taken of them any more"


def test_the_service_stops_while_a_shell_is_open(service: Service, call: Caller) -> None:
    ann = call(service)
    ann.asks("shell", terminal=True)
    ann.protocol.close()
    assert ann.shown.endswith("The service stops.\n")
    assert ann.code == 0


def test_the_service_stops_while_a_request_is_awaited(service: Service, call: Caller) -> None:
    ann = call(service)
    ann.protocol.close()
    assert ann.reply == Refusal("the service stops")


def test_a_large_script_is_refused(service: Service, call: Caller) -> None:
    ann = call(service)
    ann.asks("shell")
    for _ in range(40):
        ann.says(Typed(b"# " * 16_000))
    ann.says(Finished())
    assert ann.shown == "a script may have at most 1048576 bytes\n"
    assert ann.code == 1
