"""What characters of a game cost while nobody is near: CPU time of a service with and without them.

python benchmarks/characters.py [--characters 0,1000] [--seconds 30]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

APPLICATION = """
import os
from cletus import Service, events
from cletus.contrib.characters import BaseCharacter
from cletus.contrib.rooms import BaseRoom

service = Service()

class Room(BaseRoom):
    service = service

class Rat(BaseCharacter):
    service = service
    tick_interval = 1.0

    def tick(self):
        self.emote("squeaks.")

@service.listen(events.PreStart)
def fill(_):
    for number in range(100):
        Room(f"room-{number}")
    for number in range(int(os.environ["CHARACTERS"])):
        Rat.manager.make("rat", Room.manager.get(f"room-{number % 100}"))
"""


def cpu_seconds(pid: int) -> float:
    """User and system time of a process (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(characters: int, seconds: float) -> float:
    """Percent of a core that the service uses once it has started."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "idle_world.py")
        path.write_text(APPLICATION)
        command = [sys.executable, "-m", "cletus", "run", str(path), "--port", "0"]
        server = subprocess.Popen(
            [*command, "--store", "memory:"],
            env={**os.environ, "CHARACTERS": str(characters)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
        )
        try:
            time.sleep(6)  # it has started by then
            before = cpu_seconds(server.pid)
            time.sleep(seconds)
            return (cpu_seconds(server.pid) - before) / seconds * 100
        finally:
            server.terminate()
            server.wait()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--characters", default="0,1000")
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    print("characters  % of a core")
    for characters in map(int, options.characters.split(",")):
        print(f"{characters:>10}  {measure(characters, options.seconds):>11.2f}")


if __name__ == "__main__":
    main()
