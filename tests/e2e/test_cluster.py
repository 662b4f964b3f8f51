"""One talker on several processes: people at gateways, a primary that goes, an engine that goes."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.cluster import (
    PASSWORD,
    Cluster,
    Person,
    all_say,
    check,
    four_people,
    is_kept,
    is_primary,
    wrong,
)
from tests.e2e.harness import Talker, wait_until
from tests.engines import Postgres, Valkey, valkey


@pytest.fixture
def engine() -> Iterator[Valkey]:
    with valkey() as server:
        yield server


@pytest.fixture
def own_cluster(tmp_path: Path, engine: Valkey, database: Postgres, at_end: ExitStack) -> Cluster:
    """A primary and a standby for one test."""
    cluster = Cluster(tmp_path, engine, database, at_end)
    cluster.server()
    assert cluster.primary
    cluster.standby()
    return cluster


@pytest.fixture
def own_people(own_cluster: Cluster) -> list[Person]:
    """Four, at two gateways."""
    return four_people(own_cluster)


@pytest.fixture
def three(own_cluster: Cluster) -> list[Person]:
    """Nine, at three gateways."""
    gateways = [own_cluster.gateway() for _ in range(3)]
    names = ("Ann", "Bob", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal", "Ida")
    return [own_cluster.person(name, gateways[n % 3]) for n, name in enumerate(names)]


def test_the_checker_finds_what_is_wrong() -> None:
    right = [("Ann", 1), ("Bob", 1), ("Ann", 2)]
    said = {"Ann": 2, "Bob": 1}
    assert wrong({"Ann": right, "Bob": right}, said) == []
    assert wrong({"Ann": right[:2]}, said) == ["Ann has not heard Ann say [2]"]
    assert wrong({"Bob": [*right, ("Bob", 1)]}, said) == ["Bob has heard Bob say [1] twice"]
    assert "another order" in wrong({"Bob": right[::-1]}, said)[0]
    other = [("Bob", 1), ("Ann", 1), ("Ann", 2)]
    assert wrong({"Ann": right, "Bob": other}, said) == ["people have heard 2 different orders"]


def test_c3_c4_a_primary_that_is_killed_is_succeeded(
    cluster: Cluster, people: list[Person]
) -> None:
    """Twice; everybody stays connected and is who they were, and each line is heard once."""
    for _ in range(2):
        all_say(people)
        primary = cluster.primary
        primary.kill()
        all_say(people)
        assert cluster.primary is not primary
        all_say(people)
        cluster.standby()
    check(people)


def test_c3_c4_c5_a_primary_that_hangs_is_succeeded_and_ends(
    cluster: Cluster, people: list[Person]
) -> None:
    """When it goes on, it finds the other one, and ends with 75; what it had begun reaches nobody."""
    first = cluster.primary
    all_say(people)
    first.gets(signal.SIGSTOP)
    all_say(people)
    second = next(server for server in cluster.servers if server is not first and server.is_running)
    wait_until(lambda: is_primary(second), "the other is the primary", lambda: second.output)
    all_say(people)
    first.gets(signal.SIGCONT)
    assert first.ends() == 75
    all_say(people)
    check(people)


def test_a_primary_that_is_stopped_hands_over(cluster: Cluster, people: list[Person]) -> None:
    """Nobody is told good-bye."""
    first = cluster.primary
    all_say(people)
    first.gets(signal.SIGTERM)
    all_say(people)
    assert first.ends() == 0
    check(people)
    assert not any("going down" in person.screen for person in people)


def test_an_operator_asks_from_anywhere(
    cluster: Cluster, people: list[Person], start: Callable[..., Talker]
) -> None:
    """For status and a handover."""
    target = ("example_service", "--cluster", cluster.engine.url)
    environment = {"CLETUS_CLUSTER_NAME": "lantern"}
    first = cluster.primary
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        status = start("-m", "cletus", "status", *target)
        assert status.ends() == 0
        assert "people: 4" in status.output
        handover = start("-c", "from cletus.cli.remote import handover; handover()", *target)
        assert handover.ends() == 0, handover.output
    assert first.ends() == 75
    assert cluster.primary is not first
    all_say(people)
    check(people)


def test_c14_the_next_primary_runs_the_code_in_force(
    tmp_path: Path,
    engine: Valkey,
    database: Postgres,
    at_end: ExitStack,
    start: Callable[..., Talker],
) -> None:
    """Not what its files hold; and those are a reload away."""
    key = ("--cluster-key", "A" * 43 + "=")
    cluster = Cluster(tmp_path, engine, database, at_end, limits=key)
    first = cluster.server()
    assert cluster.primary is first
    second = cluster.standby()
    ann = cluster.person("Ann", cluster.gateway())

    def reload() -> None:
        done = start("-m", "cletus", "reload", "example_service", "--cluster", engine.url)
        assert done.ends() == 0, done.output

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLETUS_CLUSTER_NAME", "lantern")
        patch.setenv("CLETUS_CLUSTER_KEY", key[1])
        first.edit("example_service/talk.py", "You say: {message}", "You remark: {message}")
        reload()
        ann.types("one")
        ann.sees("You remark: one")
        first.edit("example_service/talk.py", "You remark: {message}", "You muse: {message}")
        first.kill()
        assert cluster.primary is second
        second.prints("Stop with Ctrl-C")
        ann.types("two")
        ann.sees("You remark: two")
        reload()
        ann.types("three")
        ann.sees("You muse: three")


TICK = """
import os
from example_service.core import service

@service.every(0.1)
def tick():
    with open("ticks", "a") as file:
        file.write(f"{os.getpid()}\\n")
"""


def test_c11_timers_of_a_primary_that_has_hung_do_nothing_before_it_is_fenced(
    tmp_path: Path, engine: Valkey, database: Postgres, at_end: ExitStack
) -> None:
    """Also nothing that no store would refuse, such as writing a file."""
    cluster = Cluster(tmp_path, engine, database, at_end)
    with open(tmp_path / "example_service" / "talk.py", "a") as module:
        module.write(TICK)
    first = cluster.server()
    assert cluster.primary is first
    second = cluster.standby()
    ticks = tmp_path / "ticks"

    def pids() -> list[str]:
        return ticks.read_text().split() if ticks.exists() else []

    wait_until(pids, "the timer of the first")
    first.gets(signal.SIGSTOP)
    wait_until(lambda: str(second.process.pid) in pids(), "the timer of the second")
    first.gets(signal.SIGCONT)
    assert first.ends() == 75
    begin = pids().index(str(second.process.pid))
    assert str(first.process.pid) not in pids()[begin:]


@pytest.mark.parametrize("fault", [signal.SIGTERM, signal.SIGKILL])
def test_c8_c9_c11_state_goes_to_the_next_primary(
    tmp_path: Path, engine: Valkey, database: Postgres, at_end: ExitStack, fault: signal.Signals
) -> None:
    """Who is in a dialogue goes on at their step; session fields stay; a timer fires once, in time."""
    limits = ("--linkdead-timeout", "15", "--session-interval", "1")
    cluster = Cluster(tmp_path, engine, database, at_end, limits=limits)
    first = cluster.server()
    assert cluster.primary is first
    cluster.standby()
    gateway = cluster.gateway()
    ann, bob, cleo = (cluster.person(name, gateway) for name in ("Ann", "Bob", "Cleo"))
    bob.types(".away lunch")
    bob.sees("You are away")
    cleo.hang_up()
    bob.sees("Cleo has lost the connection")  # and is gone after a while
    ann.types(".password", PASSWORD)
    ann.sees("Choose a new one")
    for words in ("ask_new", "lunch", "grace_over"):
        wait_until(partial(is_kept, engine, words), f"a checkpoint has {words}")
    first.gets(fault)
    first.ends()
    ann.types("another lantern in the fog")
    ann.sees("Type it again")
    ann.types("another lantern in the fog")
    ann.sees("has been changed")
    ann.types(".who")
    ann.sees("away: lunch")
    bob.sees("Cleo leaves")
    ann.types(".say done")
    bob.sees("done")
    assert bob.screen.count("Cleo leaves") == 1
    assert "renewed" not in ann.screen


@pytest.mark.parametrize("fault", ["killed", "stopped", "emptied"])
def test_c3_c4_an_engine_that_goes_loses_nothing(
    cluster: Cluster, people: list[Person], fault: str
) -> None:
    first = cluster.primary
    all_say(people)
    if fault == "killed":
        cluster.engine.stop(signal.SIGKILL)
        all_say(people)
        cluster.engine.start()
    elif fault == "stopped":
        cluster.engine.send_signal(signal.SIGSTOP)
        all_say(people)
        cluster.engine.send_signal(signal.SIGCONT)
    else:
        cluster.engine.ask("FLUSHALL")
        all_say(people)
    all_say(people)
    check(people)
    assert first.is_running


def test_c3_c4_a_primary_and_the_engine_may_go_at_once(
    cluster: Cluster, people: list[Person]
) -> None:
    """Nobody's line is lost; who was there comes in again."""
    all_say(people)
    check(people)
    first = cluster.primary
    cluster.engine.stop(signal.SIGKILL)
    first.kill()
    all_say(people)
    cluster.engine.start()
    assert cluster.primary is not first
    all_say(people)
    check(people)


def test_c3_c4_an_engine_may_come_back_empty_with_its_clock_set_back(
    tmp_path: Path, engine: Valkey, database: Postgres, at_end: ExitStack
) -> None:
    """And without the primary: gateways and the store know of an epoch that is an hour ahead."""
    ahead = int((time.time() + 3600) * 1000)
    engine.ask(f"HSET cletus:{{lantern}}:epoch epoch {ahead}")
    engine.ask(f"XADD cletus:{{lantern}}:in {ahead}-0 e x")
    cluster = Cluster(tmp_path, engine, database, at_end)
    first = cluster.server()
    assert cluster.primary is first
    cluster.standby()
    people = four_people(cluster)
    all_say(people)
    check(people)
    first.kill()
    engine.ask("FLUSHALL")
    all_say(people)
    assert cluster.primary is not first
    all_say(people)
    check(people)


def test_c7_a_gateway_that_is_stopped_for_a_while_loses_nothing(
    cluster: Cluster, people: list[Person]
) -> None:
    all_say(people)
    check(people)
    cluster.gateways[0].gets(signal.SIGSTOP)
    all_say(people)
    wait_until(lambda: len(people[1].heard) >= 30, "those of the other gateway talk")
    cluster.gateways[0].gets(signal.SIGCONT)
    all_say(people)
    check(people)


def test_c7_people_of_a_gateway_that_hangs_past_its_lease_miss_nothing_and_read_nothing_twice(
    tmp_path: Path, engine: Valkey, database: Postgres, at_end: ExitStack
) -> None:
    """They lose the link and are back without a password; what they type meanwhile is heard."""
    cluster = Cluster(tmp_path, engine, database, at_end, gateway_lease=3.0)
    cluster.server()
    people = four_people(cluster)
    ann, bob = people[:2]
    for times in (1, 2):
        all_say(people)
        cluster.gateways[0].gets(signal.SIGSTOP)
        all_say(people)
        wait_until(
            partial(has_read, bob, "Ann has lost the connection", times), "its lease is over"
        )
        all_say(people)
        cluster.gateways[0].gets(signal.SIGCONT)
        wait_until(partial(has_read, bob, "Ann is back", times), "they are back", cluster.report)
        all_say(people)
        check(people)
    assert ann.screen.count("password") == bob.screen.count("password")


def has_read(person: Person, words: str, times: int) -> bool:
    """Whether somebody has read this so many times."""
    person.unread()
    return person.screen.count(words) == times


def test_c6_people_of_a_gateway_that_is_killed_come_by_another(
    own_cluster: Cluster, own_people: list[Person]
) -> None:
    """They are who they were, with their password, and read what they missed, as the others have."""
    all_say(own_people)
    check(own_people)
    own_cluster.gateways[0].kill()
    others = own_people[1::2]
    all_say(others)
    for person in own_people[::2]:
        person.sees_the_end()
        person.logs_in_again(own_cluster.gateways[1].port)
    all_say(others)
    check(others)
    assert all(person.heard[-1] in others[0].heard for person in own_people[::2])


def test_c3_c4_talk_goes_on_without_the_database(
    cluster: Cluster, people: list[Person], database: Postgres
) -> None:
    all_say(people)
    database.stop()
    try:
        all_say(people)
        check(people)
    finally:
        database.start()
    all_say(people)
    check(people)


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(n, marks=pytest.mark.soak) for n in range(2, 6))]
)
def test_c2_c3_c4_a_storm_loses_doubles_and_reorders_nothing(
    own_cluster: Cluster, three: list[Person], seed: int
) -> None:
    """Primaries and the engine are killed, stopped and cut, by chance, while nine people talk."""
    chance = random.Random(seed)
    for _ in range(6):
        if all(is_primary(server) for server in own_cluster.servers if server.is_running):
            own_cluster.standby()
        all_say(three, chance.randrange(1, 4))
        fault = chance.choice(
            ["kill primary", "stop primary", "kill engine", "stop engine", "empty", "both"]
        )
        primary = own_cluster.primary
        if fault in ("kill primary", "both"):
            primary.kill()
        if fault == "stop primary":
            primary.gets(signal.SIGSTOP)
        if fault in ("kill engine", "both"):
            own_cluster.engine.stop(signal.SIGKILL)
        elif fault == "stop engine":
            own_cluster.engine.send_signal(signal.SIGSTOP)
        elif fault == "empty":
            own_cluster.engine.ask("FLUSHALL")
        all_say(three, chance.randrange(1, 4))
        time.sleep(chance.random() * 3)  # it is the storm's; nothing is waited for
        if fault in ("kill engine", "both"):
            own_cluster.engine.start()
        elif fault == "stop engine":
            own_cluster.engine.send_signal(signal.SIGCONT)
        if fault == "stop primary":
            primary.gets(signal.SIGCONT)
    check(three)


#: Who hangs at once in a storm, each for less than a gateway's lease.
PAIRS = [
    ("primary", "gateway"),
    ("primary", "engine"),
    ("gateway", "engine"),
    ("gateway", "other gateway"),
    ("primary", "standby"),
]


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(n, marks=pytest.mark.soak) for n in range(2, 6))]
)
def test_c3_c4_c5_c7_a_storm_of_hangs_loses_doubles_and_reorders_nothing(
    own_cluster: Cluster, own_people: list[Person], seed: int
) -> None:
    """Two processes at a time hang, begin and go on at different moments, and people talk all the while."""
    chance = random.Random(seed)
    first, second = chance.sample(own_cluster.gateways, 2)
    for pair in chance.sample(PAIRS, len(PAIRS)):
        if all(is_primary(server) for server in own_cluster.servers if server.is_running):
            own_cluster.standby()
        primary = own_cluster.primary
        waiting = (
            server for server in own_cluster.servers if server.is_running and not is_primary(server)
        )
        processes: dict[str, Talker | Valkey] = {
            "primary": primary,
            "standby": next(waiting, None) or own_cluster.standby(),
            "engine": own_cluster.engine,
            "gateway": first,
            "other gateway": second,
        }
        hanging = [processes[name] for name in pair]
        for number in (signal.SIGSTOP, signal.SIGCONT):
            chance.shuffle(hanging)
            for process in hanging:
                all_say(own_people, chance.randrange(1, 4))
                time.sleep(chance.random())  # it is the storm's; nothing is waited for
                send(process, number)
            time.sleep(chance.random() * 2)
    check(own_people)


def send(process: Talker | Valkey, number: signal.Signals) -> None:
    """Send this signal, if the process has not ended."""
    if isinstance(process, Valkey):
        process.send_signal(number)
    elif process.is_running:
        process.gets(number)
