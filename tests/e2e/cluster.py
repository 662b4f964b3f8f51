"""A cluster of real processes on real engines, people at its gateways, and the checker of what they hear."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.harness import REPOSITORY, Caller, Talker, wait_until
from tests.e2e.lantern import registration
from tests.engines import Postgres, Valkey, postgres, valkey

PASSWORD = "a lantern in the fog"

#: Characters of each screen and log that the message of a failure shows.
REPORTED = 3000

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
        self.store = str(folder / "saved") if database is None else database.new_database()
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
            self.store,
            "--no-reload",
        )
        server = self._start("-m", "cletus", "run", "example_service", *options)
        self.servers.append(server)
        return server

    def gateway(self, *options: str, before: str = "") -> Talker:
        """Another gateway, with a free port; ``before`` is code that it runs first."""
        gateway = self._start("-c", before + _GATEWAY, *self._common, "--port", "0", *options)
        self.gateways.append(gateway)
        return gateway

    def _start(self, *command: str) -> Talker:
        process = Talker(self.folder, *command)
        self._at_end.callback(process.kill)
        return process

    @property
    def primary(self) -> Talker:
        """The process that is the primary; waits until there is one."""
        present: list[Talker] = []

        def look() -> list[Talker]:
            present[:] = filter(is_primary, self.servers)
            return present

        wait_until(look, "a primary", self.report)
        return present[-1]

    def report(self) -> str:
        """The ends of what all processes have logged, for the message of a failure."""
        processes = {"server": self.servers, "gateway": self.gateways}
        return "\n".join(
            f"-- {role} {number}, process {process.process.pid}:\n{process.output[-REPORTED:]}"
            for role, talkers in processes.items()
            for number, process in enumerate(talkers, 1)
        )

    def standby(self) -> Talker:
        """Start a process that stands by, and wait until it does."""
        server = self.server()
        server.prints("Standing by until there is no primary")
        return server

    def person(self, name: str, gateway: Talker) -> Person:
        """Somebody new, who has come in."""
        person = Person(name, gateway.port)
        person.cluster = self
        self._at_end.callback(person.hang_up)
        person.registers()
        return person


def is_primary(server: Talker) -> bool:
    """Whether a process runs the service now."""
    return server.is_running and "Listening on gateways" in server.output


_LOOK_FOR = """EVAL "local pieces = redis.call('HGETALL', KEYS[1]) for i = 1, #pieces, 2 do
if string.find(pieces[i], ARGV[2], 1, true) and string.find(pieces[i + 1], ARGV[1], 1, true)
then return 1 end end return 0" 1 cletus:{lantern}:session"""


def is_kept(engine: Valkey, words: str, piece: str = "/") -> bool:
    """Whether a piece of the checkpoint has these words; without a key nothing is sealed.

    Args:
        engine: which has it.
        words: or a part of one.
        piece: part of the piece's name; by default it may be any.
    """
    return engine.ask(f"{_LOOK_FOR} {words} {piece}".replace("\n", " ")) == b":1\r\n"


class Person(Caller):
    """Somebody at a gateway, who says numbered lines.

    Attributes:
        said: how many.
        cluster: that of the gateway, for the message of a failure.
    """

    cluster: Cluster | None = None

    def __init__(self, name: str, port: int) -> None:
        super().__init__(port)
        self.name = name
        self.said = 0

    def registers(self) -> None:
        """Come in for the first time."""
        for prompt, line in registration(self.name, PASSWORD):
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


def four_people(cluster: Cluster) -> list[Person]:
    """Four, who come in at two new gateways."""
    gateways = [cluster.gateway() for _ in range(2)]
    names = ("Ann", "Bob", "Cleo", "Dan")
    return [cluster.person(name, gateways[n % 2]) for n, name in enumerate(names)]


class Shared:
    """One cluster for all tests that leave it whole, since its start takes longer than most of them.

    Args:
        factory: makes folders.
        database: the store.
        session: tells whether a test has failed.
    """

    def __init__(
        self, factory: pytest.TempPathFactory, database: Postgres, session: pytest.Session
    ) -> None:
        self._factory, self._database, self._session = factory, database, session
        self._failures = 0
        self._at_end = ExitStack()
        self._cluster: Cluster | None = None
        self.people: list[Person] = []

    def cluster(self) -> Cluster:
        """The one of the test before, or a new one after a failure; with a primary and a standby."""
        if self._cluster is None or self._session.testsfailed > self._failures:
            self.close()
            self._failures = self._session.testsfailed
            engine = self._at_end.enter_context(valkey())
            folder = self._factory.mktemp("cluster")
            self._cluster = Cluster(folder, engine, self._database, self._at_end)
            self._cluster.server()
            self.people = four_people(self._cluster)
        cluster = self._cluster
        assert cluster.primary
        if all(is_primary(server) for server in cluster.servers if server.is_running):
            cluster.standby()
        return cluster

    def close(self) -> None:
        """End all processes."""
        self._at_end.close()


def all_say(people: list[Person], count: int = 5) -> None:
    """Each of them says so many lines."""
    for person in people:
        person.says_next(count)


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
            [
                *wrong({p.name: p.heard for p in people}, {p.name: p.said for p in people}),
                *(f"-- the screen of {p.name}:\n{p.screen[-REPORTED:]}" for p in people),
                "" if people[0].cluster is None else people[0].cluster.report(),
            ]
        ),
    )
    for person in people:  # what is repeated would come before this
        person.types(f".say done {person.name}")
        person.sees(f"done {person.name}")
    heard = {person.name: person.heard for person in people}
    assert not wrong(heard, {person.name: person.said for person in people})


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, database: Postgres, request: pytest.FixtureRequest
) -> Iterator[Shared]:
    shared = Shared(tmp_path_factory, database, request.session)
    yield shared
    shared.close()


@pytest.fixture
def cluster(shared: Shared) -> Cluster:
    """A primary and a standby, which other tests go on to use."""
    return shared.cluster()


@pytest.fixture
def people(cluster: Cluster, shared: Shared) -> list[Person]:
    """Four, at two gateways."""
    return shared.people
