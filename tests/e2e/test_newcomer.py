"""A newcomer's first minutes: ``cletus new``, ``cletus run``, connect, edit, ``make test``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.harness import Caller, Talker

#: For each template: what greets whoever connects, the file that is edited, the text in it, and another.
WAYS = {
    "echo": ("I repeat what you type.", "__init__.py", "You said", "You have said"),
    "chat": ("What is your name? ", "commands.py", "You say", "You have said"),
    "talker": ("T H E   L A N T E R N", "login.py", "T H E   L", "O U R   L"),
    "mud": ("T H E   M A R S H", "login.py", "T H E   M", "O U R   M"),
}


@pytest.mark.parametrize("template", WAYS)
def test_new_run_edit_test(
    start: Callable[..., Talker],
    call: Callable[[Talker], Caller],
    tmp_path: Path,
    template: str,
) -> None:
    """Word for word what ``cletus new`` says to type, but for the port."""
    made = start("-m", "cletus", "new", "mine", "--template", template)
    assert made.ends() == 0, made.output
    assert "cd mine\n" in made.output
    assert "cletus run mine " in made.output

    greeting, file, old, new = WAYS[template]
    talker = start("-m", "cletus", "run", "mine", "--port=0")
    assert "Reloading mine when its files change" in talker.prints("(?s).*Stop with Ctrl-C")[0]
    ann = call(talker)
    ann.sees(greeting)
    if template == "chat":
        ann.types("Ann", "likes tea", "hello")
    elif template == "echo":
        ann.types("hello")
    if template in ("echo", "chat"):
        ann.sees(f"{old}: hello\r\n")

    talker.edit(f"mine/mine/{file}", old, new)
    talker.prints(r"Reloaded, generation 1: mine\S* changed")
    if template in ("talker", "mud"):
        call(talker).sees(greeting.replace(old, new))
    else:
        ann.types("hello")
        ann.sees(f"{new}: hello\r\n")
    assert talker.stop() == 0
    assert "Traceback" not in talker.output

    talker.edit(f"mine/mine/{file}", new, old)
    _make_test(tmp_path / "mine")


def _make_test(folder: Path) -> None:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        ["make", "test", f"PYTHON={sys.executable}"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
