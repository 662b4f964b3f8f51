"""``deploy/cletus.service``, with all of its lock-down, under a real systemd in a container (as root).

The container is this machine's own ``/usr`` and a folder; its network is that of this machine.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import REPOSITORY, TIMEOUT, Caller, wait_until

pytestmark = pytest.mark.soak

#: What the units leave open, and where a test has its Python and this checkout.
SERVICE = """\
[Service]
Environment=PYTHONPATH=/srv/code:/srv/packages PYTHONDONTWRITEBYTECODE=1
ExecStart=
ExecStart=/opt/python/bin/{python} -m cletus {options}
"""
SOCKET = """\
[Socket]
ListenStream=
ListenStream=127.0.0.1:{port}
"""


class Machine:
    """A container that systemd has started, with the talker of ``cletus new`` in ``/srv/talker``.

    Args:
        root: a folder for it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._prepare()
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot"]
        command += ["--directory", str(root), "--bind-ro=/usr"]
        command += [f"--bind-ro={sys.base_prefix}:/opt/python", f"--bind-ro={REPOSITORY}:/srv/code"]
        packages = Path(pytest.__file__).parents[1]
        command += [f"--bind-ro={packages}:/srv/packages"]
        with (root.parent / "boot.txt").open("wb") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    def _prepare(self) -> None:
        for name in ("usr", "etc", "var", "tmp", "run", "dev", "proc", "sys", "srv", "opt"):
            (self.root / name).mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (self.root / name).symlink_to(f"usr/{name}")
        for name in ("passwd", "group", "nsswitch.conf", "ld.so.cache", "os-release"):
            shutil.copy(f"/etc/{name}", self.root / "etc" / name)
        (self.root / "etc/machine-id").touch()
        new = [sys.executable, "-m", "cletus", "new", "talker"]
        subprocess.run(new, cwd=self.root / "srv", check=True, capture_output=True)
        units = self.root / "etc/systemd/system"
        for name in ("cletus.service", "cletus.socket"):
            (units / f"{name}.d").mkdir(parents=True)
            shutil.copy(REPOSITORY / "deploy" / name, units)
        lines = (units / "cletus.service").read_text().replace("\\\n", "").splitlines()
        start = next(line for line in lines if line.startswith("ExecStart="))
        values = {
            "python": Path(sys.executable).resolve().name,
            "options": start.split("/cletus ", 1)[1],
        }
        (units / "cletus.service.d/here.conf").write_text(SERVICE.format(**values))
        (units / "cletus.socket.d/here.conf").write_text(SOCKET.format(port=self.port))

    def has_booted(self) -> bool:
        """Whether systemd has started all that there is to be started."""
        assert self.process.poll() is None, self.boot_log
        return self.systemctl("is-system-running") in {"running", "degraded"}

    @property
    def boot_log(self) -> str:
        """What systemd has printed."""
        return (self.root.parent / "boot.txt").read_text(errors="replace")

    def run(self, *command: str) -> str:
        """Run a command in it; what it prints. "" before it has begun."""
        children = (
            Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        )
        if not children:
            return ""
        inside = ["nsenter", "--target", children[0], "--mount", "--pid", "--ipc", "--uts"]
        done = subprocess.run([*inside, *command], capture_output=True, text=True, timeout=TIMEOUT)
        return done.stdout.strip()

    def systemctl(self, *arguments: str) -> str:
        """Run ``systemctl`` in it; what it prints."""
        return self.run("systemctl", *arguments)

    @property
    def main_pid(self) -> str:
        """The process that systemd takes for the service, in the container's numbers; "0" for none."""
        return self.systemctl("show", "--property=MainPID", "--value", "cletus")

    @property
    def log(self) -> str:
        """What the service has logged."""
        return self.run("journalctl", "--unit=cletus", "--no-pager", "--output=cat")

    def edit(self, old: str, new: str) -> None:
        """Replace a text of ``talk.py``."""
        path = self.root / "srv/talker/talker/talk.py"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def power_off(self) -> None:
        """End all that runs in it, and it."""
        self.process.terminate()
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One for all tests of this module: they go on where the one before has ended."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to start a container")
    for program in ("systemd-nspawn", "nsenter"):
        if shutil.which(program) is None:
            pytest.skip(f"not installed: {program} (Debian: apt-get install systemd-container)")
    machine = Machine(tmp_path_factory.mktemp("machine") / "root")
    try:
        wait_until(machine.has_booted, "systemd is there", lambda: machine.boot_log)
        yield machine
    finally:
        machine.power_off()


@pytest.fixture(scope="module")
def guest(machine: Machine) -> Iterator[Caller]:
    """Somebody who logs in as soon as systemd listens, and stays for all tests."""
    machine.systemctl("start", "cletus.socket")
    guest = Caller(machine.port)
    guest.sees("What is your name")
    guest.types("guest")
    guest.sees("Welcome, Guest")
    yield guest
    guest.hang_up()


def says(guest: Caller, text: str, verb: str = "say") -> None:
    guest.types(text)
    guest.sees(f"You {verb}: {text}")


def test_the_first_call_starts_the_service(machine: Machine, guest: Caller) -> None:
    says(guest, "first")
    assert machine.systemctl("is-active", "cletus") == "active"
    assert machine.systemctl("show", "--property=StatusText", "--value", "cletus").startswith(
        "generation 0"
    )


def test_an_edit_is_tried_and_comes_in(machine: Machine, guest: Caller) -> None:
    """The trial is a process within the same lock-down."""
    machine.edit("You say", "You now say")
    machine.systemctl("reload", "cletus")
    wait_until(
        lambda: "Reloaded, generation 1" in machine.log, "the edit is in force", lambda: machine.log
    )
    says(guest, "second", "now say")


def test_a_restart_keeps_people_and_systemd_knows_the_new_process(
    machine: Machine, guest: Caller
) -> None:
    first = machine.main_pid
    for _ in range(3):
        former = machine.main_pid
        machine.systemctl("kill", "--signal=USR2", "--kill-whom=main", "cletus")
        wait_until(
            lambda former=former: machine.main_pid not in {"0", former},
            "another one",
            lambda: machine.log,
        )
        says(guest, "third", "now say")
    assert machine.main_pid != first
    assert machine.systemctl("show", "--property=NRestarts", "--value", "cletus") == "0"


def test_a_broken_upgrade_changes_nothing(machine: Machine, guest: Caller) -> None:
    former = machine.main_pid
    machine.edit("You now say", "You now say\n")
    machine.systemctl("kill", "--signal=USR2", "--kill-whom=main", "cletus")
    wait_until(
        lambda: "Restart refused (import)" in machine.log, "it is refused", lambda: machine.log
    )
    machine.edit("You now say\n", "You now say")
    says(guest, "fourth", "now say")
    assert machine.main_pid == former


def test_after_a_kill_systemd_starts_it_again(machine: Machine, guest: Caller) -> None:
    """Also after restarts, when the process is not one that systemd has started itself."""
    former = machine.main_pid
    machine.systemctl("kill", "--signal=KILL", "cletus")
    guest.sees_the_end()
    again = Caller(machine.port)  # waits until systemd has started it
    again.sees("What is your name")
    again.hang_up()
    assert machine.main_pid not in {"0", former}
    assert machine.systemctl("show", "--property=NRestarts", "--value", "cletus") == "1"


def test_a_stop_is_in_order(machine: Machine, guest: Caller) -> None:
    machine.systemctl("kill", "--signal=USR2", "--kill-whom=main", "cletus")
    wait_until(
        lambda: machine.log.count("Restarted, process") >= 8,
        "one more restart",
        lambda: machine.log,
    )
    machine.systemctl("stop", "cletus.socket", "cletus.service")
    assert machine.systemctl("show", "--property=Result,ExecMainStatus", "cletus").split() == [
        "Result=success",
        "ExecMainStatus=0",
    ]
    assert (machine.root / "var/lib/private/cletus").is_dir()
