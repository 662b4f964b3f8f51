"""The MUD of the template as a process that is killed while things move.

After each kill, each thing is in exactly one place, and none is missing.
"""

from __future__ import annotations

import random
from contextlib import ExitStack
from pathlib import Path

from tests.cli.templates.test_mud_evening import NAMES
from tests.e2e.mud import MOVES, THINGS, Mud


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
