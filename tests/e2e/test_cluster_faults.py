"""Faults of a cluster that come together: of an engine, a database or a gateway while something is under way."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import psycopg
import pytest

from tests.e2e.cluster import Cluster, Person, all_say, check, is_primary
from tests.e2e.harness import Talker, wait_until
from tests.engines import Postgres, Valkey


@pytest.fixture
def engine(cluster: Cluster) -> Valkey:
    """Of the cluster."""
    return cluster.engine


@pytest.mark.parametrize(
    "pause", [0.05, *(pytest.param(n, marks=pytest.mark.soak) for n in (0.0, 0.1, 0.2))]
)
def test_c3_c4_c8_an_engine_may_be_killed_and_come_back_empty_during_a_handover(
    cluster: Cluster, engine: Valkey, people: list[Person], pause: float
) -> None:
    """At whatever moment; the primary stops, and another one goes on."""
    first = cluster.primary
    all_say(people)
    first.gets(signal.SIGTERM)
    time.sleep(pause)  # into the handover
    engine.stop(signal.SIGKILL)
    engine.forget()
    all_say(people)
    assert first.ends() == 0
    engine.start()
    all_say(people)
    assert cluster.primary is not first
    all_say(people)
    check(people)


def test_c9_a_database_may_restart_while_people_talk_and_save(
    cluster: Cluster, database: Postgres, people: list[Person]
) -> None:
    """What could not be saved then is saved later, unless something later is."""
    for number in range(9):
        all_say(people, 1)
        people[0].types(f".alias hi = say number {number}!")
        if number % 4 == 2:
            database.stop()
            all_say(people, 1)
            database.start()
    check(people)

    def saved() -> str:
        with psycopg.connect(cluster.store) as connection:
            select = "SELECT data FROM cletus_documents WHERE store = 'user' AND key = 'ann'"
            return str(connection.execute(select).fetchone())

    wait_until(lambda: "number 8!" in saved(), "it is saved", saved)


def test_c3_a_gateway_that_is_killed_with_lines_typed_takes_nothing_else_with_it(
    cluster: Cluster, engine: Valkey, people: list[Person]
) -> None:
    """The engine hangs, so the lines wait in the gateway; they alone are lost."""
    gateway = cluster.gateway()
    eve = cluster.person("Eve", gateway)
    engine.send_signal(signal.SIGSTOP)
    all_say([*people, eve])
    gateway.kill()
    engine.send_signal(signal.SIGCONT)
    eve.logs_in_again(cluster.gateways[0].port)
    all_say(people)
    check(people)
    eve.types(".quit")


def test_c13_a_broken_edit_is_refused_while_a_gateway_dies(
    cluster: Cluster,
    engine: Valkey,
    people: list[Person],
    start: Callable[..., Talker],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody else notices."""
    gateway = cluster.gateway()
    cluster.person("Finn", gateway)
    monkeypatch.setenv("CLETUS_CLUSTER_NAME", "lantern")
    primary = cluster.primary
    primary.edit("example_service/talk.py", "import ago", "import ago, (")
    try:
        reload = start("-m", "cletus", "reload", "example_service", "--cluster", engine.url)
        all_say(people)
        gateway.kill()
        all_say(people)
        assert reload.ends() != 0
        assert "SyntaxError" in reload.output
    finally:
        primary.edit("example_service/talk.py", "import ago, (", "import ago")
    check(people)
    assert primary.is_running


def test_a_gateway_of_another_version_hinders_nobody(
    cluster: Cluster, people: list[Person]
) -> None:
    """Its people wait; a takeover does not wait for it for longer than its lease."""
    newer = "from cletus.cluster import gateway_ledger; gateway_ledger.VERSION = 2; "
    gateway = cluster.gateway(before=newer)
    gus = Person("Gus", gateway.port)
    gus.sees("The service does not answer")
    first = cluster.primary
    all_say(people)
    first.kill()
    all_say(people)
    check(people)
    cluster.primary.prints("entries of version 2")
    gus.hang_up()
    gateway.kill()


def test_c3_c4_an_engine_whose_memory_is_full_loses_nothing(
    cluster: Cluster, engine: Valkey, people: list[Person]
) -> None:
    """It refuses all that would need more, as one whose disk is full does; the primary stays it."""
    first = cluster.primary
    all_say(people)
    engine.ask("CONFIG SET maxmemory 1000000")
    all_say(people)
    people[0].sees("The service does not answer")
    engine.ask("CONFIG SET maxmemory 0")
    all_say(people)
    check(people)
    assert is_primary(first)


@pytest.mark.soak
def test_c3_c4_an_engine_that_is_slow_loses_nothing(
    cluster: Cluster, engine: Valkey, people: list[Person]
) -> None:
    """It stands still for a second in each two, which is half a lease: nobody is succeeded."""
    first = cluster.primary
    for _ in range(3):
        all_say(people)
        engine.send_signal(signal.SIGSTOP)
        time.sleep(1)
        all_say(people)
        engine.send_signal(signal.SIGCONT)
        time.sleep(1)
    check(people)
    assert is_primary(first)
