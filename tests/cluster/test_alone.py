"""Without the setting ``cluster`` nothing of it is there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import valkey

RUN = """
import sys
from twisted.internet import reactor
from cletus import Service, events

service = Service(port=0, web_port=0, store="saved", {settings})

@service.listen(events.PostStart)
def started(event):
    names = [name for name in sys.modules if name.startswith(("cletus.cluster", "hiredis"))]
    readers = [type(reader).__name__ for reader in reactor.getReaders()]
    print(len(names), sum("Client" in name for name in readers))
    service.stop()

service.run()
"""


def output(folder: Path, settings: str) -> str:
    (folder / "app.py").write_text(RUN.format(settings=settings))
    command = [sys.executable, "app.py"]
    # Its own folder comes first on the path; ours behind it, for a checkout that is not installed.
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return next(line for line in done.stdout.splitlines() if line[0].isdigit())


@pytest.fixture
def engine_url() -> Iterator[str]:
    with valkey() as engine:
        yield engine.url


def test_c1_one_process_imports_and_opens_nothing_of_a_cluster(tmp_path: Path) -> None:
    assert output(tmp_path, "") == "0 0"


def test_with_the_setting_it_does(tmp_path: Path, engine_url: str) -> None:
    """So the test above would see it."""
    names, clients = output(tmp_path, f"cluster={engine_url!r}").split()
    assert int(names) > 10
    assert int(clients) == 2
