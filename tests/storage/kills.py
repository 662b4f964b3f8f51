"""Kill a process that is saving, again and again, and see what it left (reliability notes, 2.1).

A child saves numbered versions, one by one and in groups, and acknowledges each in a pipe once it
is saved; it is killed (SIGKILL) at a random instant. Then every document must be whole, and be the
last acknowledged version or a later one that was under way. As a program it prints its findings:

    python -m tests.storage.kills JsonFiles 200 /dev/shm/kills
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cletus.storage.backends.json_files import JsonFiles
from cletus.storage.interfaces import Document
from tests.storage import mutants

KEYS = 20
GROUP = 8
LONGEST = 0.008


@dataclass
class Findings:
    seed: int
    kills: int = 0
    acknowledged: int = 0
    interrupted: int = 0
    """Temporary files seen after kills: so many kills came in the middle of a save."""
    wrong: list[str] = field(default_factory=list)


def text(version: int) -> bytes:
    """A document that tells its version, of some hundred to some thousand bytes."""
    return json.dumps({"version": version, "padding": "x" * (version * 97 % 3000)}).encode()


def documents(start: int) -> list[Document]:
    versions = range(start, start + GROUP)
    return [Document("user", f"k{version % KEYS}", text(version)) for version in versions]


def save_for_ever(make: Callable[[str], JsonFiles], folder: str, acks: int, start: int) -> None:
    home = make(folder)
    home.open()
    version = start
    while True:
        if version % 3:
            home.write("user", f"k{version % KEYS}", text(version))
            version += 1
        else:
            if home.write_many(documents(version)):
                return
            version += GROUP
        os.write(acks, struct.pack("q", version - 1))


def kill_one(make: Callable[[str], JsonFiles], folder: str, start: int, delay: float) -> int:
    """Start a child, kill it after the delay, return the last version that it acknowledged."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            save_for_ever(make, folder, theirs, start)
        finally:
            os._exit(1)  # only an error leads here
    os.close(theirs)
    time.sleep(delay)  # the random instant
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), "the child ended before it was killed"
    acknowledged = start - 1
    with os.fdopen(ours, "rb") as pipe:
        for (version,) in struct.iter_unpack("q", pipe.read()):
            acknowledged = version
    return acknowledged


def campaign(
    make: Callable[[str], JsonFiles],
    folder: str,
    kills: int,
    *,
    seed: int | None = None,
    until_wrong: bool = False,
) -> Findings:
    """So many kills, each looked at."""
    findings = Findings(random.randrange(1 << 30) if seed is None else seed)
    chance = random.Random(findings.seed)
    standing: dict[int, int] = {}
    start = KEYS
    while findings.kills < kills and not (until_wrong and findings.wrong):
        last = kill_one(make, folder, start, chance.uniform(0, LONGEST))
        findings.kills += 1
        findings.acknowledged += last + 1 - start
        for version in range(max(start, last + 1 - KEYS), last + 1):
            standing[version % KEYS] = version
        findings.interrupted += len(leftovers(folder))
        home = make(folder)
        home.open()
        look(home, standing, last, findings)
        home.close()
        start = last + 1 + GROUP
    return findings


def leftovers(folder: str) -> list[Path]:
    return [path for path in Path(folder).glob("*/*") if path.suffix != ".json"]


def look(home: JsonFiles, standing: dict[int, int], last: int, findings: Findings) -> None:
    """Note what is torn, older than acknowledged, or left over; what is there becomes the bound."""
    findings.wrong += [
        f"kill {findings.kills}: left {path.name}" for path in leftovers(home.folder)
    ]
    for key in home.keys("user"):
        data = home.read("user", key)
        number = int(key[1:])
        try:
            version = json.loads(data)["version"]
        except ValueError:
            version = -1
        if version < 0 or data != text(version):
            findings.wrong.append(f"kill {findings.kills}: {key} is torn: {data[:40]!r}")
        elif not standing.get(number, 0) <= version <= last + GROUP or version % KEYS != number:
            findings.wrong.append(
                f"kill {findings.kills}: {key} is {version}, acknowledged {standing.get(number)}"
            )
        standing[number] = version
    missing = {f"k{number}" for number in standing} - set(home.keys("user"))
    findings.wrong += [f"kill {findings.kills}: {key} is gone" for key in sorted(missing)]


def main(arguments: list[str]) -> None:
    make: Any = mutants.BY_NAME[arguments[0]]
    folder = arguments[2]
    try:
        found = campaign(make, folder, int(arguments[1]), until_wrong="--until-wrong" in arguments)
    finally:
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
    sys.stdout.write(json.dumps(asdict(found)))


if __name__ == "__main__":
    main(sys.argv[1:])
