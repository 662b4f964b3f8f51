"""The MUD of the template as a process, and the people who play it by sockets."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from cletus.testing import StepClock, staged
from tests.cli.templates.test_mud_evening import check, stores_of
from tests.e2e.harness import Caller, Talker

#: The things of the template.
THINGS = {"well", "bag", "loaf", "hat", "chest", "sword"}
#: What moves people and things.
MOVES = (
    *("get all", "get bag", "get hat", "get bread from bag", "drop all", "drop hat", "wear hat"),
    *("put all in bag", "put hat in bag", "get all from bag", "give all to bob", "give hat to ann"),
    *("n", "s", "e", "w", "up", "down", "get sword from chest", "put bag in chest", "remove hat"),
)
_PASSWORD = "black water"
#: All people of these tests come from one address, and have new accounts.
_OPTIONS = (
    *("--port=0", "--web-port=0", "--store=saved", "--reload-debounce=0.05", "--line-rate=0"),
    *("--users-accounts-per-hour=0", "--users-strangers-per-address=0"),
    *("--screen-lines-per-account=0", "--screen-lines-per-address=0"),
    *("--screen-lines-of-newcomers=0", "--screen-lines-per-room=0"),
)


class Mud:
    """The MUD in a folder of its own, and those who play.

    Args:
        name: of its package.
        folder: where its folder is made, by ``cletus new``.
        at_end: ends what it starts.

    Attributes:
        callers: who plays, by name.
        folder: of the project.
    """

    def __init__(self, name: str, folder: Path, at_end: ExitStack) -> None:
        self.name = name
        self.folder = folder
        self.callers: dict[str, Caller] = {}
        self._at_end = at_end
        self._marks = 0
        self.command("new", name, "--template", "mud")
        self.folder = folder / name

    def start(self) -> Talker:
        """Start the process; nobody is connected."""
        talker = Talker(self.folder, "-m", "cletus", "run", self.name, *_OPTIONS)
        self._at_end.callback(talker.kill)
        self.port = talker.port
        self.callers = {}
        return talker

    def command(self, *words: str) -> None:
        """Run ``cletus`` in the folder."""
        command = (sys.executable, "-m", "cletus", *words)
        result = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        assert result.returncode == 0, f"{words}: {result.stdout}{result.stderr}"

    def logs_in(self, name: str, *, is_new: bool = False) -> Caller:
        """Somebody comes in."""
        caller = self.callers[name] = Caller(self.port)
        self._at_end.callback(caller.hang_up)
        caller.sees("name?")
        caller.types(name, *("y", _PASSWORD) if is_new else (), _PASSWORD)
        caller.sees(f"Welcome, {name}!")
        return caller

    def all_is_done(self) -> None:
        """Wait until all that they have typed is done."""
        self._marks += 1
        for caller in self.callers.values():
            caller.types(f"mark{self._marks}")
        for name, caller in self.callers.items():
            text = caller.sees(f"There is no command mark{self._marks}.")
            assert "Something went wrong" not in text, (name, text)

    def things(self) -> set[str]:
        """The keys of all things, in a service that starts with what was saved, and has been looked through."""
        settings = {"store": str(self.folder / "saved")}
        with staged(self.name, self.folder, StepClock(), settings) as service:
            users = service.session.stores["user"].manager
            offline = users.keys()  # they hold things, too
            for key in offline:
                users.get(key)
            check(service)
            return set(stores_of(service, "thing"))
