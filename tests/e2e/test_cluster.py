"""One talker on several processes: people at gateways, a primary that goes, an engine that goes."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster, Person, check, is_primary, wrong
from tests.e2e.harness import Talker, wait_until
from tests.engines import Postgres, Valkey, postgres, valkey


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture
def engine() -> Iterator[Valkey]:
    with valkey() as server:
        yield server


@pytest.fixture
def cluster(tmp_path: Path, engine: Valkey, database: Postgres, at_end: ExitStack) -> Cluster:
    """A primary and a standby."""
    cluster = Cluster(tmp_path, engine, database, at_end)
    cluster.server()
    assert cluster.primary
    cluster.standby()
    return cluster


@pytest.fixture
def people(cluster: Cluster) -> list[Person]:
    """Four, at two gateways."""
    gateways = [cluster.gateway() for _ in range(2)]
    names = ("Ann", "Bob", "Cleo", "Dan")
    return [cluster.person(name, gateways[n % 2]) for n, name in enumerate(names)]


@pytest.fixture
def three(cluster: Cluster) -> list[Person]:
    """Nine, at three gateways."""
    gateways = [cluster.gateway() for _ in range(3)]
    names = ("Ann", "Bob", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal", "Ida")
    return [cluster.person(name, gateways[n % 3]) for n, name in enumerate(names)]


def all_say(people: list[Person], count: int = 5) -> None:
    for person in people:
        person.says_next(count)


def test_the_checker_finds_what_is_wrong() -> None:
    right = [("Ann", 1), ("Bob", 1), ("Ann", 2)]
    said = {"Ann": 2, "Bob": 1}
    assert wrong({"Ann": right, "Bob": right}, said) == []
    assert wrong({"Ann": right[:2]}, said) == ["Ann has not heard Ann say [2]"]
    assert wrong({"Bob": [*right, ("Bob", 1)]}, said) == ["Bob has heard Bob say [1] twice"]
    assert "another order" in wrong({"Bob": right[::-1]}, said)[0]
    other = [("Bob", 1), ("Ann", 1), ("Ann", 2)]
    assert wrong({"Ann": right, "Bob": other}, said) == ["people have heard 2 different orders"]


def test_a_primary_that_is_killed_is_succeeded(cluster: Cluster, people: list[Person]) -> None:
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


def test_a_primary_that_hangs_is_succeeded_and_ends(cluster: Cluster, people: list[Person]) -> None:
    """When it goes on, it finds the other one, and ends with 75; what it had begun reaches nobody."""
    first = cluster.primary
    all_say(people)
    first.gets(signal.SIGSTOP)
    all_say(people)
    second = next(server for server in cluster.servers if server is not first)
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


def test_the_next_primary_runs_the_code_in_force(
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


@pytest.mark.parametrize("fault", ["killed", "stopped", "emptied"])
def test_an_engine_that_goes_loses_nothing(
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


def test_a_primary_and_the_engine_may_go_at_once(cluster: Cluster, people: list[Person]) -> None:
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


def test_a_gateway_that_is_stopped_for_a_while_loses_nothing(
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


def test_people_of_a_gateway_that_is_killed_come_by_another(
    cluster: Cluster, people: list[Person]
) -> None:
    """They are who they were, with their password; the others have missed nothing."""
    all_say(people)
    check(people)
    cluster.gateways[0].kill()
    others = people[1::2]
    all_say(others)
    for person in people[::2]:
        person.sees_the_end()
        person.logs_in_again(cluster.gateways[1].port)
    all_say(others)
    check(others)
    assert all(person.heard[-1] in others[0].heard for person in people[::2])


def test_talk_goes_on_without_the_database(
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
def test_a_storm_loses_doubles_and_reorders_nothing(
    cluster: Cluster, three: list[Person], seed: int
) -> None:
    """Primaries and the engine are killed, stopped and cut, by chance, while nine people talk."""
    chance = random.Random(seed)
    for _ in range(6):
        if all(is_primary(server) for server in cluster.servers if server.is_running):
            cluster.standby()
        all_say(three, chance.randrange(1, 4))
        fault = chance.choice(
            ["kill primary", "stop primary", "kill engine", "stop engine", "empty", "both"]
        )
        primary = cluster.primary
        if fault in ("kill primary", "both"):
            primary.kill()
        if fault == "stop primary":
            primary.gets(signal.SIGSTOP)
        if fault in ("kill engine", "both"):
            cluster.engine.stop(signal.SIGKILL)
        elif fault == "stop engine":
            cluster.engine.send_signal(signal.SIGSTOP)
        elif fault == "empty":
            cluster.engine.ask("FLUSHALL")
        all_say(three, chance.randrange(1, 4))
        time.sleep(chance.random() * 3)  # it is the storm's; nothing is waited for
        if fault in ("kill engine", "both"):
            cluster.engine.start()
        elif fault == "stop engine":
            cluster.engine.send_signal(signal.SIGCONT)
        if fault == "stop primary":
            primary.gets(signal.SIGCONT)
    check(three)
