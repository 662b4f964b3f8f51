"""Guessing is slow from one address and from many, and the owner still gets in."""

from __future__ import annotations

import pytest

from cletus.contrib.users.throttle import (
    ACCOUNT,
    ADDRESS,
    ENTRIES_MAX,
    FAMILIAR,
    NETWORK,
    PREFIX,
    WAIT_MAX,
    Backoff,
)

HERE, THERE = "192.0.2.1", "198.51.100.7"


@pytest.fixture
def throttle(talker):
    return talker.users.throttle


def fail(throttle, account="bob", origin=HERE, *, familiar=False):
    """A wrong password; the seconds that it had to wait."""
    wait = throttle.try_login(account, origin, familiar=familiar)
    if wait >= 0:
        throttle.failed(account, origin, familiar=familiar)
    return wait


def tries(throttle, count, account="bob", origin=HERE, *, familiar=False):
    return [fail(throttle, account, origin, familiar=familiar) for _ in range(count)]


def test_a_delay_doubles_up_to_its_longest():
    """After the free ones: 1, 2, 4 ... and never more than the longest."""
    pace = Backoff(free=2, longest=10.0, forgive=60.0)
    assert [pace.delay(n) for n in range(9)] == [0, 0, 0, 1, 2, 4, 8, 10, 10]
    assert pace.delay(10**9) == 10.0
    assert pace.delay(pace.most) == 10.0
    assert pace.delay(pace.most - 1) < 10.0


def test_a_few_mistakes_cost_nothing(throttle):
    """People mistype."""
    assert tries(throttle, ADDRESS.free) == [0.0] * ADDRESS.free


def test_then_each_waits_longer(throttle):
    """And those of one address one after another, however many connections it has."""
    tries(throttle, ADDRESS.free)
    assert tries(throttle, 4) == [1, 1 + 2, 3 + 4, 7 + 8]


def test_who_would_wait_too_long_is_turned_away(throttle):
    """With the time after which it is worth while to come again; and it is not counted."""
    tries(throttle, ADDRESS.free + 5)
    before = dict(throttle.failures)
    away = throttle.try_login("bob", HERE, familiar=False)
    assert away < -WAIT_MAX
    assert throttle.failures == before
    assert throttle.try_login("bob", HERE, familiar=False) == away


def test_another_address_does_not_wait(throttle):
    """Nobody's tries make others wait."""
    tries(throttle, 50, account="ann")
    assert throttle.try_login("bob", THERE, familiar=False) == 0.0


def test_an_account_under_attack_from_many_addresses_gets_slower(throttle):
    """But never slower than its longest delay: the owner is not locked out."""
    waits = [fail(throttle, origin=f"198.51.{n}.7") for n in range(200)]
    assert waits[: ACCOUNT.free] == [0.0] * ACCOUNT.free
    assert waits[ACCOUNT.free] == 1.0
    assert waits[-1] == ACCOUNT.longest
    assert throttle.try_login("bob", THERE, familiar=False) == ACCOUNT.longest


def test_the_owner_at_home_does_not_wait_for_that(throttle):
    """Where the account has logged in from before, only its own failures there count."""
    for number in range(200):
        fail(throttle, origin=f"198.51.{number}.7")
    assert tries(throttle, 3, familiar=True) == [0, 0, 0]


def test_a_familiar_address_is_not_free_to_guess(throttle):
    """It may be a room full of people."""
    waits = tries(throttle, 80, familiar=True)
    assert waits[:8] == [0, 0, 0, 0, 0, 1, 2, 3]
    assert min(waits) < -WAIT_MAX


def test_success_takes_back_its_own_try_and_no_other(throttle):
    """Else an attacker with an account would log in between the guesses."""
    tries(throttle, ADDRESS.free - 1)
    assert throttle.try_login("bob", HERE, familiar=False) == 0.0
    throttle.succeeded("bob", HERE, familiar=False)
    assert tries(throttle, 2) == [0.0, 1.0]


def test_failures_are_forgotten_with_time(throttle, talker):
    """One at a time."""
    tries(throttle, ADDRESS.free + 3)
    talker.wait(ADDRESS.forgive * 5)
    assert tries(throttle, 3) == [0.0, 0.0, 1.0]
    talker.wait(3600)
    assert tries(throttle, ADDRESS.free) == [0.0] * ADDRESS.free


def test_growing_delays_are_logged(throttle, talker, logged):
    """With the address and the account, and a line for each step, not for each try."""
    for number in range(200):
        fail(throttle, origin=f"198.51.{number % 7}.3")
    lines = [line for line in logged if "failed logins" in line]
    assert any("account 'bob'" in line and "30 s" in line for line in lines)
    assert any("address 198.51.3.3" in line for line in lines)
    assert len(lines) < 60


def test_what_is_remembered_is_bounded(throttle):
    """The worst ones are kept."""
    tries(throttle, 30, origin=THERE)
    for number in range(ENTRIES_MAX + 100):
        fail(throttle, f"n{number}", f"a{number}")
    assert len(throttle.failures) <= ENTRIES_MAX + 1
    assert throttle.try_login("bob", THERE, familiar=False) < 0


def test_old_failures_are_swept_away(throttle, talker):
    """So that nothing is left of an attack a day later."""
    tries(throttle, 30)
    talker.wait(2 * 3600)
    assert throttle.failures == {}


def test_so_many_in_an_hour_and_no_more(throttle, talker):
    """New accounts are counted so; they come back one by one."""
    assert [throttle.take("account", HERE, 3) for _ in range(5)] == [True] * 3 + [False] * 2
    assert throttle.take("account", THERE, 3)
    talker.wait(1200)
    assert [throttle.take("account", HERE, 3) for _ in range(2)] == [True, False]
    assert all(throttle.take("account", HERE, 0) for _ in range(100))


def test_an_ipv6_48_has_four_times_as_many_accounts_and_no_more(throttle):
    """It may be one customer's, with 65,536 origins."""
    taken = [throttle.take("account", f"2001:db8:9:{n:x}::/64", 3) for n in range(20)]
    assert taken == [True] * 12 + [False] * 8
    assert throttle.take("account", "2001:db8:8:1::/64", 3)


def test_a_password_that_is_tried_with_all_names_from_an_ipv6_48_is_slowed_down(throttle):
    waits = [fail(throttle, f"n{n}", f"2001:db8:9:{n:x}::/64") for n in range(60)]
    assert waits[: NETWORK.free] == [0.0] * NETWORK.free
    assert min(waits) < -WAIT_MAX
    assert throttle.try_login("n1", "2001:db8:8:1::/64", familiar=False) == 0.0


def test_right_passwords_do_not_count_while_they_are_checked(throttle):
    """A company that logs in after a restart, from one address and all at once."""
    names = [f"n{number}" for number in range(19)]
    assert [throttle.try_login(name, HERE, familiar=False) for name in names] == [0.0] * 19
    for name in names:
        throttle.succeeded(name, HERE, familiar=False)
    assert throttle.pending == {}
    assert throttle.failures == {}


def test_more_tries_at_once_than_that_are_guesses(throttle):
    waits = [throttle.try_login("bob", HERE, familiar=False) for _ in range(40)]
    assert waits[:20] == [0.0] * 20
    assert max(waits) > 10


def test_an_account_has_a_line_for_each_network(throttle):
    """A customer with a whole IPv6 /48 has no more guesses than one address."""
    waits = [fail(throttle, origin=f"2001:db8:9:{n:x}::/64") for n in range(100)]
    assert waits[: PREFIX.free] == [0.0] * PREFIX.free
    assert min(waits) < -WAIT_MAX
    assert throttle.try_login("bob", "2001:db8:77:1::/64", familiar=False) <= ACCOUNT.longest


def test_a_neighbour_of_the_owner_delays_them_by_seconds(throttle, talker):
    """Four connections of one address guess without a pause; the owner is at that address, too."""
    for _ in range(100):
        waits = [throttle.try_login("bob", HERE, familiar=True) for _ in range(4)]
        owner = throttle.try_login("bob", HERE, familiar=True)
        assert 0 <= owner <= 5.0
        throttle.succeeded("bob", HERE, familiar=True)
        assert all(wait >= 0 for wait in waits)
        for _ in range(4):
            throttle.failed("bob", HERE, familiar=True)
        talker.clock.advance(5)


def test_who_leaves_the_line_does_not_keep_a_place_in_it(throttle):
    """Else whoever guesses and hangs up would keep the owner out."""
    tries(throttle, FAMILIAR.free, familiar=True)
    for _ in range(200):
        assert throttle.try_login("bob", HERE, familiar=True) == 1.0
        throttle.leave_line("bob", HERE, familiar=True)
        throttle.failed("bob", HERE, familiar=True)
