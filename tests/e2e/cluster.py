"""A cluster of real processes on real engines, people at its gateways, and the checker of what they hear."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.e2e.harness import REPOSITORY, Caller, Talker, wait_until
from tests.engines import Postgres, Valkey

PASSWORD = "a lantern in the fog"

#: Nobody's budget: all come from one address, and talk as fast as they can.
UNLIMITED = (
    "--web-port",
    "0",
    "--line-rate", "0", "--stranger-cpu", "0", "--connections-per-minute", "0",
)  # fmt: skip
UNLIMITED_HERE = (
    *UNLIMITED, "--screen-lines-per-account", "0", "--screen-lines-per-address", "0",
    "--screen-lines-of-newcomers", "0", "--screen-lines-per-room", "0", "--users-accounts-per-hour", "0",
    "--users-strangers-per-address", "0",
)  # fmt: skip

_GATEWAY = "from cletus.cli.gateway import gateway; gateway()"

#: ``Ann says: 17``; a person reads their own line as ``You say: 17``.
_SAID = re.compile(r"(\w+) says?: #(\d+)")


class Cluster:
    """The example talker.

    Args:
        folder: for its processes.
        engine: the bus.
        database: the store; ``None``: a folder.
        at_end: ends them.
        lease: of the primary, in seconds.
        gateway_lease: of gateways.
        limits: further options of all processes.
    """

    def __init__(
        self,
        folder: Path,
        engine: Valkey,
        database: Postgres | None,
        at_end: ExitStack,
        *,
        lease: float = 2.0,
        gateway_lease: float = 6.0,
        limits: Sequence[str] = (),
    ) -> None:
        self.folder, self.engine = folder, engine
        self._at_end = at_end
        self._store = str(folder / "saved") if database is None else database.emptied()
        self._common = ("--cluster", engine.url, "--cluster-name", "lantern", *UNLIMITED, *limits)
        self._lease = ("--cluster-lease", str(lease), "--gateway-lease", str(gateway_lease))
        self.servers: list[Talker] = []
        self.gateways: list[Talker] = []
        shutil.copytree(
            REPOSITORY / "example_service",
            folder / "example_service",
            ignore=shutil.ignore_patterns("__pycache__", "store"),
        )

    def server(self) -> Talker:
        """Another process that can be the primary."""
        options = (
            *self._common,
            *UNLIMITED_HERE,
            *self._lease,
            "--store",
            self._store,
            "--no-reload",
        )
        server = self._start("-m", "cletus", "run", "example_service", *options)
        self.servers.append(server)
        return server

    def gateway(self) -> Talker:
        """Another gateway, with a free port."""
        gateway = self._start("-c", _GATEWAY, *self._common, "--port", "0")
        self.gateways.append(gateway)
        return gateway

    def _start(self, *command: str) -> Talker:
        process = Talker(self.folder, *command)
        self._at_end.callback(process.kill)
        return process

    @property
    def primary(self) -> Talker:
        """The process that is the primary; waits until there is one."""

        def those() -> list[Talker]:
            return [server for server in self.servers if is_primary(server)]

        wait_until(those, "a primary", lambda: "\n".join(server.output for server in self.servers))
        return those()[-1]

    def standby(self) -> Talker:
        """Start a process that stands by, and wait until it does."""
        server = self.server()
        server.prints("Standing by until there is no primary")
        return server

    def person(self, name: str, gateway: Talker) -> Person:
        """Somebody new, who has come in."""
        person = Person(name, gateway.port)
        self._at_end.callback(person.hang_up)
        person.registers()
        return person


def is_primary(server: Talker) -> bool:
    """Whether a process runs the service now."""
    return server.is_running and "Listening on gateways" in server.output


class Person(Caller):
    """Somebody at a gateway, who says numbered lines.

    Attributes:
        said: how many.
    """

    def __init__(self, name: str, port: int) -> None:
        super().__init__(port)
        self.name = name
        self.said = 0

    def registers(self) -> None:
        """Come in for the first time."""
        for prompt, line in (
            ("What is your name", self.name),
            ("Create it", "y"),
            ("Choose a password", PASSWORD),
            ("Type it again", PASSWORD),
            ("Your pronouns", "she"),
        ):
            self.sees(prompt)
            self.types(line)
        self.sees("This is visit number 1")

    def logs_in_again(self, port: int) -> None:
        """Connect to another gateway, with the password."""
        self.hang_up()
        super().__init__(port)
        for prompt, line in (("What is your name", self.name), ("Your password", PASSWORD)):
            self.sees(prompt)
            self.types(line)
        self.sees("Welcome")

    def says_next(self, count: int = 1) -> None:
        """Say the next lines, in one piece."""
        self.types(*(f"#{self.said + number + 1}" for number in range(count)))
        self.said += count

    @property
    def heard(self) -> list[tuple[str, int]]:
        """Who has said which number, in the order of this screen."""
        self.unread()
        said = [(name, int(number)) for name, number in _SAID.findall(self.screen)]
        return [(self.name if name == "You" else name, number) for name, number in said]


def heard_all(people: Sequence[Person]) -> bool:
    """Whether everybody has heard as many lines as were said since they are here."""
    total = sum(person.said for person in people)
    return all(len(person.heard) >= total for person in people)


def wrong(heard: dict[str, list[tuple[str, int]]], said: dict[str, int]) -> list[str]:
    """What is wrong with what people have heard; each has said their numbers from 1 on.

    Args:
        heard: by hearer: who has said which number.
        said: by speaker: the last number.
    """
    mistakes = []
    for hearer, lines in heard.items():
        for speaker, last in said.items():
            numbers = [number for name, number in lines if name == speaker]
            missing = sorted(set(range(1, last + 1)) - set(numbers))
            doubled = sorted({number for number in numbers if numbers.count(number) > 1})
            if missing:
                mistakes.append(f"{hearer} has not heard {speaker} say {missing}")
            if doubled:
                mistakes.append(f"{hearer} has heard {speaker} say {doubled} twice")
            if not doubled and numbers != sorted(numbers):
                mistakes.append(f"{hearer} has heard {speaker} in another order: {numbers}")
    orders = {tuple(lines) for lines in heard.values()}
    if len(orders) > 1 and not mistakes:
        mistakes.append(f"people have heard {len(orders)} different orders")
    return mistakes


def check(people: Sequence[Person]) -> None:
    """Wait until everybody has heard all, and nothing more comes; fails if it is not right."""
    heard = {person.name: person.heard for person in people}
    wait_until(
        lambda: heard_all(people),
        "everybody hears everything",
        lambda: "\n".join(
            wrong({p.name: p.heard for p in people}, {p.name: p.said for p in people})
        ),
    )
    for person in people:  # what is repeated would come before this
        person.types(f".say done {person.name}")
        person.sees(f"done {person.name}")
    heard = {person.name: person.heard for person in people}
    assert not wrong(heard, {person.name: person.said for person in people})
