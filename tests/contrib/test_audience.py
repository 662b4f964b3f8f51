"""Writing to several users: who gets it, and how much one address can put on everybody's screen."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cletus.contrib.audience import TOO_MUCH, write_users


class Service:
    """A service whose clock stands still until it is set."""

    def __init__(self, rate=20.0, burst=40):
        self.now = 0.0
        self.clock = SimpleNamespace(seconds=lambda: self.now)
        self.settings = SimpleNamespace(line_rate=rate, line_burst=burst)


class User:
    """Somebody whose link is lost, so that ``write`` gets everything."""

    client = None

    def __init__(self, service, origin="192.0.2.1"):
        self.service, self.origin, self.read = service, origin, []

    def write(self, *lines):
        self.read += map(str, lines)


@pytest.fixture
def service():
    return Service()


def test_all_people_of_one_address_share_one_budget(service):
    ann = User(service, "198.51.100.1")
    crowd = [User(service) for _ in range(18)]
    for second in range(10):
        service.now = second
        for _ in range(10):
            for guest in crowd:
                write_users([ann], "spam", by=guest)
    assert len(ann.read) <= 40 + 9 * 20
    assert TOO_MUCH in crowd[-1].read


def test_another_address_is_heard_meanwhile(service):
    ann, bob, spammer = User(service), User(service, "198.51.100.2"), User(service)
    for _ in range(100):
        write_users([ann], "spam", by=spammer)
    write_users([ann], "hello", by=bob)
    assert ann.read[-1] == "hello"
    assert bob.read == []


def test_a_long_line_counts_by_its_rows(service):
    ann, spammer = User(service), User(service)
    for _ in range(10):
        write_users([ann], "x" * 4000, by=spammer)
    assert len(ann.read) == 1


def test_what_nobody_has_written_is_not_counted(service):
    ann, spider = User(service), SimpleNamespace(key="spider", client=None)
    for _ in range(100):
        write_users([ann], "news")
        write_users([ann], "The spider moves.", by=spider)
    assert len(ann.read) == 200


def test_without_a_rate_there_is_no_limit():
    service = Service(rate=0)
    ann = User(service)
    for _ in range(100):
        write_users([ann], "words", by=ann)
    assert len(ann.read) == 100
