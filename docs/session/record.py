"""Record two people and a developer's edits: ``python docs/session/record.py``.

It starts the Lantern in a folder of its own, connects two people to it, edits its code while they
talk, and writes what was seen into ``session.svg`` (which plays by itself in a browser) and
``session.txt``. Nothing in it is made up; only the waiting is shortened.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))  # a script finds what lies beside it

from tests.e2e.lantern import registration  # noqa: E402 - as above

PATIENCE = 30.0
PASSWORD = "a lantern at night"
NOISE = re.compile(
    rb"\xff\xfa.*?\xff\xf0|\xff[\xfb-\xfe].|\xff[\xef-\xf9]|\x1b\[[0-9;]*m", re.DOTALL
)


@dataclass(frozen=True)
class Line:
    """Something that came onto a screen: when, and whether it was typed there."""

    at: float
    text: str
    typed: bool = False


class Pane:
    """One screen."""

    def __init__(self, title: str, columns: int) -> None:
        self.title, self.columns = title, columns
        self.lines: list[Line] = []

    def add(self, text: str, *, typed: bool = False) -> None:
        for part in textwrap.wrap(text, self.columns, subsequent_indent="  ") or [""]:
            self.lines.append(Line(time.monotonic(), part, typed))


class Person:
    """Somebody at a terminal. What they see is recorded from when ``pane`` is set."""

    def __init__(self, name: str) -> None:
        self.name, self.seen, self.rest = name, "", ""
        self.pane: Pane | None = None

    async def connect(self, port: int) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.reading = asyncio.create_task(self._read())
        for prompt, line in registration(self.name, PASSWORD):
            await self.sees(prompt)
            self.writer.write(f"{line}\r\n".encode())
        await self.sees("Exits:")

    async def types(self, line: str, then: str) -> None:
        """Type a line, and wait for what it brings."""
        since = len(self.seen)
        assert self.pane is not None
        self.pane.add(self.rest + line, typed=True)
        self.rest = ""
        self.writer.write(f"{line}\r\n".encode())
        await self.sees(then, since)
        await asyncio.sleep(0.05)

    async def sees(self, text: str, since: int = 0) -> None:
        async with asyncio.timeout(PATIENCE):
            while text not in self.seen[since:]:
                await asyncio.sleep(0.01)

    async def _read(self) -> None:
        while data := await self.reader.read(65536):
            text = NOISE.sub(b"", data).decode().replace("\r\n", "\n")
            self.seen += text
            *whole, self.rest = (self.rest + text).split("\n")
            for line in whole if self.pane is not None else ():
                self.pane.add(line)


class Developer:
    """Somebody who edits the code and reads the log."""

    def __init__(self, folder: Path, pane: Pane) -> None:
        self.folder, self.pane, self.log = folder, pane, ""
        shutil.copytree(ROOT / "example_service", folder / "example_service")

    async def start(self) -> int:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cletus", "run", "example_service", "--port", "0", "--store", "memory:",
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self.reading = asyncio.create_task(self._read())
        return int((await self.logs(r"telnet 127\.0\.0\.1:(\d+)"))[1])

    async def edits(self, module: str, old: str, new: str, report: str) -> None:
        """Save an edit, and wait for the report of the reload."""
        path = self.folder / "example_service" / module
        text = path.read_text()
        assert text.count(old) == 1, old
        self.pane.add(f"$ edit example_service/{module}", typed=True)
        self.pane.add(f"- {old}")
        self.pane.add(f"+ {new}")
        since = len(self.log)
        path.write_text(text.replace(old, new))
        await self.logs(report, since)
        await asyncio.sleep(0.1)
        for line in self.log[since:].replace(f"{self.folder}/", "").splitlines():
            if "connected" not in line and " logged in at " not in line:
                self.pane.add(line)

    async def logs(self, pattern: str, since: int = 0) -> re.Match[str]:
        async with asyncio.timeout(PATIENCE):
            while (found := re.search(pattern, self.log[since:])) is None:
                await asyncio.sleep(0.01)
        return found

    async def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        await self.process.wait()
        await self.reading

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.log += line.decode()


async def session(folder: Path) -> list[Pane]:
    """What happens."""
    panes = [Pane("Ann", 59), Pane("Bob", 59), Pane("the developer: edits and log", 121)]
    ann, bob, dev = Person("Ann"), Person("Bob"), Developer(folder, panes[2])
    port = await dev.start()
    await ann.connect(port)
    await bob.connect(port)
    ann.pane, bob.pane = panes[0], panes[1]
    ann.rest = bob.rest = ""

    says = 'text = f"{user} says: {message}"'
    softly = says.replace("says:", "says softly:")
    await bob.types("good evening", "You say")
    await ann.types(".wave happily at bob", "You wave")
    await ann.types(".write bob tea", "1>")
    await ann.types("Come over to the kitchen.", "2>")
    await dev.edits("talk.py", says, softly, r"Reloaded, generation.*\n")
    await ann.types("I have biscuits.", "3>")
    await bob.types("is somebody writing?", "You say")
    await ann.types(".", "is sent.")
    await bob.types(".read 1", "biscuits")
    broken = softly.replace("{message}", "{mesage")
    await dev.edits("talk.py", softly, broken, r"Reload refused.*\n(    .*\n)*")
    await bob.types("I am on my way", "You say")
    await dev.edits("talk.py", broken, softly, r"(Nothing to reload|Reloaded).*\n")
    await ann.types("see you there", "You say")
    await ann.types(".down", "winding stairs")
    ann.pane = bob.pane = None
    await dev.stop()
    for person in (ann, bob):
        person.writer.close()
        await person.reading
    return panes


# -- the picture --------------------------------------------------------------------------------

CHAR, ROW, PAD = 7.25, 16, 12
STYLE = """
text { font: 12px ui-monospace, Menlo, Consolas, monospace; fill: #d8dee9; white-space: pre }
.title { fill: #88c0d0; font-weight: bold } .typed { fill: #ebcb8b }
.refused { fill: #ff8a80 } .added { fill: #a3be8c } .removed { fill: #bf616a }
@keyframes appear { from { opacity: 0 } to { opacity: 1 } }
.l { animation: appear 0.01s both }
@media (prefers-reduced-motion: reduce) { .l { animation: none } }
"""


def steps(panes: list[Pane]) -> dict[Line, float]:
    """When each line appears in the recording: in the order in which it did, without the waiting."""
    clock, shown, last = 0.5, {}, 0.0
    for line in sorted((line for pane in panes for line in pane.lines), key=lambda line: line.at):
        clock += 1.4 if line.typed else 0.25 if line.at - last > 0.02 else 0.02
        shown[line], last = clock, line.at
    return shown


def kind_of(line: Line) -> str:
    if line.typed:
        return "typed"
    for start, kind in (("+ ", "added"), ("- ", "removed")):
        if line.text.startswith(start):
            return kind
    return "refused" if "refused" in line.text or "Error" in line.text else ""


def drawn(pane: Pane, shown: dict[Line, float], x: float, y: float, rows: int) -> Iterator[str]:
    width = pane.columns * CHAR + 2 * PAD
    height = (rows + 1.5) * ROW + PAD
    yield f'<rect x="{x}" y="{y}" width="{width:.0f}" height="{height:.0f}" rx="6" fill="#2e3440"/>'
    yield f'<text class="title" x="{x + PAD}" y="{y + ROW}">{escape(pane.title)}</text>'
    for number, line in enumerate(pane.lines):
        top = y + (number + 2.5) * ROW
        text = escape(
            f"> {line.text}" if line.typed and not line.text.startswith(("$", " ")) else line.text
        )
        style = f"animation-delay:{shown[line]:.2f}s"
        yield f'<text class="l {kind_of(line)}" style="{style}" x="{x + PAD}" y="{top}">{text}</text>'


def picture(panes: list[Pane]) -> str:
    """The recording as SVG that plays by itself."""
    shown = steps(panes)
    left, right, below = panes
    top_rows = max(len(left.lines), len(right.lines))
    half = left.columns * CHAR + 2 * PAD
    top_height = (top_rows + 1.5) * ROW + PAD
    below.columns = round((2 * half + PAD - 2 * PAD) / CHAR)
    width = 2 * half + 3 * PAD
    height = top_height + (len(below.lines) + 1.5) * ROW + 4 * PAD
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}">',
        "<title>Two people talk on the Lantern while its code is edited</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#242933"/>',
        *drawn(left, shown, PAD, PAD, top_rows),
        *drawn(right, shown, half + 2 * PAD, PAD, top_rows),
        *drawn(below, shown, PAD, top_height + 2 * PAD, len(below.lines)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def text(panes: list[Pane]) -> str:
    """The recording as text: who saw what, in order."""
    shown = steps(panes)
    names = {
        id(line): pane.title.split(":")[0].split()[-1] for pane in panes for line in pane.lines
    }
    lines = sorted(shown, key=lambda line: shown[line])
    return "".join(
        f"{shown[line]:6.2f}  {names[id(line)]:<10}{'> ' if line.typed else '  '}{line.text}\n".rstrip()
        + "\n"
        for line in lines
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        panes = asyncio.run(session(Path(folder)))
    (HERE / "session.svg").write_text(picture(panes))
    (HERE / "session.txt").write_text(text(panes))
    print(f"written: {HERE / 'session.svg'}, {HERE / 'session.txt'}")


if __name__ == "__main__":
    main()
