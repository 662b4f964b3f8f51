"""``cletus run TARGET --workers N``: the connections are in other processes than the application."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.harness import REPOSITORY, Caller, Talker, wait_until

PASSWORD = "lantern light"


def children_of(pid: int) -> dict[int, str]:
    """The command lines of the processes that this one has started."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                status = Path("/proc", name, "stat").read_text(encoding="utf-8")
                command = Path("/proc", name, "cmdline").read_bytes()
            except OSError:  # it has just ended
                continue
            if int(status.rpartition(")")[2].split()[1]) == pid:
                children[int(name)] = command.replace(b"\0", b" ").decode()
    return children


class Workers:
    """The example talker with workers, and people in it.

    Attributes:
        talker: the parent.
    """

    def __init__(self, talker: Talker, at_end: ExitStack) -> None:
        self.talker = talker
        self._at_end = at_end

    @property
    def primary(self) -> int:
        (pid,) = [
            pid
            for pid, line in children_of(self.talker.process.pid).items()
            if "cletus.cli.workers" not in line
        ]
        return pid

    @property
    def gateways(self) -> list[int]:
        children = children_of(self.talker.process.pid).items()
        return [pid for pid, line in children if line.strip().endswith("gateway")]

    def kill_primary(self) -> None:
        os.kill(self.primary, signal.SIGKILL)

    def connect(self) -> Caller:
        caller = Caller(self.talker.port)
        self._at_end.callback(caller.hang_up)
        return caller

    def person(self, name: str) -> Caller:
        caller = self.connect()
        caller.sees("What is your name")
        self.logs_in(caller, name)
        return caller

    def logs_in(self, caller: Caller, name: str) -> None:
        caller.types(name)
        caller.sees("(y/n)? ")
        caller.types("y")
        caller.sees("Choose a password: ")
        caller.types(PASSWORD)
        caller.sees("Type it again")
        caller.types(PASSWORD)
        caller.sees("Enter for they)? ")
        caller.types("")
        caller.sees(f"Welcome, {name}!")
        caller.sees("The lamp room")


@pytest.fixture
def workers(tmp_path: Path, start: Callable[..., Talker], at_end: ExitStack) -> Iterator[Workers]:
    folder = tmp_path / "example_service"
    ignored = shutil.ignore_patterns("__pycache__", "ruff.toml")
    shutil.copytree(REPOSITORY / "example_service", folder, ignore=ignored)
    options = ("--port", "0", "--web-port", "0", "--store", "saved", "--workers", "2")
    talker = start("-m", "cletus", "run", "example_service", *options)
    yield Workers(talker, at_end)
    if talker.is_running:
        everybody = children_of(talker.process.pid)
        talker.stop()
        assert not [pid for pid in everybody if os.path.exists(f"/proc/{pid}")]


def heard(caller: Caller, word: str) -> list[str]:
    caller.unread()
    return [line for line in caller.screen.splitlines() if word in line and " says: " in line]


def test_the_primary_is_killed_and_nobody_is_dropped(workers: Workers) -> None:
    """C3, C4: what was typed before, meanwhile and after is heard once, in order, by all."""
    names = ["Ann", "Bob", "Cid", "Dan"]
    people = {name: workers.person(name) for name in names}
    for round_number in range(2):
        for name in names:
            people[name].types(f"before {round_number} of {name}")
        before = workers.primary
        workers.kill_primary()
        for name in names:
            people[name].types(f"meanwhile {round_number} of {name}")
        wait_until(
            lambda before=before: before not in children_of(workers.talker.process.pid),
            "the end of the primary",
        )
        for name in names:
            people[name].types(f"after {round_number} of {name}")
        for name in names:
            for other in names:
                if other != name:
                    wait_until(
                        lambda name=name, other=other, number=round_number: any(
                            f"after {number} of {other}" in line
                            for line in heard(people[name], "after")
                        ),
                        f"{name} hears {other}",
                        lambda name=name: people[name].screen + workers.talker.output,
                    )
    orders = {}
    for name in names:
        lines = [line for line in people[name].screen.splitlines() if " says: " in line]
        assert len(set(lines)) == len(lines), f"doubled for {name}: {lines}"
        for other in names:
            expected = [
                f"{other} says: {word} {number} of {other}"
                for number in range(2)
                for word in ("before", "meanwhile", "after")
            ]
            if other != name:
                assert [line for line in lines if line.startswith(other)] == expected
        orders[name] = lines
    for name in names:
        for other in names:
            common = set(orders[name]) & set(orders[other])
            assert [line for line in orders[name] if line in common] == [
                line for line in orders[other] if line in common
            ]


def test_a_restart_keeps_everybody_and_what_they_were_doing(workers: Workers) -> None:
    ann, bob = workers.person("Ann"), workers.person("Bob")
    bob.types(".password")
    bob.sees("password")
    before = _server(workers)
    for number in range(2):
        workers.talker.gets(signal.SIGUSR2)
        workers.talker.prints("Restarted, process", times=2 * (number + 1))  # both processes say so
        ann.types(f"still here {number}")
        ann.sees(f"You say: still here {number}")
        bob.sees(f"Ann says: still here {number}")
    assert _server(workers) != before
    bob.types(PASSWORD)
    bob.sees("Choose a new one")
    os.kill(_server(workers), signal.SIGKILL)
    ann.types("and after its death")
    ann.sees("You say: and after its death")


def _server(workers: Workers) -> int:
    """The process that has the application: after a restart, it is not the parent's own child."""
    path = workers.talker.folder / "saved" / ".lock"
    return int(path.read_text().split()[0])


def test_c13_a_reload_is_seen_by_people_at_all_gateways(workers: Workers) -> None:
    """C13: a good edit is in force for all, a broken one for nobody."""
    ann, bob = workers.person("Ann"), workers.person("Bob")
    workers.talker.edit("example_service/talk.py", "You say: ", "You cry: ")
    workers.talker.prints("Reloaded, generation")
    for caller in (ann, bob):
        caller.types("good evening")
        caller.sees("You cry: good evening")
    workers.talker.write("example_service/talk.py", "def broken(:\n")
    workers.talker.prints("Reload refused")
    for caller in (ann, bob):
        caller.types("still here")
        caller.sees("You cry: still here")


def test_a_gateway_is_killed_and_the_others_go_on(workers: Workers) -> None:
    people: dict[Caller, int] = {}
    while len(set(people.values())) < 2:
        caller = workers.connect()
        caller.sees("What is your name")
        people[caller] = _gateway_of(workers, caller)
        assert len(people) < 19, "all came to the same gateway"
    gateway = people[caller]
    os.kill(gateway, signal.SIGKILL)
    wait_until(lambda: gateway not in workers.gateways and len(workers.gateways) == 2, "a new one")
    stayed = [caller for caller in people if _is_open(caller)]
    assert stayed == [caller for caller, pid in people.items() if pid != gateway]
    workers.logs_in(stayed[0], "Ann")
    newcomer = workers.person("Bob")
    newcomer.types("hello")
    stayed[0].sees("Bob says: hello")


def test_the_gateways_restart_and_keep_their_people(workers: Workers) -> None:
    """Each by SIGUSR2; the primary is killed between two restarts, and the parent ends all of it in order."""
    ann, bob = workers.person("Ann"), workers.person("Bob")
    gateways = workers.gateways
    assert len(gateways) == 2
    for number in range(2):
        for count, gateway in enumerate(gateways, 1):
            os.kill(gateway, signal.SIGUSR2)  # after the first restart, it is the minder
            workers.talker.prints("Restarted, process", times=2 * (2 * number + count))
            ann.types(f"still here {number} {count}")
            ann.sees(f"You say: still here {number} {count}")
            bob.sees(f"Ann says: still here {number} {count}")
        os.kill(_server(workers), signal.SIGKILL)
    newcomer = workers.person("Cid")
    newcomer.types("hello")
    for caller in (ann, bob):
        caller.sees("Cid says: hello")
    assert workers.talker.stop() == 0
    assert "The service is going down. Goodbye!" in ann.sees_the_end()


def _gateway_of(workers: Workers, caller: Caller) -> int:
    """The process that has the other end of somebody's connection."""
    ends = (caller.socket.getpeername()[1], caller.socket.getsockname()[1])
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if tuple(int(word.rpartition(":")[2], 16) for word in words[1:3]) == ends:
            inode = words[9]
    (pid,) = (pid for pid in workers.gateways if f"socket:[{inode}]" in _files(pid))
    return pid


def _files(pid: int) -> list[str]:
    return [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]


def _is_open(caller: Caller) -> bool:
    caller.unread()
    caller.socket.settimeout(0.2)
    try:
        return caller.socket.recv(1, socket.MSG_PEEK) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def test_everybody_is_told_when_the_service_stops(workers: Workers) -> None:
    """A service manager signals each process; minders and the parent hand it on to those that serve."""
    ann = workers.person("Ann")
    for pid in (workers.talker.process.pid, workers.gateways[0]):
        os.kill(pid, signal.SIGUSR2)
    workers.talker.prints("Restarted, process", times=4)
    children = children_of(workers.talker.process.pid)
    everybody = [*children, *(pid for child in children for pid in children_of(child))]
    assert len(everybody) == 5
    for pid in everybody:
        os.kill(pid, signal.SIGTERM)
    assert workers.talker.stop() == 0
    assert "Traceback" not in workers.talker.output
    assert "The service is going down. Goodbye!" in ann.sees_the_end()
    assert not [pid for pid in everybody if os.path.exists(f"/proc/{pid}")]


def test_a_port_that_another_service_has_is_not_shared_with_it(
    workers: Workers, start: Callable[..., Talker]
) -> None:
    port = str(workers.talker.port)
    options = ("--port", port, "--web-port", "0", "--store", "other", "--workers", "2")
    other = start("-m", "cletus", "run", "example_service", *options)
    assert other.ends() == 2
    assert "the port is in use" in other.output


def test_without_the_parent_all_end(workers: Workers) -> None:
    workers.person("Ann")
    everybody = children_of(workers.talker.process.pid)
    workers.talker.kill()
    wait_until(
        lambda: not [pid for pid in everybody if os.path.exists(f"/proc/{pid}")],
        "the end of all processes",
        lambda: workers.talker.output,
    )


def test_without_workers_nothing_of_it_is_imported(
    tmp_path: Path, start: Callable[..., Talker]
) -> None:
    """C1: no module of the cluster, no engine's client."""
    (tmp_path / "app.py").write_text(
        "import sys\n"
        "from cletus import Service, events\n"
        "service = Service(port=0, web_port=0)\n"
        "@service.listen(events.PostStart)\n"
        "def started(event):\n"
        "    names = ('cletus.cluster', 'cletus.cli.workers', 'hiredis', 'msgpack')\n"
        "    print(f'imported: {[name for name in sys.modules if name.startswith(names)]}')\n"
        "    service.stop()\n"
    )
    talker = start("-m", "cletus", "run", "app.py")
    assert talker.ends() == 0
    assert "imported: []" in talker.output


KEEPER = '''
from pathlib import Path

from cletus import Dialogue, Service, events, step
from cletus.storage import Field, Store, TempStoreMixin

service = Service()


class Noted(Field):
    """Writes down that a checkpoint takes it."""

    def serialise(self, obj, name):
        value = super().serialise(obj, name)
        with Path("taken.txt").open("a") as file:
            file.write(f"{value}\\n")
        return value


class Hero(Store):
    service = service
    score = Field(0)
    mood = Field("", session=True)
    bell = Field(None, session=True)

    def ring(self):
        for client in service.clients:
            client.write(f"{self.key} rings, who is {self.mood}.")


class Ghost(TempStoreMixin, Store):
    service = service
    age = Noted(0)


class Order(Dialogue):
    dish = Field("")

    @step("Dish? ")
    def ask_dish(self, line):
        self.dish = line
        return self.ask_drink

    @step("Drink? ")
    def ask_drink(self, line):
        self.client.write(f"{self.dish} and {line}.")
        return self.done()


@service.listen(events.Receive)
def receive(event):
    client = event.client
    match event.data.split():
        case ["begin", mood, age]:
            hero = Hero("ann")
            hero.score = 1
            hero.save()
            hero.mood = mood
            hero.bell = service.call_later(8.0, hero.ring)
            Ghost("eve").age = int(age)
            client.write("Begun.")
        case ["order"]:
            client.start_dialogue(Order())
        case ["tell"]:
            hero, ghosts = Hero.manager.get("ann"), Ghost.manager.active()
            client.write(f"{hero.score} {hero.mood} {[ghost.age for ghost in ghosts.values()]}.")
'''


def test_c9_after_a_crash_of_the_primary_counts_what_the_last_checkpoint_has(
    tmp_path: Path, start: Callable[..., Talker], at_end: ExitStack
) -> None:
    """Session fields, a dialogue, a timer, and an object that is never saved."""
    (tmp_path / "keeper.py").write_text(KEEPER)
    options = ("--port", "0", "--web-port", "0", "--workers", "2", "--session-interval", "0.5")
    workers = Workers(
        start("-m", "cletus", "run", "keeper.py", "--store", "saved", *options), at_end
    )
    ann = workers.connect()
    ann.types("begin merry 7")
    ann.sees("Begun.")
    ann.types("order")
    ann.sees("Dish? ")
    ann.types("fish")
    ann.sees("Drink? ")
    taken = tmp_path / "taken.txt"

    def takes() -> int:
        return taken.read_text().count("7\n") if taken.exists() else 0

    # The round that is under way may have passed the dialogue, so that the next one counts; it is sent
    # when another one has begun.
    before = takes()
    wait_until(lambda: takes() >= before + 3, "three checkpoints")
    ann.unread()
    assert "rings" not in ann.screen
    workers.kill_primary()
    ann.types("wine")
    for text in (
        "fish and wine.",
        "ann rings, who is merry.",
    ):  # a timer that came due rings at once
        wait_until(lambda text=text: ann.unread() and text in ann.screen, text, lambda: ann.screen)
    ann.types("tell")
    ann.sees("1 merry [7].")
    assert ann.screen.count("Dish? ") == 1
    assert ann.screen.count("rings") == 1
    workers.talker.stop()
