"""What would end or copy the process is refused while a reload imports the application."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from cletus.errors import ImportFailed
from cletus.reload.effects.process_end import ProcessGuard

CALLS = {
    "_exit": "os._exit(3)",
    "abort": "os.abort()",
    "fork": "os.fork()",
    "execv": "os.execv('/bin/true', ['true'])",
    "execlp": "os.execlp('true', 'true')",
}


@pytest.mark.parametrize("statement", CALLS.values(), ids=CALLS)
def test_an_edit_that_ends_or_copies_the_service_is_refused(
    run: Callable[..., Any], statement: str
) -> None:
    app = run()
    before = os._exit, os.abort, os.fork, os.execv
    report = app.reload(core=lambda text: f"import os\n{statement}\n" + text)
    assert not report.ok
    assert "the service" in report.error
    assert statement in report.error
    assert (os._exit, os.abort, os.fork, os.execv) == before


def test_a_program_may_be_started(run: Callable[..., Any]) -> None:
    """It is a process of its own, which has none of the connections."""
    app = run()
    text = "import subprocess\nsubprocess.run(['true'], check=True)\n"
    report = app.reload(core=lambda core: text + core)
    assert report.ok, report


def test_other_threads_are_not_hindered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", lambda: 42)
    children: list[int] = []
    with ProcessGuard():
        thread = threading.Thread(target=lambda: children.append(os.fork()))
        thread.start()
        thread.join()
        with pytest.raises(ImportFailed):
            os.fork()
    assert children == [42]


def test_what_is_kept_beyond_the_import_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", lambda: 42)
    with ProcessGuard():
        from os import fork
    assert fork() == 42
