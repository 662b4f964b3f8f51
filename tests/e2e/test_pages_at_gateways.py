"""A page in Chromium whose gateway is killed, behind an address that leads to whichever lives."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster import UNLIMITED_HERE, Cluster, Person, is_kept, is_primary
from tests.e2e.harness import Talker, wait_until
from tests.e2e.page import Cable, Page
from tests.e2e.test_doors_at_gateways import new_talker
from tests.e2e.test_workers import Workers
from tests.engines import Valkey, free_port, valkey


@pytest.fixture
def engine() -> Iterator[Valkey]:
    with valkey() as server:
        yield server


class Scene:
    """Petra at the page of the first gateway, and Bob by telnet at the second, to which her address leads next."""

    def __init__(self, cluster: Cluster, browser: Any, at_end: ExitStack) -> None:
        self.cluster = cluster
        self.cluster.server()
        assert cluster.primary
        ports = [free_port(), free_port()]
        self.gateways = [cluster.gateway("--web-port", str(port)) for port in ports]
        self.bob: Person = cluster.person("Bob", self.gateways[1])
        assert self.gateways[0].port  # it listens
        cable = Cable(ports[0])
        at_end.callback(cable.close)
        context = browser.new_context()
        at_end.callback(context.close)
        self.petra = Page(context, f"http://127.0.0.1:{cable.port}/", "Petra")
        cable.lead_to(ports[1])

    def both_say(self, when: str) -> None:
        self.petra.types(f"hello {when}")
        self.bob.sees(f"Petra says: hello {when}")
        self.bob.types(f"and you {when}")
        self.petra.sees(f"Bob says: and you {when}")


@pytest.fixture
def scene(tmp_path: Path, engine: Valkey, browser: Any, at_end: ExitStack) -> Scene:
    return Scene(Cluster(tmp_path, engine, None, at_end), browser, at_end)


def until_kept(scene: Scene) -> None:
    """The checkpoint has what Petra lacks: with her client, since the room's history has it sooner."""
    engine = scene.cluster.engine
    wait_until(lambda: is_kept(engine, "meanwhile", ":client/"), "it is in the checkpoint")


def nothing(_scene: Scene) -> None:
    """The primary is not touched."""


def takeover(scene: Scene) -> None:
    """It is killed when Petra is away."""
    until_kept(scene)
    cluster = scene.cluster
    first = cluster.primary
    cluster.standby()
    first.kill()
    wait_until(lambda: is_primary(cluster.servers[-1]), "the next primary")


def assert_still_in(page: Page) -> None:
    """They were asked for their name once, at the beginning."""
    assert page.count("What is your name") == 1
    for words in ("Your password", "You missed"):
        assert words not in page.log()


@pytest.mark.parametrize("between", [nothing, takeover])
def test_c6_c9_a_page_whose_gateway_is_killed_goes_on_at_another(
    scene: Scene, between: Callable[[Scene], None]
) -> None:
    """Without a password. What was said meanwhile comes once, and nobody hears that she was away."""
    petra, bob, gateway = scene.petra, scene.bob, scene.gateways[0]
    scene.both_say("at first")
    petra.tab.context.set_offline(True)  # else it would be there again at once
    gateway.kill()
    petra.types("typed meanwhile")
    bob.types("said meanwhile")
    bob.sees("You say: said meanwhile")
    between(scene)
    petra.tab.context.set_offline(False)
    petra.sees("Bob says: said meanwhile")
    bob.sees("Petra says: typed meanwhile")
    scene.both_say("at last")
    for line in ("and you at first", "said meanwhile", "and you at last"):
        assert petra.count(f"Bob says: {line}") == 1, petra.log()
    for line in ("hello at first", "typed meanwhile", "hello at last"):
        assert petra.count(f"You say: {line}") == 1, petra.log()
        assert bob.screen.count(f"Petra says: {line}") == 1, bob.screen
    assert_still_in(petra)
    for words in ("lost the connection", "is back", "Petra leaves"):
        assert words not in bob.screen
    assert petra.tab.locator("[data-stage=inside]").count()
    assert petra.errors == []


def test_c6_a_page_goes_on_at_another_worker(
    tmp_path: Path, browser: Any, at_end: ExitStack
) -> None:
    """All are killed, so hers is among them; the parent starts others."""
    new_talker(tmp_path)
    port = free_port()
    talker = Talker(
        tmp_path, "-m", "cletus", "run", "example_service", *UNLIMITED_HERE,
        "--port", "0", "--web-port", str(port), "--store", "saved", "--workers", "2",
    )  # fmt: skip
    at_end.callback(talker.kill)
    at_end.callback(talker.stop)
    workers = Workers(talker, at_end)
    assert talker.port
    context = browser.new_context()
    at_end.callback(context.close)
    petra = Page(context, f"http://127.0.0.1:{port}/", "Petra")
    petra.types("hello")
    petra.sees("You say: hello")
    petra.tab.context.set_offline(True)
    for pid in workers.gateways:
        os.kill(pid, signal.SIGKILL)
    petra.types("is anybody there?")
    petra.tab.context.set_offline(False)
    petra.sees("You say: is anybody there?")
    for line in ("hello", "is anybody there?"):
        assert petra.count(f"You say: {line}") == 1, petra.log()
    assert_still_in(petra)
    assert petra.errors == []
