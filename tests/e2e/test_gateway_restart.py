"""A gateway is replaced by a new process, by the handover of ``cletus restart``: its people stay connected."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster, Person, check, is_primary
from tests.e2e.harness import Talker, wait_until
from tests.engines import Valkey, valkey


@pytest.fixture(scope="module")
def engine() -> Iterator[Valkey]:
    with valkey() as server:
        yield server


@pytest.fixture
def cluster(tmp_path: Path, engine: Valkey, at_end: ExitStack) -> Cluster:
    """A primary."""
    cluster = Cluster(tmp_path, engine, None, at_end)
    cluster.server()
    assert cluster.primary
    return cluster


@pytest.fixture
def people(cluster: Cluster) -> list[Person]:
    """Three, two of them at the first gateway."""
    gateways = [cluster.gateway() for _ in range(2)]
    names = ("Ann", "Bob", "Cleo")
    return [cluster.person(name, gateways[n % 2]) for n, name in enumerate(names)]


def restarts(gateway: Talker, times: int) -> None:
    gateway.gets(signal.SIGUSR2)  # of the first process, which is the minder after that
    gateway.prints("Restarted, process", 2 * times)  # both processes say so


def succeed(cluster: Cluster) -> None:
    """The primary is killed, and another process takes its place."""
    first, standby = cluster.primary, cluster.standby()
    first.kill()
    wait_until(lambda: is_primary(standby), "another primary", lambda: standby.output)


def test_a_gateway_that_is_drained_accepts_nobody_and_ends_with_the_last_who_leaves(
    cluster: Cluster, people: list[Person]
) -> None:
    """They talk on meanwhile, and it is not restarted; who is at another gateway notices nothing."""
    gateway, port = cluster.gateways[0], cluster.gateways[0].port
    gateway.gets(signal.SIGUSR1)
    for person in (people[0], people[2]):
        person.sees("(This connection ends when the machine that holds it does, soon.")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    gateway.gets(signal.SIGUSR2)
    gateway.prints("this gateway is being drained")
    for person in people:
        person.says_next(3)
    people[2].hang_up()
    people[0].says_next(1)
    people[0].hang_up()
    assert gateway.ends() == 0
    people[1].sees("Ann says: #4")
    assert "(This connection" not in people[1].screen


def test_s1_s12_nobody_at_a_gateway_that_restarts_is_dropped(
    cluster: Cluster, people: list[Person]
) -> None:
    """Each line is heard once, in one order; also when the primary goes between two restarts."""
    gateway = cluster.gateways[0]
    for times in (1, 2, 3):
        for person in people:
            person.says_next(3)
        restarts(gateway, times)
        for person in people:
            person.says_next(3)
        if times == 2:
            succeed(cluster)
    check(people)
    newcomer = cluster.person("Dan", gateway)
    newcomer.says_next()
    people[1].sees("Dan says: #1")
    assert not any("going down" in person.screen for person in people)
    assert gateway.stop() == 0
