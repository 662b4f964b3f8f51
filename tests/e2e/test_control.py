"""An operator and a running service: every command, a prompt inside it, and what a kill leaves."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.conftest import TALK
from tests.e2e.harness import TIMEOUT, Caller, Talker, Terminal, wait_until

Cletus = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cletus(tmp_path: Path) -> Cletus:
    """``cletus COMMAND ...`` in the folder of the test."""

    def cletus(*command: str, script: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cletus", *command],
            cwd=tmp_path,
            input=script,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    return cletus


def test_an_operators_day(
    talk: Talker, call: Callable[[Talker], Caller], cletus: Cletus, tmp_path: Path
) -> None:
    """Also while the code on disk is broken, which is when they need it most."""
    ann = call(talk)
    ann.logs_in("Ann")
    mode = (tmp_path / "saved" / ".control.sock").lstat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600

    status = json.loads(cletus("status", "talk", "--json").stdout)
    assert (status["state"], status["pid"]) == ("running", talk.process.pid)
    assert (status["clients"], status["generation"]) == (1, 0)
    (someone,) = json.loads(cletus("who", "talk", "--json").stdout)
    assert (someone["name"], someone["door"]) == ("Ann", "telnet")

    talk.edit("talk/commands.py", "You say: ", "You whisper: ")
    talk.prints("Reloaded, generation 1")
    ann.types("hello")
    ann.sees("You whisper: hello\r\n")
    back = cletus("rollback", "talk")
    assert (back.returncode, back.stdout[:24]) == (0, "Reloaded, generation 2: ")
    ann.types("hello")
    ann.sees("You say: hello\r\n")

    talk.edit("talk/login.py", "import", "imp ort")
    refused = cletus("reload", "talk")
    assert refused.returncode == 1
    assert "SyntaxError" in refused.stdout
    assert "SyntaxError" in cletus("status", "saved").stdout
    other = cletus("status", "nowhere")
    assert (other.returncode, other.stdout) == (2, "")

    script = cletus(
        "shell",
        "talk",
        script="for client in clients:\n    client.write('Psst')\n"
        "User\n[one.key for one in User.manager.all().values()]\n",
    )
    assert (script.returncode, script.stderr) == (0, "")
    assert script.stdout == "<class 'talk.users.User'>\n['ann']\n"
    ann.sees("Psst\r\n")
    assert cletus("shell", "talk", script="1 / 0\n").returncode == 1

    assert cletus("shutdown", "talk").stdout == "Stopped\n"
    ann.sees_the_end()
    assert talk.ends() == 0
    assert not (tmp_path / "saved" / ".control.sock").exists()
    gone = cletus("shutdown", "saved")
    assert gone.returncode == 2
    assert gone.stderr.startswith(f"cletus: no service runs on the store {tmp_path}/saved")
    assert "opens a shell" in talk.output
    assert f"(uid {os.getuid()}, process" in talk.output


def test_a_prompt_inside_the_service(talk: Talker, at_end: ExitStack, tmp_path: Path) -> None:
    """A reload is possible meanwhile, new classes are there, and the terminal is as before."""
    talk.prints("Stop with Ctrl-C")
    shell = (
        f"stty -a > before; {sys.executable} -m cletus shell talk; stty -a > after; echo left $?"
    )
    ann = Terminal("/bin/sh", ["-c", f"cd {tmp_path}; {shell}"], tmp_path)
    at_end.callback(ann.kill)
    ann.sees("Ctrl-D leaves.\r\n")
    ann.sees(">>> ")
    ann.child.send("len(clients)\r")
    ann.sees("\r\n0\r\n")
    with talk.held():
        talk.write(
            "talk/rooms.py",
            "from cletus.storage import Store\nfrom talk.core import service\n"
            "class Room(Store):\n    service = service\n",
        )
        talk.edit("talk/__init__.py", "import commands,", "import rooms, commands,")
    talk.prints("Reloaded, generation 1")
    assert "still" not in talk.output, "the shell holds no old code"
    ann.child.send("Room\r")
    ann.sees("<class 'talk.rooms.Room'>")
    ann.child.send("await service.reload()\r")
    ann.sees("generation=2")
    ann.child.setwinsize(50, 90)
    ann.child.send("1 / 0\r")
    ann.sees("ZeroDivisionError")
    ann.sees(">>> ")
    ann.child.send("\x04")
    ann.sees("left 0")
    ann.sees_the_end()
    before, after = ((tmp_path / name).read_text() for name in ("before", "after"))
    sizes = ("rows 40; columns 120", "rows 50; columns 90")
    assert after.replace(sizes[1], sizes[0]) == before
    assert talk.stop() == 0


def test_the_terminal_is_as_before_when_the_service_dies(
    talk: Talker, at_end: ExitStack, tmp_path: Path, start: Callable[..., Talker], cletus: Cletus
) -> None:
    """And the service that comes after it replaces the socket that it has left."""
    talk.prints("Stop with Ctrl-C")
    shell = f"{sys.executable} -m cletus shell talk; echo left $?; stty -a"
    ann = Terminal("/bin/sh", ["-c", f"cd {tmp_path}; {shell}"], tmp_path)
    at_end.callback(ann.kill)
    ann.sees(">>> ")
    talk.kill()
    ann.sees("cletus: the service on the store")
    ann.sees("left 2")
    ann.sees(" icanon")
    ann.sees_the_end()
    assert (tmp_path / "saved" / ".control.sock").is_socket()
    assert cletus("status", "talk").returncode == 2

    again = start("-m", "cletus", "run", "talk", "--port", "0", "--store", "saved")
    again.prints("Stop with Ctrl-C")
    assert json.loads(cletus("status", "talk", "--json").stdout)["pid"] == again.process.pid


def test_a_long_path_and_two_at_once(
    start: Callable[..., Talker], tmp_path: Path, cletus: Cletus
) -> None:
    shutil.copytree(TALK, tmp_path / "talk", ignore=shutil.ignore_patterns("__pycache__"))
    stores = [str(tmp_path / name / ("x" * 100)) for name in ("one", "two")]
    talkers = []
    for store in stores:
        talkers.append(start("-m", "cletus", "run", "talk", "--port", "0", "--store", store))
        talkers[-1].prints("Stop with Ctrl-C")
    several = cletus("status", "talk")
    assert several.returncode == 2
    assert all(store in several.stderr for store in stores)
    assert cletus("shutdown", "talk", "--store", stores[1]).returncode == 0
    assert talkers[1].ends() == 0
    assert json.loads(cletus("status", "talk", "--json").stdout)["pid"] == talkers[0].process.pid
    wait_until(lambda: talkers[0].is_running, "the other goes on")


ACCOUNTS = """
from cletus import Service, events
from cletus.contrib.users import BaseAccount, Users
service = Service()

class User(BaseAccount):
    service = service

users = Users(service, User)

@service.listen(events.Receive)
def receive(event):
    event.client.write(f"roles: {sorted(event.user.roles)}")
"""


def test_accounts_of_a_running_service(
    start: Callable[..., Talker],
    call: Callable[[Talker], Caller],
    tmp_path: Path,
    cletus: Cletus,
) -> None:
    """The first admin is made without stopping it, and while its code on disk is broken."""
    (tmp_path / "house.py").write_text(ACCOUNTS)
    talker = start("-m", "cletus", "run", "house.py", "--port=0", "--no-reload")
    talker.prints("Stop with Ctrl-C")
    (tmp_path / "house.py").write_text("this is not Python")
    added = cletus("user", "add", "house.py", "Ann", "--stdin", script="correct horse\n")
    assert (added.stdout, added.stderr, added.returncode) == ("Ann has an account.\n", "", 0)
    ann = call(talker)
    ann.types("ann")
    ann.sees("assword")
    ann.types("correct horse")
    ann.types("hello")
    ann.sees("roles: []")
    assert cletus("user", "role", "house.py", "ann", "admin").stdout == "Ann: admin\n"
    ann.types("hello")
    ann.sees("roles: ['admin']")
    assert cletus("user", "list", "house.py").stdout == "Ann\tadmin\n"
    refused = cletus("user", "password", "house.py", "bob", "--stdin", script="x\n")
    assert (refused.returncode, refused.stderr) == (2, "cletus: There is no user called 'bob'.\n")
    cletus(
        "user", "add", "house.py", "Eve", "--role", "admin", "--stdin", script="battery staple\n"
    )
    assert cletus("user", "rename", "house.py", "ann", "Anna").stdout == "Ann is now called Anna.\n"
    deleted = cletus("user", "delete", "house.py", "anna", "--yes")
    assert (deleted.stdout, deleted.stderr) == ("The account of Anna is deleted.\n", "")
    ann.sees_the_end()
    assert "banned permanently" in cletus("user", "ban", "house.py", "mallory").stdout
    assert "correct horse" not in talker.output
    assert talker.stop() == 0
