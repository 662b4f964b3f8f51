"""The minder waits for whichever process serves, hands signals on, and ends as the last one does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cletus.restart import minder
from tests.e2e.harness import wait_until

#: Becomes the minder of a child, as a service does; the child does what the second argument says.
STARTER = f"""
import os, socket, subprocess, sys
minded, named = socket.socketpair()
os.set_inheritable(minded.fileno(), True)
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], pass_fds=[named.fileno()], env={{**os.environ, "NAMED": str(named.fileno())}})
os.execv(sys.executable, [sys.executable, "-I", "-S", {minder.__file__!r}, str(minded.fileno()), str(child.pid)])
"""

#: A process that starts the next one, names it, and ends when the minder has answered: the minder of a service has
#: long been at work then, and adopts the next one.
HANDS_ON = """
import os, socket, subprocess, sys, time
named = socket.socket(fileno=int(os.environ["NAMED"]))
heir = subprocess.Popen([sys.executable, "-c", {heir!r}], pass_fds=[named.fileno()])
named.send(b"%d\\n" % heir.pid)
named.recv(1)
open("named.txt", "w").close()
os._exit(0)
"""

pytestmark = pytest.mark.e2e


def start(code: str, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", STARTER, code], cwd=folder)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise SystemExit(7)", 7),
        ("pass", 0),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        (HANDS_ON.format(heir="import time; time.sleep(0.3); raise SystemExit(9)"), 9),
        (HANDS_ON.format(heir=HANDS_ON.format(heir="raise SystemExit(11)")), 11),
    ],
)
def test_it_ends_as_the_last_one_does(code: str, expected: int, tmp_path: Path) -> None:
    assert start(code, tmp_path).wait(20) == expected


def test_it_hands_signals_on(tmp_path: Path) -> None:
    """To the one that serves; INT is from the keyboard, which the one that serves hears itself."""
    heir = (
        "import signal, pathlib, time\n"
        "def heard(number, _):\n"
        "    pathlib.Path('heard.txt').open('a').write(f'{number}\\n')\n"
        "    if number == signal.SIGTERM: raise SystemExit(3)\n"
        "for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2, signal.SIGINT):\n"
        "    signal.signal(number, heard)\n"
        "pathlib.Path('ready.txt').touch()\n"
        "while True: time.sleep(0.01)\n"
    )
    process = start(HANDS_ON.format(heir=heir), tmp_path)
    wait_until((tmp_path / "ready.txt").exists, "the heir")
    wait_until((tmp_path / "named.txt").exists, "its name")
    heard = tmp_path / "heard.txt"
    for count, number in enumerate((signal.SIGHUP, signal.SIGUSR2), 1):
        process.send_signal(signal.SIGINT)
        process.send_signal(number)
        wait_until(
            lambda expected=count: heard.exists() and len(heard.read_text().split()) == expected,
            "the signal",
        )
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 3
    assert heard.read_text().split() == [
        str(int(number)) for number in (signal.SIGHUP, signal.SIGUSR2, signal.SIGTERM)
    ]


def test_a_signal_that_comes_while_nobody_serves_is_for_the_next_one() -> None:
    """The number of the one before may be another process's by then; here it is this one's."""
    heard: list[int] = []
    named, naming = socket.socketpair()
    named.setblocking(False)
    minding = minder.Minder(named, os.getpid())
    minding.statuses[os.getpid()] = 0
    before = signal.signal(signal.SIGUSR1, lambda number, _frame: heard.append(number))
    try:
        minding._forward(signal.SIGUSR1, None)
        assert heard == []
        naming.send(b"%d\n" % os.getpid())
        minding._read_names()
        assert heard == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, before)
        named.close()
        naming.close()
    assert minding.statuses == {}, (
        "the next one is not taken for the one that had its number before"
    )


def test_orphans_are_reaped(tmp_path: Path) -> None:
    """What a served process leaves behind does not stay as a zombie, and does not end the minder."""
    code = (
        "import subprocess, sys, time, os\n"
        "subprocess.Popen([sys.executable, '-c', 'import subprocess,sys; subprocess.Popen([\"true\"])'])\n"
        "time.sleep(1.5); os._exit(4)"
    )
    process = start(code, tmp_path)
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process.returncode == 4


def test_it_is_small(tmp_path: Path) -> None:
    """It stays for as long as the service; it imports little, and keeps no descriptors."""
    process = start("import time; time.sleep(60)", tmp_path)
    try:
        wait_until(
            lambda: b"-I" in Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0"),
            "the minder",
        )
        wait_until(lambda: len(os.listdir(f"/proc/{process.pid}/fd")) <= 7, "few descriptors")
        size = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf(
            "SC_PAGE_SIZE"
        )
        assert size < 25 << 20
    finally:
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGKILL)
        assert process.wait(20) == -signal.SIGKILL


def test_names_come_in_pieces() -> None:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    watching = minder.Minder(theirs, 1)
    ours.send(b"12")
    watching._read_names()
    assert watching.pid == 1
    ours.send(b"3\n45\n6")
    watching._read_names()
    assert watching.pid == 45
    assert ours.recv(100) == b"."
    ours.close()
    watching._read_names()
    assert theirs.fileno() == -1
