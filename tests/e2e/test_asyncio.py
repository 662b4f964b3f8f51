"""Libraries made for asyncio: the application of docs/waiting.md, on asyncio's event loop."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.e2e.harness import TIMEOUT, Caller, Talker, wait_until
from tests.test_docs import DOCS, blocks


class Station:
    """A server that says nothing until it is told to."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(TIMEOUT)
        self.port = self._listening.getsockname()[1]
        self._calls: list[socket.socket] = []

    def is_called(self) -> socket.socket:
        call, _ = self._listening.accept()
        call.settimeout(TIMEOUT)
        self._calls.append(call)
        return call

    def close(self) -> None:
        for each in (*self._calls, self._listening):
            each.close()


@pytest.fixture
def station() -> Iterator[Station]:
    station = Station()
    yield station
    station.close()


@pytest.fixture
def weather(tmp_path: Path, station: Station) -> str:
    """The name of the file."""
    (code,) = (block.code for block in blocks(DOCS / "waiting.md") if block.file == "weather.py")
    (tmp_path / "weather.py").write_text(code.replace("7777", str(station.port)))
    return "weather.py"


WAYS = {
    "cletus run": ("-m", "cletus", "run", "weather.py"),
    "python": ("weather.py",),
    "twist": ("-m", "twisted", "--reactor=asyncio", "--log-format=text", "cletus", "weather.py"),
}


@pytest.mark.parametrize("way", WAYS)
def test_code_for_asyncio_is_awaited_while_others_are_served(
    start: Callable[..., Talker],
    at_end: ExitStack,
    tmp_path: Path,
    weather: str,
    station: Station,
    way: str,
) -> None:
    """A reload lets it go on in the old code; the next line is for the new code."""
    if way == "python":
        file = tmp_path / weather
        file.write_text(file.read_text() + "\nif __name__ == '__main__':\n    service.run()\n")
    talker = start(*WAYS[way], "--port=0", "--web-port=0", "--store=saved")
    port = int(talker.prints(r"Listening on telnet 127\.0\.0\.1:(\d+)")[1])
    ann, bob = Caller(port), Caller(port)
    for person in (ann, bob):
        at_end.callback(person.hang_up)
    ann.types("weather")
    ann.sees("You look at the sky.\r\n")
    answering = station.is_called()
    bob.types("hello")
    bob.sees("hello\r\n")

    talker.edit(weather, "at the sky", "up")
    talker.prints("Reloaded, generation 1")
    answering.sendall(b"Rain later.\n")
    ann.sees("Rain later.\r\n")
    ann.types("weather")
    ann.sees("You look up.\r\n")
    station.is_called().sendall(b"Sun.\n")
    ann.sees("Sun.\r\n")
    talker.stop()
    assert "Traceback" not in talker.output


def test_who_leaves_while_it_waits_cancels_it_quietly(
    start: Callable[..., Talker], call: Callable[[Talker], Caller], weather: str, station: Station
) -> None:
    talker = start(
        "-m", "cletus", "run", weather, "--port=0", "--web-port=0", "--store=saved",
        "--close-timeout=0.2",
    )  # fmt: skip
    ann = call(talker)
    ann.types("weather")
    ann.sees("You look at the sky.")
    answering = station.is_called()
    ann.hang_up()
    with suppress(ConnectionError):
        assert answering.recv(1) == b"", "the task has closed its connection"
    talker.prints("disconnected")
    assert talker.stop() == 0
    assert "Traceback" not in talker.output
    assert "error" not in talker.output


def test_code_that_does_not_return_is_cut_off_on_this_loop_too(
    start: Callable[..., Talker], call: Callable[[Talker], Caller], weather: str, tmp_path: Path
) -> None:
    file = tmp_path / weather
    file.write_text(
        file.read_text().replace(
            "reader, writer =", "while True: len('for ever')\n    reader, writer ="
        )
    )
    talker = start(
        "-m", "cletus", "run", weather, "--port=0", "--web-port=0", "--store=saved",
        "--call-timeout=0.5",
    )  # fmt: skip
    ann, bob = call(talker), call(talker)
    ann.types("weather")
    ann.sees("Something went wrong here.")
    bob.types("hello")
    bob.sees("hello\r\n")
    talker.prints("CallTimedOut")
    assert talker.stop() == 0


@pytest.mark.parametrize(
    ("code", "option", "words"),
    [
        ("from twisted.internet import reactor\n", "asyncio", "EPollReactor is installed already"),
        ("", "quick", "setting 'reactor'"),
    ],
)
def test_a_reactor_that_cannot_be_used_refuses_the_start(
    start: Callable[..., Talker], tmp_path: Path, code: str, option: str, words: str
) -> None:
    (tmp_path / "app.py").write_text(code + "from cletus import Service\nservice = Service()\n")
    talker = start("-m", "cletus", "run", "app.py", "--port=0", f"--reactor={option}")
    assert talker.ends() == 2
    wait_until(lambda: words in talker.output, words, lambda: talker.output)
    assert "Traceback" not in talker.output
