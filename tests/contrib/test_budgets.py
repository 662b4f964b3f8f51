"""How much one account, one address and one room can put on everybody's screen."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cletus.contrib import budgets
from cletus.contrib.budgets import (
    TOO_MUCH,
    TOO_MUCH_IN_ROOM,
    TOO_MUCH_OF_ACCOUNT,
    spend,
)

LOBBY = SimpleNamespace(key="lobby")


class Service:
    """A service whose clock stands still until it is set."""

    def __init__(self, **rates):
        self.now = 0.0
        self.clock = SimpleNamespace(seconds=lambda: self.now)
        default = {"per_account": 20, "per_address": 40, "of_newcomers": 10, "per_room": 100}
        rates = {**default, **rates}
        self.settings = SimpleNamespace(**{f"screen_lines_{key}": rates[key] for key in rates})

    def user(self, key, address="192.0.2.1", *, is_newcomer=False):
        return SimpleNamespace(key=key, origin=address, service=self, is_newcomer=is_newcomer)


@pytest.fixture
def service():
    return Service()


def lines_sent(service, senders, *, seconds=10, line="spam", room=LOBBY):
    """How many lines get through of 100 a second from each sender."""
    sent = 0
    for second in range(seconds):
        service.now = float(second)
        for _ in range(100):
            sent += sum(not spend(sender, (line,), room) for sender in senders)
    return sent


@pytest.mark.parametrize(
    ("count", "is_newcomer", "rate"), [(1, False, 20), (18, False, 40), (18, True, 10)]
)
def test_accounts_addresses_and_newcomers_have_budgets(service, count, is_newcomer, rate):
    crowd = [service.user(f"u{number}", is_newcomer=is_newcomer) for number in range(count)]
    assert lines_sent(service, crowd) == rate * (9 + 2)


def test_a_room_has_a_budget_wherever_its_people_come_from(service):
    crowd = [service.user(f"u{number}", f"192.0.2.{number}") for number in range(50)]
    assert lines_sent(service, crowd) == 100 * (9 + 2)


def test_an_ipv6_48_counts_as_one_address(service):
    """One customer may have it, with 65,536 origins."""
    crowd = [service.user(f"u{n}", f"2001:db8:9:{n:x}::/64") for n in range(18)]
    assert lines_sent(service, crowd) == 40 * (9 + 2)


def test_newcomers_of_many_addresses_leave_half_of_a_room_to_others(service):
    crowd = [service.user(f"u{n}", f"192.0.2.{n}", is_newcomer=True) for n in range(100)]
    lines_sent(service, crowd, seconds=1)
    assert spend(crowd[0], ("hello",), LOBBY) == TOO_MUCH_IN_ROOM
    ann = service.user("ann", "198.51.100.1")
    assert lines_sent(service, [ann], seconds=1) == 40


def test_guests_of_ones_own_address_take_nothing_from_an_account(service):
    guests = [service.user(f"g{number}", is_newcomer=True) for number in range(18)]
    lines_sent(service, guests)
    assert spend(service.user("ann"), ("hello",), LOBBY) == ""


def test_rooms_are_counted_apart(service):
    crowd = [service.user(f"u{number}", f"192.0.2.{number}") for number in range(50)]
    lines_sent(service, crowd, seconds=1)
    assert spend(crowd[0], ("hello",), LOBBY) == TOO_MUCH_IN_ROOM
    assert spend(service.user("ann", "198.51.100.1"), ("hello",), SimpleNamespace(key="hall")) == ""


def test_what_is_refused_counts_against_no_budget(service):
    bob = service.user("bob")
    lines_sent(service, [bob], seconds=1)
    assert spend(bob, ("hello",), LOBBY) == TOO_MUCH_OF_ACCOUNT
    neighbour = service.user("cid")
    assert lines_sent(service, [neighbour], seconds=1) == 40


@pytest.mark.parametrize("line", ["x" * 4000, "\u71c8" * 1400])
def test_a_long_line_counts_by_its_bytes(service, line):
    assert lines_sent(service, [service.user("bob")], line=line) <= 20 * (9 + 2) * 80 / 3900


def test_characters_of_the_game_have_no_budget(service):
    spider = SimpleNamespace(key="spider", client=None)
    assert all(not spend(spider, ("The spider moves.",), LOBBY) for _ in range(1000))


@pytest.mark.parametrize("setting", ["per_account", "per_address", "per_room"])
def test_a_rate_of_0_is_no_limit(setting):
    rates = dict.fromkeys(("per_account", "per_address", "per_room"), 0)
    assert lines_sent(Service(**rates), [Service(**rates).user("bob")]) == 1000
    assert lines_sent(
        Service(**{**rates, setting: 1}), [Service(**{**rates, setting: 1}).user("bob")]
    )


def test_the_number_of_budgets_is_bounded_and_the_latest_stay(service, monkeypatch):
    monkeypatch.setattr(budgets, "_BUDGETS_MAX", 10)
    bob = service.user("bob")
    for number in range(100):
        spend(bob, ("spam",), LOBBY)
        spend(service.user(f"u{number}", f"192.0.2.{number}"), ("hello",), LOBBY)
    assert spend(bob, ("spam",), LOBBY) == TOO_MUCH_OF_ACCOUNT
    assert len(budgets._levels[service]) == 10


def test_a_clock_that_is_set_back_takes_nothing_away(service):
    service.now = 3600.0
    bob = service.user("bob")
    assert spend(bob, ("hello",), LOBBY) == ""
    service.now = 0.0
    assert spend(bob, ("hello",), LOBBY) == ""


def test_what_a_sender_reads_names_the_budget(service):
    crowd = [service.user(f"u{number}") for number in range(18)]
    lines_sent(service, crowd, seconds=1)
    assert spend(crowd[-1], ("spam",), LOBBY) == TOO_MUCH
