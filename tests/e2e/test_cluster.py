"""One talker on several processes: people at gateways, a primary that goes, an engine that goes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster, Person, check, is_primary, wrong
from tests.e2e.harness import wait_until
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
    people = [cluster.person(name, gateways[n % 2]) for n, name in enumerate(names)]
    for person in people:
        person.said = 0
    return people


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
