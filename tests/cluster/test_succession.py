"""The example talker, when one primary succeeds another: people stay, and are who they were."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from cletus.events import TakenOver
from cletus.settings.settings import Settings
from cletus.storage.backends.memory import from_url
from cletus.testing import StepClock, staged
from tests.cluster.conftest import LEASE, ClusterLantern
from tests.example.conftest import ROOT


class Succession(ClusterLantern):
    """The talker whose process can be lost."""

    def __init__(self, stack: ExitStack) -> None:
        clock = StepClock()
        self._stack = stack
        self._settings = {"store": f"memory:succession-{id(clock)}"}
        self._backend = from_url(self._settings["store"], Settings())  # it outlives each process
        super().__init__(self._new(clock), clock)

    def _new(self, clock: StepClock):
        return self._stack.enter_context(staged("example_service", ROOT, clock, self._settings))

    def lose_primary(self) -> None:
        """It is gone without a word, and nobody has noticed yet."""
        self.door._bus.cut()

    def succeed(self) -> None:
        """Another process claims, after the lease."""
        self.clock.advance(LEASE + 1)
        self.service = self._new(self.clock)
        self.door = self.cluster.primary(self.service)
        self.clock.advance(0)


@pytest.fixture
def talker():
    with ExitStack() as stack:
        yield Succession(stack)


def test_everybody_is_logged_in_again_without_a_password(talker):
    ann, bob = talker.person("Ann"), talker.person("Bob")
    talker.lose_primary()
    talker.succeed()
    assert [user.key for user in talker.active("user").values() if user.is_online] == ["ann", "bob"]
    ann.reads()
    bob.says("here I am")
    assert "Bob says: here I am" in ann.reads()
    assert ann.connected
    assert not ann.types_unseen


def test_what_was_typed_meanwhile_is_said_once_and_in_order(talker):
    ann, bob = talker.person("Ann"), talker.person("Bob")
    talker.lose_primary()
    for number in range(5):
        ann.says(f"line {number}")
    talker.succeed()
    heard = [line for line in bob.transcript.splitlines() if "says: line" in line]
    assert heard == [f"Ann says: line {number}" for number in range(5)]


def test_a_password_is_never_said_aloud(talker):
    """A question that the primary before had asked is not asked any more; the answer is dropped."""
    ann, bob = talker.person("Ann"), talker.person("Bob")
    ann.says(".password")
    talker.lose_primary()
    ann.says("lantern light", "something new")
    talker.succeed()
    ann.reads()
    for words in ("lantern light", "something new"):
        assert words not in bob.transcript
        assert f"You say: {words}" not in ann.transcript
    assert "renewed" in ann.transcript
    assert "You say: hello" in ann.says("hello")


def test_who_was_logging_in_begins_anew_and_is_nobody(talker):
    talker.person("Ann")
    other = talker.connect()
    other.says("Ann")
    talker.lose_primary()
    other.says("lantern light")
    talker.succeed()
    assert "renewed" in other.transcript
    (stranger,) = [client for client in talker.service.clients if client.user is None]
    assert stranger.address == other.address
    assert "password" in other.says("Ann")


def test_who_is_banned_meanwhile_does_not_come_in_again(talker):
    ann = talker.person("Ann")
    talker.service.session.find("user").users.ban("ann")
    ann.waits(0.1)
    assert not ann.connected


@pytest.mark.parametrize(
    "is_apart",
    [
        lambda user, _start, other: other.occupants.append(user),
        lambda user, start, _other: start.occupants.append(user),
        lambda user, start, _other: start.occupants.remove(user),
        lambda user, _start, _other: setattr(user, "room", None),
    ],
)
def test_c9_after_a_crash_rooms_have_those_who_are_in_them(talker, is_apart):
    """Pieces of a checkpoint may be from before and after somebody has come, gone, or been saved."""
    ann, bob = talker.person("Ann"), talker.person("Bob")
    user, rooms = talker.user("ann"), talker.active("room")
    is_apart(
        user, rooms["lamp-room"], next(room for key, room in rooms.items() if key != "lamp-room")
    )
    talker.service.fire(TakenOver(talker.service, planned=False))
    ann.says("hello")
    assert bob.reads().count("Ann says: hello") == 1
    assert "You say: hello" in ann.transcript
    assert [room.key for room in rooms.values() if user in room.occupants] == ["lamp-room"]
    assert user.room is rooms["lamp-room"]
