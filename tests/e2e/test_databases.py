"""A service whose documents are in a database: people, a kill, the command line, and a move."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cletus.storage.backends.folder_lock import is_running
from tests.e2e.harness import Caller, Talker, wait_until
from tests.engines import Postgres, postgres

APP = """
from cletus import Service, events
from cletus.storage import Field, Store

service = Service()

class Note(Store):
    service = service
    text = Field("", index=True)

@service.listen(events.Receive)
def receive(event):
    key, _, text = event.data.partition(" ")
    if key == "who":
        event.client.write(", ".join(sorted(Note.manager.find(text=text))) + ".")
        return
    note = Note.manager.get(key) or Note(key)
    note.text = text
    note.save()
    event.client.write(f"{key} is saved.")
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


def cletus(folder: Path, *arguments: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "cletus", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def see_that_it_keeps_its_promise(
    store: str, tmp_path: Path, run: Callable[..., Talker], call: Callable[[Talker], Caller]
) -> None:
    (tmp_path / "app.py").write_text(APP)
    talker = run("app.py", "--store", store)
    ann = call(talker)
    for key, text in (("a", "red"), ("b", "blue"), ("c", "red")):
        ann.types(f"{key} {text}")
        ann.sees(f"{key} is saved.")
    ann.types("who red")
    ann.sees("a, c.")
    status = json.loads(cletus(tmp_path, "status", "app.py", "--store", store, "--json"))
    assert status["clients"] == 1
    assert "3" in cletus(tmp_path, "store", "list", "app.py", "--store", store)
    assert "the service is running" in cletus(tmp_path, "store", "copy", store, "copied", code=2)
    second = cletus(tmp_path, "run", "app.py", "--store", store, "--port", "0", code=2)
    assert f"process {talker.process.pid} has it open" in second
    cletus(tmp_path, "restart", "app.py", "--store", store)  # another process, and Ann stays
    ann.types("d green")
    ann.sees("d is saved.")
    ann.types("who green")
    ann.sees("d.")
    status = json.loads(cletus(tmp_path, "status", "app.py", "--store", store, "--json"))
    assert (status["clients"], status["pid"] != talker.process.pid) == (1, True)
    os.kill(status["pid"], signal.SIGKILL)
    wait_until(lambda: not is_running(status["pid"]), "its end", lambda: talker.output)
    talker.kill()
    ann.hang_up()

    again = run("app.py", "--store", store)
    bob = call(again)
    bob.types("who red")
    bob.sees("a, c.")
    bob.types("a blue")
    bob.sees("a is saved.")
    bob.types("who blue")
    bob.sees("a, b.")
    again.stop()

    cletus(tmp_path, "store", "copy", store, "copied")
    text = (tmp_path / "copied/note/a.json").read_text()
    assert json.loads(text) == {"text": "blue"}


def test_sqlite(
    tmp_path: Path, run: Callable[..., Talker], call: Callable[[Talker], Caller]
) -> None:
    see_that_it_keeps_its_promise("sqlite:talker.db", tmp_path, run, call)
    with closing(sqlite3.connect(tmp_path / "talker.db")) as connection:
        query = "SELECT count(*) FROM documents WHERE data ->> 'text' = 'blue'"
        assert connection.execute(query).fetchone() == (2,)


def test_postgresql(
    server: Postgres,
    tmp_path: Path,
    run: Callable[..., Talker],
    call: Callable[[Talker], Caller],
) -> None:
    see_that_it_keeps_its_promise(server.url, tmp_path, run, call)


def test_talk_goes_on_while_the_database_is_away(
    server: Postgres,
    tmp_path: Path,
    run: Callable[..., Talker],
    call: Callable[[Talker], Caller],
) -> None:
    """A save fails with a word to the person; what is saved in the background is saved once it is back."""
    app = APP.replace("note.save()", "note.save_soon().addErrback(lambda _: None)")
    (tmp_path / "app.py").write_text(app)
    talker = run("app.py", "--store", server.emptied())
    ann = call(talker)
    ann.types("a red")
    ann.sees("a is saved.")
    server.stop()
    ann.types("a blue")
    ann.sees("a is saved.")
    talker.prints("1 not saved, trying again")
    server.start()
    talker.prints("everything that could not be saved before is saved now")
    wait_until(lambda: talker.is_running, "it runs", lambda: talker.output)
    ann.types("who blue")
    ann.sees("a.")
