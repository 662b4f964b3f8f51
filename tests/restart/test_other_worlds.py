"""A restart into another Python and back, and as process 1 of a namespace, as in a container."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.harness import REPOSITORY, Caller, wait_until
from tests.restart.application import APP
from tests.restart.conftest import Serving

ASK = "import sys, sysconfig; print(*sys.version_info[:2]); print(sysconfig.get_path('purelib'))"


def asked(python: Path | str) -> tuple[str, str]:
    """The version of a Python, such as ``3.13``, and its folder of packages."""
    done = subprocess.run([python, "-c", ASK], capture_output=True, text=True, check=True)
    version, folder = done.stdout.splitlines()
    return version.replace(" ", "."), folder


def another_python() -> Path:
    """Of an environment that ``make test-all`` has made, of another version than this one."""
    here = asked(sys.executable)[0]
    for path in sorted(REPOSITORY.glob(".venv-3.*/bin/python"), reverse=True):
        if asked(path)[0] != here:
            return path
    pytest.skip("there is no environment of another Python: `make test-all` makes .venv-3.N")


def test_another_python_and_back(
    serving: Callable[..., Serving], called: Callable[[int], Caller], tmp_path: Path
) -> None:
    """The command line leads through a link, as that of a deployment does; the link is changed."""
    pythons = {"this": Path(sys.executable), "other": another_python()}
    for name, python in pythons.items():
        subprocess.run([python, "-m", "venv", "--without-pip", tmp_path / name], check=True)
        packages = Path(asked(tmp_path / name / "bin" / "python")[1])
        site = asked(python)[1]
        paths = f"{REPOSITORY}\nimport site; site.addsitedir({site!r})\n"
        (packages / "cletus-under-test.pth").write_text(paths)
    current = tmp_path / "current"
    current.symlink_to("this")
    service = serving(python=str(current / "bin" / "python"))
    person = called(service.port)
    person.types("order")
    person.sees("Dish? ")
    person.types("soup")
    talks = called(service.port)
    for count, name in enumerate(("other", "this", "other"), 1):
        talks.types("a")
        talks.sees(f"a {count} {count}\r\n")
        current.unlink()
        current.symlink_to(name)
        report = service.restart()
        assert (report["outcome"], report["kept"]) == ("taken over", 2), report
        assert report["versions"]["python"].startswith(asked(pythons[name])[0] + ".")
    person.sees("Drink? ")
    person.types("tea")
    person.sees("soup and tea\r\n")


def test_s5_s11_as_process_1(tmp_path: Path, at_end: ExitStack) -> None:
    """It stays process 1, reaps what ends, and hands the signal of ``docker stop`` on."""
    command = ["unshare", "--pid", "--fork", "--mount-proc"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*command, "true"], capture_output=True).returncode
    ):
        pytest.skip("no namespace of processes can be made here: that takes root")
    (tmp_path / "app.py").write_text(APP)
    run = [sys.executable, "-m", "cletus", "run", "app.py", "--port=0", "--web-port=0"]
    run += ["--no-restart-rehearsal", "--restart-timeout=15"]
    service = Serving(tmp_path, "-c", f"import os; os.execvp('unshare', {[*command, *run]})")
    at_end.callback(service.kill)
    person = Caller(service.port)
    at_end.callback(person.hang_up)
    pids = []
    for count in (1, 2, 3):
        person.types("a")
        person.sees(f"a {count} {count}\r\n")
        report = service.restart()
        assert report["outcome"] == "taken over", report
        pids.append(report["new_pid"])
        # unshare itself, process 1, and the one that serves.
        wait_until(
            lambda: len(service.processes()) == 3, "the end of others", lambda: service.output
        )
    assert 1 not in pids
    assert len(set(pids)) == 3
    (minder,) = (pid for pid in service.processes() if b"-I" in command_of(pid))
    os.kill(minder, signal.SIGTERM)
    assert "The service is going down" in person.sees_the_end()
    assert service.ends() == 0
    assert service.processes() == []


def command_of(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
