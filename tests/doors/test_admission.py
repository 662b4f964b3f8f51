"""How many connections are admitted, and from where."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.task import Clock

from cletus.doors import admission
from cletus.doors.admission import CROWDED, FULL, ConnectionLimiter, counted_network
from cletus.errors import SettingError
from cletus.meters import Meters
from cletus.settings.settings import Settings
from tests.conftest import Log


def limiter(clock: Clock | None = None, **settings: Any) -> ConnectionLimiter:
    return ConnectionLimiter(
        SimpleNamespace(settings=Settings(**settings), reactor=clock or Clock(), metrics=Meters())
    )  # type: ignore[arg-type]  # a double


def test_connections_max() -> None:
    connections = limiter(connections_max=2)
    assert [
        connections.admit("1.1.1.1"),
        connections.admit("2.2.2.2"),
        connections.admit("3.3.3.3"),
    ] == [
        None,
        None,
        FULL,
    ]
    connections.release("1.1.1.1")
    assert connections.admit("3.3.3.3") is None


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("1.1.1.1", "1.1.1.1", True),
        ("1.1.1.1", "1.1.1.2", False),
        ("1.1.1.1", "::ffff:1.1.1.1", True),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "", False),  # Unix sockets have no address
    ],
)
def test_what_counts_as_one_address(first: str, second: str, same: bool) -> None:
    """One person has a /64 network of IPv6."""
    connections = limiter(connections_per_address=1)
    assert connections.admit(first) is None
    assert connections.admit(second) == (CROWDED if same else None)


def test_an_ipv6_48_cannot_take_all_places() -> None:
    """It may be one customer's, and has 65,536 addresses as they are counted."""
    connections = limiter(connections_per_address=2, connections_per_minute=100)
    answers = [connections.admit(f"2001:db8:7:{n:x}::1") for n in range(10)]
    assert answers == [None] * 8 + [CROWDED] * 2
    assert connections.admit("2001:db8:8:1::1") is None
    connections.release("2001:db8:7:1::1")
    assert connections.admit("2001:db8:7:99::1") is None


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("1.1.1.1", "1.1.1.1"),
        ("::ffff:1.1.1.1", "1.1.1.1"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", ""),
    ],
)
def test_what_one_customer_may_hold(host: str, network: str) -> None:
    """The time of the reactor is divided by it."""
    assert counted_network(host) == network


def test_new_connections_of_an_ipv6_48_have_a_rate(log: Log) -> None:
    connections = limiter(connections_per_minute=5)
    answers = []
    for number in range(22):
        answers.append(connections.admit(f"2001:db8:7:{number:x}::1"))
        if answers[-1] is None:
            connections.release(f"2001:db8:7:{number:x}::1")
    assert answers == [None] * 20 + [CROWDED] * 2
    assert sum("too many new connections" in line for line in log.lines) == 1


def test_nothing_is_kept_of_connections_that_were_released() -> None:
    connections = limiter()
    for _ in range(3):
        for host in ("1.1.1.1", "2001:db8::1", ""):
            connections.admit(host)
            connections.release(host)
    assert (connections._count, connections._by_address) == (0, {})


def test_zero_means_no_limit() -> None:
    connections = limiter(connections_max=0, connections_per_address=0)
    assert all(connections.admit("1.1.1.1") is None for _ in range(200))


def test_new_connections_of_an_address_have_a_rate(log: Log) -> None:
    """Others are not affected, and after a minute it is theirs again. One line for each address."""
    clock = Clock()
    counting = limiter(clock, connections_per_minute=3)
    for host in ("192.0.2.1", "192.0.2.2"):
        for _ in range(3):
            assert counting.admit(host) is None
            counting.release(host)
    assert counting.admit("192.0.2.1") == CROWDED
    assert counting.admit("192.0.2.1") == CROWDED
    assert counting.admit("192.0.2.3") is None
    assert re.findall(r"too many new .*", log.text) == ["too many new connections from 192.0.2.1"]
    clock.advance(60)
    assert counting.admit("192.0.2.1") is None


@pytest.mark.parametrize("setting", ["connections_per_minute", "connections_per_address"])
def test_without_a_limit_there_is_no_rate(setting: str) -> None:
    counting = limiter(**{"connections_per_minute": 3, setting: 0})
    assert [counting.admit("192.0.2.1") for _ in range(9)] == [None] * 9


def test_addresses_whose_rate_is_known_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "ADDRESSES_MAX", 10)
    counting = limiter(connections_per_address=1)
    for number in range(50):
        counting.admit(f"192.0.2.{number}")
        assert len(counting._recent) <= 10


@pytest.mark.parametrize(
    ("proxies", "host", "trusted"),
    [
        ((), "127.0.0.1", False),
        (("127.0.0.1",), "127.0.0.1", True),
        (("10.0.0.0/8",), "10.200.3.4", True),
        (("10.0.0.0/8",), "11.0.0.1", False),
        (("10.0.0.0/8",), "::ffff:10.0.0.1", True),
        (("2001:db8::/32",), "2001:db8::5", True),
        (("10.0.0.0/8",), "", False),
        (("10.0.0.0/8",), "no address", False),
    ],
)
def test_only_the_proxies_that_are_named_are_trusted(
    proxies: tuple[str, ...], host: str, trusted: bool
) -> None:
    assert limiter(proxy_from=proxies).trusts(host) is trusted


def test_those_that_are_named_for_the_page_are_believed_there_and_nowhere_else() -> None:
    counting = limiter(proxy_from=("10.0.0.0/8",), web_proxies=("192.0.2.0/24",))
    assert [counting.believes(host) for host in ("10.1.1.1", "192.0.2.1", "8.8.8.8", "")] == [
        True,
        True,
        False,
        False,
    ]
    assert not counting.trusts("192.0.2.1")


@pytest.mark.parametrize("setting", ["proxy_from", "web_proxies"])
def test_a_proxy_that_is_not_an_address_stops_the_start(setting: str) -> None:
    with pytest.raises(SettingError, match=setting):
        limiter(**{setting: ("everywhere",)})
