"""Hashes are argon2id by OWASP's parameters, made in threads, a few at a time."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher, Type, extract_parameters
from twisted.internet.defer import Deferred

from cletus.contrib.users import hashing
from cletus.errors import PasswordsBusy

OURS = hashing.HASHER  # before the fixture makes it cheap


class Threads:
    """A service whose threads are finished by hand."""

    def __init__(self):
        self.working = []

    def run_in_thread(self, call, *args, **_):
        done = Deferred()
        self.working.append((done, call, args))
        return done

    def finish(self):
        done, call, args = self.working.pop(0)
        done.callback(call(*args))


@pytest.fixture
def threads(monkeypatch):
    monkeypatch.setattr(hashing, "WAITING_MAX", 3)
    threads = Threads()
    yield threads
    while threads.working:
        threads.finish()


def test_the_parameters_are_those_of_owasp():
    """At least 19 MiB, two passes, one lane; and each hash has its own salt."""
    found = extract_parameters(OURS.hash("correct horse"))
    assert found.type is Type.ID
    assert found.memory_cost >= 19456
    assert found.time_cost >= 2
    assert found.parallelism == 1
    assert found.salt_len >= 16
    assert OURS.hash("correct horse") != OURS.hash("correct horse")


def test_no_more_are_made_at_once_than_allowed(threads):
    """Others wait for their turn, and get it."""
    answers = [hashing.hash_password(threads, f"{n}") for n in range(4)]
    assert len(threads.working) == hashing.AT_ONCE
    threads.finish()
    assert len(threads.working) == hashing.AT_ONCE
    while threads.working:
        threads.finish()
    assert all(answer.result.startswith("$argon2id$") for answer in answers)


def test_no_more_wait_than_allowed(threads):
    """One more is refused at once, and the next one after some have gone is not."""
    many = hashing.AT_ONCE + hashing.WAITING_MAX
    for number in range(many):
        hashing.hash_password(threads, f"{number}")
    refused = hashing.hash_password(threads, "one more")
    refused.addErrback(lambda failure: failure.trap(PasswordsBusy))
    assert refused.result is PasswordsBusy
    threads.finish()
    later = hashing.hash_password(threads, "later")
    while threads.working:
        threads.finish()
    assert later.result.startswith("$argon2id$")


def test_who_stops_waiting_does_not_free_a_thread(threads):
    """Else hanging up at once would make for more hashes at a time."""
    for _ in range(hashing.AT_ONCE):
        answer = hashing.hash_password(threads, "x")
        answer.addErrback(lambda _: None)
        answer.cancel()
    hashing.hash_password(threads, "y")
    assert len(threads.working) == hashing.AT_ONCE


def test_who_has_no_password_costs_a_verification(threads, monkeypatch):
    """The time tells nobody who has one: both ways call the same function once."""
    verified = []

    class Counting(PasswordHasher):
        def verify(self, hashed, password):
            verified.append(hashed)
            return super().verify(hashed, password)

    monkeypatch.setattr(hashing, "HASHER", Counting(memory_cost=8, time_cost=1, parallelism=1))
    theirs = hashing.HASHER.hash("correct horse")
    for hashed in (None, theirs):
        right = hashing.verify(threads, hashed, "correct horse")
        threads.finish()
        assert right.result is (hashed is not None)
    assert len(verified) == 2
    assert extract_parameters(verified[0]) == extract_parameters(theirs)


def test_what_is_no_hash_fits_no_password(threads):
    """Somebody's hand may have been in the file."""
    for broken in ("", "secret", "$argon2id$v=19$m=8", "$2b$12$abcdefghijklmnopqrstuv"):
        wrong = hashing.verify(threads, broken, "secret")
        threads.finish()
        assert wrong.result is False
    assert hashing.is_outdated("secret")


def test_a_hash_by_other_parameters_is_outdated():
    """And one by today's is not."""
    assert hashing.is_outdated(PasswordHasher(memory_cost=16, time_cost=1, parallelism=1).hash("x"))
    assert not hashing.is_outdated(hashing.HASHER.hash("x"))


def ask(threads, urgency, origin, order):
    """A hash of which the order of its end is noted."""
    with hashing.queued_as(urgency, origin):
        answer = hashing.hash_password(threads, "x")
    answer.addBoth(lambda result: order.append((origin, isinstance(result, str))))
    return answer


@pytest.fixture
def order(threads, monkeypatch):
    """All threads are at work; what is asked for now has to wait."""
    monkeypatch.setattr(hashing, "WAITING_MAX", 6)
    for _ in range(hashing.AT_ONCE):
        hashing.hash_password(threads, "busy")
    return []


def finish_all(threads):
    while threads.working:
        threads.finish()


def test_an_owner_at_home_comes_first_and_registrations_last(threads, order):
    ask(threads, hashing.Urgency.NEW, "flood", order)
    ask(threads, hashing.Urgency.LOGIN, "elsewhere", order)
    ask(threads, hashing.Urgency.KNOWN, "home", order)
    finish_all(threads)
    assert [origin for origin, _ in order] == ["home", "elsewhere", "flood"]


def test_addresses_take_turns(threads, order):
    for _ in range(4):
        ask(threads, hashing.Urgency.LOGIN, "flood", order)
    ask(threads, hashing.Urgency.LOGIN, "one", order)
    finish_all(threads)
    assert [origin for origin, _ in order] == ["flood", "one", "flood", "flood", "flood"]


def test_a_full_queue_makes_room_for_who_has_asked_for_less(threads, order):
    """The latest of the greediest address is refused, and nobody else."""
    for _ in range(6):
        ask(threads, hashing.Urgency.LOGIN, "flood", order)
    ask(threads, hashing.Urgency.LOGIN, "one", order)
    assert order == [("flood", False)]
    ask(threads, hashing.Urgency.LOGIN, "flood", order)
    assert order == [("flood", False), ("flood", False)]
    finish_all(threads)
    assert ("one", True) in order


def test_an_ipv6_48_has_one_turn(threads, order):
    """Else one customer, with 65,536 origins, would fill the queue for everybody."""
    for number in range(6):
        ask(threads, hashing.Urgency.LOGIN, f"2001:db8:9:{number:x}::/64", order)
    ask(threads, hashing.Urgency.LOGIN, "one", order)
    finish_all(threads)
    assert ("one", True) in order


def test_a_flood_of_registrations_refuses_no_login(threads, order):
    for number in range(50):
        ask(threads, hashing.Urgency.NEW, f"flood{number % 8}", order)
    ask(threads, hashing.Urgency.KNOWN, "home", order)
    assert ("home", False) not in order
    threads.finish()
    finish_all(threads)
    assert ("home", True) in order
