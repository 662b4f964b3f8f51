"""Writing to several users: who gets it, and who may put lines on others' screens."""

from __future__ import annotations

from types import SimpleNamespace

from cletus.contrib.audience import may_send, write_users
from cletus.contrib.budgets import TOO_MUCH


class User:
    """Somebody whose link is lost, so that ``write`` gets everything."""

    client = None
    hush = ""

    def __init__(self, name):
        self.key, self.read = name, []

    def write(self, *lines):
        self.read += map(str, lines)

    def hush_text(self):
        return self.hush


ANN, BOB, CID = User("ann"), User("bob"), User("cid")


def reads(*users):
    """What they have read since the last look."""
    lines = [user.read for user in users]
    for user in users:
        user.read = []
    return lines


def test_lines_go_to_all_but_those_who_are_excluded():
    assert write_users([ANN, BOB, CID], "hello", exclude=[CID], filter=lambda user: user is not BOB)
    assert reads(ANN, BOB, CID) == [["hello"], [], []]


def test_somebody_who_was_hushed_reads_why_and_nobody_else_reads_anything(monkeypatch):
    monkeypatch.setattr(BOB, "hush", "You are hushed.", raising=False)
    assert not write_users([ANN, BOB], "hello", by=BOB)
    assert not may_send(BOB, "hello")
    assert reads(ANN, BOB) == [[], ["You are hushed."] * 2]


def test_what_somebody_does_who_was_hushed_is_told(monkeypatch):
    monkeypatch.setattr(BOB, "hush", "You are hushed.", raising=False)
    assert write_users([ANN], "* Bob leaves.", by=BOB, notice=True)
    assert reads(ANN) == [["* Bob leaves."]]


def test_a_line_that_nobody_else_gets_counts_against_nothing(monkeypatch):
    monkeypatch.setattr("cletus.contrib.audience.spend", lambda *_: TOO_MUCH)
    assert write_users([BOB], "hello", by=BOB)
    assert write_users(iter([BOB, ANN]), "hello", by=BOB, exclude=ANN)
    assert not write_users(iter([BOB, ANN]), "hello", by=BOB)
    assert reads(ANN, BOB) == [[], ["hello", "hello", TOO_MUCH]]


def test_a_line_beyond_the_budget_is_not_sent(monkeypatch):
    monkeypatch.setattr("cletus.contrib.audience.spend", lambda *_: TOO_MUCH)
    assert not write_users([ANN], "hello", by=BOB)
    assert reads(ANN, BOB) == [[], [TOO_MUCH]]


def test_what_nobody_has_written_is_not_counted(monkeypatch):
    monkeypatch.setattr("cletus.contrib.audience.spend", lambda *_: TOO_MUCH)
    assert write_users([ANN], "news", room=SimpleNamespace(key="lobby"))
    assert reads(ANN) == [["news"]]
