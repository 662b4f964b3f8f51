"""The MUD of the template as a process that is killed while things move.

After each kill, each thing is in exactly one place, and none is missing.
"""

from __future__ import annotations

import random
from contextlib import ExitStack
from pathlib import Path

from cletus.cli.templates import make
from cletus.testing import StepClock, staged
from tests.cli.templates.test_mud_evening import NAMES, check, stores_of
from tests.e2e.harness import Caller, Talker

PASSWORD = "black water"
#: All people of these tests come from one address, and have new accounts.
OPTIONS = (
    *("--port=0", "--web-port=0", "--store=saved", "--reload-debounce=0.05", "--line-rate=0"),
    *("--users-accounts-per-hour=0", "--users-strangers-per-address=0"),
    *("--screen-lines-per-account=0", "--screen-lines-per-address=0"),
    *("--screen-lines-of-newcomers=0", "--screen-lines-per-room=0"),
)
THINGS = {"well", "bag", "loaf", "hat", "chest", "sword"}
MOVES = (
    *("get all", "get bag", "get hat", "get bread from bag", "drop all", "drop hat", "wear hat"),
    *("put all in bag", "put hat in bag", "get all from bag", "give all to bob", "give hat to ann"),
    *("n", "s", "e", "w", "up", "down", "get sword from chest", "put bag in chest", "remove hat"),
)


class Mud:
    """The MUD in a folder of its own, and those who play.

    Args:
        name: of its package.
        folder: where its folder is made.
        at_end: ends what it starts.
    """

    def __init__(self, name: str, folder: Path, at_end: ExitStack) -> None:
        self.name = name
        self.folder = make(name, "mud", folder)
        self.callers: dict[str, Caller] = {}
        self._at_end = at_end
        self._marks = 0

    def start(self) -> Talker:
        """Start the process; nobody is connected."""
        talker = Talker(self.folder, "-m", "cletus", "run", self.name, *OPTIONS)
        self._at_end.callback(talker.kill)
        self.port = talker.port
        self.callers = {}
        return talker

    def logs_in(self, name: str, *, is_new: bool = False) -> Caller:
        """Somebody comes in."""
        caller = self.callers[name] = Caller(self.port)
        self._at_end.callback(caller.hang_up)
        caller.sees("name?")
        caller.types(name, *("y", PASSWORD) if is_new else (), PASSWORD)
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


def test_processes_are_killed_while_things_move(tmp_path: Path, at_end: ExitStack) -> None:
    chance = random.Random(16)
    mud = Mud("killed", tmp_path, at_end)
    for number in range(3):
        talker = mud.start()
        for name in NAMES[:4]:
            mud.logs_in(name, is_new=not number)
        mud.all_is_done()
        for _ in range(2):
            mud.all_is_done()  # of the first half much is saved, of the second only some
            for _ in range(chance.randrange(20, 40)):
                for caller in mud.callers.values():
                    caller.types(*chance.choices(MOVES, k=3))
        mud.callers["Ann"].sees("You ")
        talker.kill()
        for caller in mud.callers.values():
            caller.hang_up()
        assert mud.things() == THINGS
