"""Cut the power of a disk that is being saved to, and see what was on it (reliability notes, 2.3).

An ext4 file system, journal and all, lies in an image file. A child saves numbered versions onto it
and acknowledges each. At a random instant the child is stopped and the image copied, as the disk has
it, without what the kernel still holds back; the copy is mounted, which replays its journal, and must
hold every acknowledged version or a later one. Needs root. As a program it prints its findings:

    python -m tests.soak.power_cuts JsonFiles 20
"""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cletus.storage.backends.json_files import JsonFiles
from tests.storage import mutants
from tests.storage.kills import GROUP, KEYS, documents, text

SIZE = "48M"
LONGEST = 0.15


@dataclass
class Findings:
    seed: int
    cuts: int = 0
    acknowledged: int = 0
    wrong: list[str] = field(default_factory=list)


def not_flushed(folder: str) -> JsonFiles:
    return JsonFiles(folder, sync="rename")


KINDS = {**mutants.BY_NAME, "rename": not_flushed}


def run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """``noauto_da_alloc``: without ext4's own remedy for programs that do not flush."""
    folder.mkdir(exist_ok=True)
    run("mount", "-o", "loop,noauto_da_alloc", image, folder)
    try:
        yield folder
    finally:
        run("umount", folder)


def save_for_ever(make: Callable[[str], JsonFiles], folder: str, acks: int) -> None:
    home = make(folder)
    home.open()
    chance = random.Random(1)
    version = KEYS
    while True:
        if chance.random() < 0.7:
            home.write("user", f"k{version % KEYS}", text(version))
            version += 1
        else:
            assert home.write_many(documents(version)) == []
            version += GROUP
        os.write(acks, struct.pack("q", version - 1))
        if chance.random() < 0.1:
            time.sleep(0.02)  # so that cuts also fall where nothing else flushes the journal


class Acks:
    """What the child has acknowledged."""

    def __init__(self, pipe: int) -> None:
        self.last = KEYS - 1
        self._pipe = pipe

    def listen(self, seconds: float) -> None:
        """Take acknowledgements for so long; with 0, all that are there already."""
        end = time.monotonic() + seconds
        while select.select([self._pipe], [], [], max(0, end - time.monotonic()))[0]:
            data = os.read(self._pipe, 1 << 16)
            assert data, "the child ended"
            (self.last,) = struct.unpack("q", data[-8:])


def campaign(
    make: Callable[[str], JsonFiles], cuts: int, *, until_wrong: bool, where: str
) -> Findings:
    """So many cuts, each looked at."""
    findings = Findings(random.randrange(1 << 30))
    chance = random.Random(findings.seed)
    work = Path(tempfile.mkdtemp(prefix="cletus-cuts-", dir=where))
    image, copy = work / "disk", work / "copy"
    run("truncate", "-s", SIZE, image)
    run("mkfs.ext4", "-q", "-F", image)
    try:
        with mounted(image, work / "now") as folder, saving(make, folder) as (child, acks):
            acks.listen(0.2)
            while findings.cuts < cuts and not (until_wrong and findings.wrong):
                acks.listen(chance.uniform(0, LONGEST))
                os.kill(child, signal.SIGSTOP)
                shutil.copyfile(image, copy)
                acks.listen(0)
                os.kill(child, signal.SIGCONT)
                findings.cuts += 1
                findings.acknowledged = acks.last
                with mounted(copy, work / "then") as found:
                    look(str(found / "store"), acks.last, findings)
    finally:
        shutil.rmtree(work)
    return findings


@contextmanager
def saving(make: Callable[[str], JsonFiles], folder: Path) -> Iterator[tuple[int, Acks]]:
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            save_for_ever(make, str(folder / "store"), theirs)
        finally:
            os._exit(1)
    os.close(theirs)
    try:
        yield child, Acks(ours)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ours)


def look(folder: str, last: int, findings: Findings) -> None:
    """Note what is torn, or older than acknowledged."""
    home = JsonFiles(folder)
    home.open()
    for number in range(KEYS):
        acknowledged = last - (last - number) % KEYS
        if acknowledged < KEYS:
            continue  # this key was not saved yet
        try:
            data = home.read("user", f"k{number}")
            version = json.loads(data)["version"]
        except Exception as error:  # noqa: BLE001 - whatever it is, it should not be
            findings.wrong.append(f"cut {findings.cuts}: k{number}: {error!r}")
            continue
        whole = data == text(version) and version % KEYS == number
        if not whole or not acknowledged <= version <= last + GROUP:
            findings.wrong.append(
                f"cut {findings.cuts}: k{number} is {version}, acknowledged {acknowledged}"
            )
    home.close()


def main(arguments: list[str]) -> None:
    make: Any = KINDS[arguments[0]]
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()
    found = campaign(make, int(arguments[1]), until_wrong="--until-wrong" in arguments, where=where)
    sys.stdout.write(json.dumps(asdict(found)))


if __name__ == "__main__":
    main(sys.argv[1:])
