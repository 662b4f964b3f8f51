"""``--dev`` and ``--production``, in processes of their own."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.harness import Caller, Talker, Terminal

APP = """\
from cletus import Service, events
service = Service()

@service.listen(events.Receive)
def receive(event):
    event.client.write(f"You said: {event.data}")
    if event.data == "oops":
        1 / 0
"""


def test_production_logs_json_and_reloads_by_signal_only(
    run: Callable[..., Talker], call: Callable[[Talker], Caller], tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(APP)
    talker = run("app.py", "--production")
    ann = call(talker)
    ann.types("oops")
    ann.sees("You said: oops\r\n")
    talker.edit("app.py", "You said", "I heard")
    talker.gets(signal.SIGHUP)
    talker.prints("Reloaded, generation 1")
    ann.types("hello")
    ann.sees("I heard: hello\r\n")
    assert talker.stop() == 0
    before, _, log = talker.output.partition("Stop with Ctrl-C\n")
    assert "when its files change" not in before
    events = [json.loads(line) for line in log.splitlines()]
    assert any("ZeroDivisionError" in json.dumps(event) for event in events)


@pytest.mark.parametrize("colours", [True, False])
def test_dev_has_a_panel_colours_and_tls(at_end: ExitStack, tmp_path: Path, colours: bool) -> None:
    """In a terminal; colours are left out where NO_COLOR asks for that."""
    (tmp_path / "app.py").write_text(APP)
    arguments = ["-m", "cletus", "run", str(tmp_path / "app.py"), "--dev", "--store", "memory:"]
    program = [sys.executable, *arguments, "--port", "0", "--tls-port", "0"]
    terminal = Terminal("/usr/bin/env", ["NO_COLOR=" + "1" * (not colours), *program], tmp_path)
    at_end.callback(terminal.kill)
    terminal.child.expect(r"telnet 127\.0\.0\.1:(\d+)\s")
    ann = Caller(int(terminal.child.match[1]))
    at_end.callback(ann.hang_up)
    for fact in ("tls 127.0.0.1:", "memory:", "1 module, generation 0", "save a file", "Ctrl-C"):
        terminal.sees(fact)
    ann.types("oops")
    terminal.sees("ZeroDivisionError")
    assert ("\x1b[36m" in terminal.screen) == colours, "cyan, as the frame of the panel"
    terminal.child.sendintr()
    terminal.sees_the_end()
