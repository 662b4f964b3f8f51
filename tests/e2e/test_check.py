"""``cletus check`` as a process: beside the service whose store it reads, with an exit code for machines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.e2e.harness import Talker

APP = """\
from cletus import Service
from cletus.storage import Field, Store

service = Service()

class User(Store):
    service = service
    name = Field("", type=str)

bob = User("bob", name="Bob")
bob.save()
"""


def test_the_store_of_a_running_service_is_checked(
    start: Callable[..., Talker], tmp_path: Path
) -> None:
    """The service has it locked and notices nothing; what the import would save is not written."""
    (tmp_path / "app.py").write_text(APP)
    running = start("-m", "cletus", "run", "app.py", "--port", "0")
    assert running.port
    folder = tmp_path / "store" / "user"
    saved = (folder / "bob.json").read_bytes()
    stamp = (folder / "bob.json").stat().st_ino

    clean = start("-m", "cletus", "check", "app.py")
    assert clean.ends() == 0, clean.output
    assert clean.output == "app.py: no problems found\n"

    (folder / "ann.json").write_text('{\n  "name": 3\n}\n')
    found = start("-m", "cletus", "check", "app.py")
    assert found.ends() == 1, found.output
    assert "store/user/ann.json:2" in found.output
    assert "expected str, found int" in found.output

    assert (folder / "bob.json").read_bytes() == saved
    assert (folder / "bob.json").stat().st_ino == stamp  # a save makes another file
    assert running.is_running
    assert "rror" not in running.output


def test_a_thread_that_never_ends_does_not_keep_it(
    start: Callable[..., Talker], tmp_path: Path
) -> None:
    """The application has started it while it was imported, and nobody can end it."""
    text = "import threading\nthreading.Thread(target=threading.Event().wait).start()\n"
    (tmp_path / "app.py").write_text(text + APP)
    found = start("-m", "cletus", "check", "app.py", "--strict")
    assert found.ends() == 1, found.output
    assert "[thread]" in found.output
    assert not (tmp_path / "store").exists()
