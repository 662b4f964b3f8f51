"""Plays the tutorial: its blocks of code are saved as a reader saves them, its sessions are typed.

- ```` ```python talk.py ```` is that file, from its first line to its last; so is ``toml``.
- ```` ```diff talk.py ```` changes lines of it, which have to be there once.
- ```` ```json file ```` is what that file holds by now.
- ```` ```console ```` is what people type and see. Before it, whatever was saved since is reloaded.
  ``ann> hello`` is typed, and the lines after it are all that she gets back; before they have typed
  anything they connect. ``bob| hello`` is a line that Bob has got. ``(bob hangs up)`` is what it says.
  ``(40 seconds later)`` lets that time pass.
- ```` ```log ```` is what the report of the latest reload says, but for figures of milliseconds.
- ```` ```console (after a rollback) ````, ```` ```console (after a restart) ```` and ```` ```console (after a role) ````,
  given by ``cletus user role`` before it, do that first.
- ```` ```text ```` is what is typed into a shell. It is not run, but for ``cletus user``.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from cletus import Service
from cletus.cli import main
from cletus.contrib.users.admin import change_roles, users_of
from cletus.reload.load import load
from cletus.testing import Person

FENCE = re.compile(
    r"^```(\w+)(?: +(\S+\.\w+))?(?: +\(after a (\w+)\))?\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
TYPED = re.compile(r"(\w+)> ?(.*)")
GOT = re.compile(r"(\w+)\| ?(.*)")
GOES = re.compile(r"\((\w+) hangs up\)")
LATER = re.compile(r"\((\d+) seconds later\)")
FIGURE = re.compile(r"\d+\.\d+ ms")


@dataclass(frozen=True)
class Block:
    """One fenced block, what is done before it, and where it stands."""

    kind: str
    file: str
    before: str
    text: str
    place: str


def blocks(page: Path) -> Iterator[Block]:
    """Those of a page, in order."""
    text = page.read_text()
    for match in FENCE.finditer(text):
        kind, file, before, inside = match.groups()
        line = text.count("\n", 0, match.start()) + 1
        yield Block(kind, file or "", before or "", inside, f"{page.name}:{line}")


class Evening:
    """One run of the tutorial.

    Args:
        folder: where the reader works.
        package: what they write.
    """

    def __init__(self, folder: Path, package: str = "evening") -> None:
        self.folder = folder
        self.package = package
        self.service: Service | None = None
        self.clock = Clock()
        self.people: dict[str, Person] = {}
        self._saved = False
        self._unseen: dict[str, list[str]] = {}
        self._commands: list[list[str]] = []

    def play(self, block: Block) -> None:
        """Do what a block says; raises ``AssertionError`` where it is not true."""
        try:
            if block.before:
                getattr(self, f"_{block.before}")()
            getattr(self, f"_{block.kind}")(block)
        except (AssertionError, AttributeError, KeyError) as error:
            raise AssertionError(f"{block.place}: {error}") from error

    def end(self) -> None:
        """Stop the service, if it runs."""
        if self.service is not None:
            stopped = self.service.stop()
            for _ in range(20):
                self.clock.advance(0.5)
                for person in self.people.values():
                    person.new_text()  # whose connection was closed hangs up
            assert stopped.called, "the service does not stop"
            self.service = None

    # -- saving -----------------------------------------------------------------------------

    def _python(self, block: Block) -> None:
        path = self.folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)
        self._saved = True

    _toml = _python

    def _diff(self, block: Block) -> None:
        path = self.folder / block.file
        lines = block.text.splitlines()
        before = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
        after = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
        text = path.read_text()
        assert text.count(before) == 1, (
            f"{block.file} has this {text.count(before)} times:\n{before}"
        )
        path.write_text(text.replace(before, after))
        self._saved = True

    def _json(self, block: Block) -> None:
        assert (self.folder / block.file).read_text() == block.text

    # -- running ----------------------------------------------------------------------------

    def _start(self) -> None:
        self.service = load(self.package, self.folder)
        self.clock = Clock()
        self.service.configure(
            store=str(self.folder / "store"), reload=False, reload_patterns=("*.toml",)
        )
        failures: list[Failure] = []
        self.service.start(self.clock, doors=()).addErrback(failures.append)
        for failure in failures:
            failure.raiseException()
        self._saved = False

    def _reload(self) -> None:
        if self.service is None:
            self._start()
        elif self._saved:
            self.service.reload()
            for _ in range(10):
                self.clock.advance(0)
        self._saved = False

    def _log(self, block: Block) -> None:
        self._reload()
        assert self.service is not None
        report = str(self.service.last_reload).replace(str(self.folder), "/home/ann")
        said = FIGURE.sub("0 ms", report)
        for line in block.text.splitlines():
            assert FIGURE.sub("0 ms", line).strip() in said, f"{line!r} is not in:\n{said}"

    def _rollback(self) -> None:
        assert self.service is not None
        self.service.rollback()
        for _ in range(10):
            self.clock.advance(0)

    def _role(self) -> None:
        self._reload()
        assert self.service is not None
        for _, _, _, name, role in self._commands:
            change_roles(users_of(self.service), name, [role])
        self._commands.clear()

    def _restart(self) -> None:
        self.end()
        self.people.clear()
        self._unseen.clear()
        for command in self._commands:
            forget_modules(self.package)
            done = CliRunner().invoke(main, command)
            assert done.exit_code == 0, done.output
        forget_modules(self.package)
        self._start()

    def _text(self, block: Block) -> None:
        for line in block.text.splitlines():
            words = shlex.split(line)
            if words[0].endswith("/cletus") and words[1] == "user":
                self._commands.append(words[1:])

    # -- people -----------------------------------------------------------------------------

    def person(self, name: str) -> Person:
        """Who is connected under this name here; they connect if they are not yet."""
        assert self.service is not None
        if name not in self.people:
            self.people[name] = Person(self.service, self.clock)
        return self.people[name]

    def _console(self, block: Block) -> None:
        self._reload()
        unread: list[str] = []
        for line in block.text.splitlines():
            if typed := TYPED.fullmatch(line):
                assert not unread, f"the page lacks {unread}"
                unread = self._type(*typed.groups())
            elif got := GOT.fullmatch(line):
                self._see(*got.groups())
            elif later := LATER.fullmatch(line):
                self.clock.pump([1.0] * int(later[1]))
            elif goes := GOES.fullmatch(line):
                self.people.pop(goes[1]).hangs_up()
                self._unseen.pop(goes[1], None)
            elif line:
                assert unread[:1] == [line.rstrip()], f"not {line!r} was written, but {unread}"
                del unread[0]
        assert not unread, f"the page lacks {unread}"

    def _type(self, name: str, line: str) -> list[str]:
        person = self.person(name)
        start = len(person.screen)
        person.types(line)
        self.clock.pump([0.05, 0])  # what is saved soon is saved by then
        return lines(person.screen[start:])

    def _see(self, name: str, line: str) -> None:
        """They have got this line, after those that they were said to have got before."""
        person = self.person(name)
        self._unseen.setdefault(name, []).extend(lines(person.new_text()))
        unseen = self._unseen[name]
        assert line.rstrip() in unseen, f"{name} has not got {line!r}, but {unseen}"
        del unseen[: unseen.index(line.rstrip()) + 1]


def forget_modules(package: str) -> None:
    """As in a new process, the package has not been imported yet."""
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]


def lines(text: str) -> list[str]:
    """What is to be seen of a text: its lines that are not empty."""
    return [line.rstrip() for line in text.splitlines() if line.strip()]
