"""The command lines of ``deploy/`` start a service: with the paths replaced, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.harness import Caller, Talker
from tests.engines import free_port
from tests.test_deploy import commands

HANDING_OVER = Path(__file__).with_name("handing_over.py")

APP = """\
from cletus import Service, events
service = Service()

@service.listen(events.Connect)
def connect(event):
    event.client.write("Hello")
"""


@pytest.mark.parametrize("number", [0, 1, 3], ids=["cletus.service", "Dockerfile", "Procfile"])
def test_a_service_starts(
    start: Callable[..., Talker],
    call: Callable[[Talker], Caller],
    tmp_path: Path,
    number: int,
) -> None:
    """In production: it does not watch, and logs JSON."""
    (tmp_path / "talker.py").write_text(APP)
    port = free_port()
    replaced = {
        "0.0.0.0": "127.0.0.1",
        "/var/lib/talker": "stores",
        "store": "stores",
        "${STATE_DIRECTORY}": "stores",
        "${PORT:-9000}": str(port),
    }
    _, *arguments = (replaced.get(word, word) for word in commands()[number])
    command = ["-m", "cletus", *arguments]
    if number == 0:
        command = [str(HANDING_OVER), "talk=INET", "--", sys.executable, *command]
    elif "--port" not in arguments:
        command += ["--port", str(port)]
    talker = start(*command)
    caller = call(talker)
    caller.sees("Hello")
    talker.prints(r'\n\{.*"message": "<Client 1 ')
    assert "Reloading" not in talker.output
    assert (tmp_path / "stores").is_dir()
    assert talker.stop() == 0
