"""Nobody can fill the disk with log lines from outside: they are limited, and counted."""

from __future__ import annotations

import io
import itertools
import json
from typing import Any

import pytest
from twisted.logger import LogLevel

from cletus.logs import Log
from cletus.logs.limit import (
    AUDIT_BYTES_AT_ONCE,
    BYTES_AT_ONCE,
    BYTES_PER_SECOND,
    KINDS_MAX,
    LINES_MAX,
    NOTES_MAX,
    WINDOW,
    ClientLimit,
)


class Limit:
    """A limit whose time a test sets.

    Attributes:
        now: seconds.
    """

    def __init__(self) -> None:
        self.now = 100.0
        self.limit = ClientLimit(lambda: self.now)
        self.counted: list[int] = []

    def admits(self, host: str = "192.0.2.1", number: int = 1, **event: Any) -> bool:
        self.counted += [count for count, _ in self.limit.finished()]
        fields = {"log_format": "connected", "client": f"<Client {number} telnet {host}:{number}>"}
        return self.limit.admit({**fields, **event})


@pytest.fixture
def limit() -> Limit:
    return Limit()


def test_lines_of_one_kind_and_address_are_limited_and_counted(limit: Limit) -> None:
    """Whichever client it is, and whichever port they come from."""
    admitted = [limit.admits(number=number) for number in range(LINES_MAX + 7)]
    assert admitted == [True] * LINES_MAX + [False] * 7
    assert limit.admits(log_format="disconnected"), "another kind"
    assert limit.admits("192.0.2.2"), "another address"
    limit.now += WINDOW
    assert limit.admits()
    assert limit.counted == [7]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("[2001:db8::1]", "[2001:db8::ffff:1]", True),
        ("[2001:db8:0:1::1]", "[2001:db8:0:2::1]", True),
        ("[2001:db8:0:1::1]", "[2001:db8:1:1::1]", False),
        ("[fe80::1%eth0]", "[fe80::2%eth0]", True),
        ("a local socket", "a local socket", True),
    ],
)
def test_an_ipv6_address_counts_by_its_48(limit: Limit, one: str, other: str, same: bool) -> None:
    while limit.admits(one):
        pass
    assert limit.admits(other) != same


def test_what_no_client_has_caused_is_not_limited(limit: Limit) -> None:
    assert all(limit.admits(client=None) for _ in range(10 * LINES_MAX))


def test_all_of_them_together_are_limited(limit: Limit) -> None:
    for number in range(1000):
        event = {"client": f"<Client 1 telnet 10.0.{number // 250}.{number % 250}:1>"}
        if not limit.limit.admit(event):
            break
        limit.limit.written(event, BYTES_AT_ONCE // 100)
    assert number <= 101
    limit.now += 0.5
    limit.limit.admit(event)
    assert limit.limit._others.left == pytest.approx(BYTES_PER_SECOND / 2)


def test_strangers_who_fill_the_log_hide_nothing_that_users_do(limit: Limit) -> None:
    stranger = {"client": "<Client 1 telnet 192.0.2.9:1>"}
    limit.limit.written(stranger, BYTES_AT_ONCE)
    assert not limit.limit.admit(stranger)
    banned = {
        "client": "<Client 2 telnet 192.0.2.1:1>",
        "user": "ann",
        "log_namespace": "cletus.audit",
    }
    assert limit.limit.admit(banned)
    limit.limit.written(banned, AUDIT_BYTES_AT_ONCE)
    assert not limit.limit.admit(banned)


def test_strangers_of_many_addresses_hide_neither_what_users_do_nor_who_tries_passwords(
    limit: Limit,
) -> None:
    list(limit.limit.finished())
    for number in range(2 * KINDS_MAX):
        stranger = {"client": f"<Client 1 telnet 10.1.{number // 250}.{number % 250}:1>"}
        if limit.limit.admit(stranger):
            limit.limit.written(stranger, 90)
    assert not limit.limit.admit(stranger)
    wrong = {"client": "<Client 2 telnet 192.0.2.1:1>", "log_namespace": "cletus.audit"}
    assert limit.limit.admit(wrong)
    limit.limit.written(wrong, AUDIT_BYTES_AT_ONCE)
    assert not limit.limit.admit(wrong)
    assert limit.limit.admit({**wrong, "user": "ann"})


def test_whatever_clients_do_the_log_grows_by_at_most_10_kb_a_second(start) -> None:
    """Over any 8 seconds, also if each line is about another address, and half of them about users."""
    stream = io.StringIO()
    log = Log(start(log_format="text"), stream)
    now = 0.0
    log._limit = ClientLimit(lambda: now)
    for number in range(40_000):
        now = 20.0 + number / 5000
        event = {"log_format": "{client} did what is logged", "log_level": LogLevel.info}
        event |= {"client": f"<Client 1 telnet 198.18.0.{number % 250}:4000>"}
        log({**event, "log_namespace": "cletus.service.connections"})
        log({**event, "log_namespace": "cletus.audit", "user": "ann"})
        log({**event, "log_namespace": "cletus.audit"})
    assert 20_000 < len(stream.getvalue()) < 80_000


def test_of_many_kinds_only_some_have_a_note_of_their_own(limit: Limit) -> None:
    list(limit.limit.finished())
    for number in range(200):
        limit.limit.written({"client": "x"}, BYTES_AT_ONCE)
        for _ in range(1 + (number == 7)):
            assert not limit.limit.admit({"client": f"<Client 1 telnet 10.0.0.{number}:1>"})
    limit.now += WINDOW
    notes = list(limit.limit.finished())
    assert [count for count, _ in notes] == [2] + [1] * (NOTES_MAX - 1) + [200 - NOTES_MAX]


def test_many_addresses_take_little_memory(limit: Limit) -> None:
    list(limit.limit.finished())
    for a, b in itertools.product(range(100), range(100)):
        limit.limit.admit({"client": f"<Client 1 telnet 10.1.{a}.{b}:1>"})
    assert len(limit.limit._others.lines) <= KINDS_MAX + 1


def test_the_log_says_what_it_has_left_out(start, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    log = Log(start(log_format="json"), stream)
    now = 0.0
    log._limit = ClientLimit(lambda: now)
    event = {
        "log_format": "{client} connected",
        "log_level": LogLevel.info,
        "log_namespace": "cletus.service.connections",
        "client": "<Client 1 telnet 192.0.2.1:1>",
    }
    for _ in range(LINES_MAX + 3):
        log(event)
    now += WINDOW
    log({"log_format": "something else", "log_level": LogLevel.info, "log_namespace": "app"})
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(lines) == LINES_MAX + 2
    said = "3 lines were left out, the last of them: <Client 1 telnet 192.0.2.1:1> connected"
    assert lines[-2]["message"] == said
    assert lines[-2]["level"] == "warn"
    assert lines[-1]["message"] == "something else"
