"""People whose gateway is lost, and who come back by another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cletus.cluster.bus import frames_for
from cletus.cluster.marked_text import PROMPT, lines_of, message
from cletus.cluster.memory import MemoryBus
from cletus.testing import StepClock, staged
from tests.cluster.conftest import ClusterLantern
from tests.example.conftest import ROOT

PASSWORD = "lantern light"


@pytest.fixture
def talker() -> Iterator[Any]:
    clock = StepClock()
    with staged("example_service", ROOT, clock) as service:
        yield ClusterLantern(service, clock)


def silent(talker: Any) -> tuple[Any, Any, Any]:
    """The other gateway, Ann at the one that falls silent, and Bob at the other, who says something then."""
    other = talker.cluster.gateway("b")
    talker.clock.advance(1)
    ann, bob = talker.person("Ann"), other.connect()
    bob.says("Bob", "y", PASSWORD, PASSWORD, "")
    talker.clock.advance(2)
    talker.gateway.bus.cut()
    bob.says("while it is silent")
    return other, ann, bob


def test_c6_who_comes_back_by_another_gateway_reads_what_they_missed(talker: Any) -> None:
    """What was said while the gateway was silent, and after it was taken for lost, in order and once."""
    other, ann, bob = silent(talker)
    talker.passes(9)
    bob.says("when it is lost")
    talker.clock.advance(1)
    again = other.connect()
    for line in ("Ann", PASSWORD):
        again.says(line)
        talker.clock.advance(1)
    screen = again.transcript
    assert "You missed:" in screen
    missed = screen.partition("You missed:")[2]
    assert missed.count("while it is silent") == 1
    assert missed.count("when it is lost") == 1
    assert missed.index("while it is silent") < missed.index("when it is lost")
    assert ann.transcript.count("while it is silent") == 0


def test_c6_nothing_is_missed_by_who_comes_back_before_it_is_taken_for_lost(talker: Any) -> None:
    other, _, _ = silent(talker)
    again = other.connect()
    again.says("Ann", PASSWORD)
    talker.clock.advance(1)
    assert again.transcript.partition("You missed:")[2].count("while it is silent") == 1


def test_c12_a_second_login_at_another_gateway_takes_over_from_the_first(talker: Any) -> None:
    other = talker.cluster.gateway("b")
    talker.clock.advance(1)
    first = talker.person("Ann")
    second = other.connect()
    for line in ("Ann", PASSWORD):
        second.says(line)
        talker.clock.advance(1)
    assert not first.connected
    assert second.connected
    second.says("here I am")
    talker.clock.advance(1)
    assert "You say: here I am" in second.transcript
    assert [user.key for user in talker.active("user").values() if user.is_online] == ["ann"]


def test_the_lines_of_what_was_sent() -> None:
    data = (
        b"of a line\r\n\x1b[31mred\x1b[0m\xff\xff\r\n"
        + message("A.B", 1)
        + b"Name? "
        + PROMPT
        + b"x\r\nrest"
    )
    assert lines_of(data, "latin-1") == ["of a line", "red\xff", "x"]


def test_c7_a_gateway_cut_off_for_less_than_its_lease_loses_nothing(talker: Any) -> None:
    other = talker.cluster.gateway("b")
    talker.clock.advance(1)
    ann, bob = talker.person("Ann"), other.connect()
    bob.says("Bob", "y", PASSWORD, PASSWORD, "")
    talker.gateway.bus.cut()
    bob.says("while it is silent")
    ann.says("typed meanwhile")
    talker.passes(4)
    talker.gateway.bus.mend()
    talker.passes(4)
    assert ann.transcript.count("while it is silent") == 1
    assert bob.transcript.count("typed meanwhile") == 1
    assert "You missed" not in ann.transcript


def test_c7_a_gateway_cut_off_for_longer_brings_its_people_back_without_a_password(
    talker: Any,
) -> None:
    """They lose the link, read what they missed, and need no password."""
    _, ann, bob = silent(talker)
    talker.passes(9)
    assert "Ann has lost the connection" in bob.transcript
    talker.gateway.bus.mend()
    talker.passes(4)
    assert "Ann is back" in bob.transcript
    assert "Your password" not in ann.transcript.partition("does not answer")[2]
    assert ann.transcript.partition("You missed:")[2].count("while it is silent") == 1
    assert ann.transcript.count("while it is silent") == 1
    assert ann.connected


def test_c7_who_is_back_before_their_last_line_was_handled_stays(talker: Any) -> None:
    """Their connection of before is there until then, and is not another login."""
    _, ann, bob = silent(talker)
    (client,) = (one for one in talker.service.clients if talker.user("ann").client is one)
    with client.input.held():
        client.line_received("typed just before")
        while client.connected:
            talker.clock.advance(1)
        talker.gateway.bus.mend()
        talker.clock.advance(1)
        assert not client.gone
    talker.clock.advance(1)
    assert ann.connected
    assert bob.transcript.count("typed just before") == 1


def test_c7_what_a_gateway_had_shown_before_it_was_cut_off_is_not_missed(talker: Any) -> None:
    """It confirms each second, so the primary took it for missed; the gateway knows better."""
    other = talker.cluster.gateway("b")
    talker.clock.advance(1)
    ann, bob = talker.person("Ann"), other.connect()
    bob.says("Bob", "y", PASSWORD, PASSWORD, "")
    talker.clock.advance(2)
    bob.says("read just before")
    assert ann.transcript.count("read just before") == 1
    talker.gateway.bus.cut()
    bob.says("while it is silent")
    talker.passes(9)
    talker.gateway.bus.mend()
    talker.passes(4)
    assert ann.transcript.count("read just before") == 1
    assert ann.transcript.partition("You missed:")[2].count("while it is silent") == 1


def test_c12_who_has_come_back_elsewhere_stays_there_when_the_gateway_is_back(talker: Any) -> None:
    """The connection that they had there is the older one."""
    other, ann, bob = silent(talker)
    talker.passes(9)
    again = other.connect()
    for line in ("Ann", PASSWORD):
        again.says(line)
        talker.clock.advance(1)
    talker.gateway.bus.mend()
    talker.passes(4)
    assert again.connected
    assert not ann.connected
    again.says("still here")
    assert "Ann says: still here" in bob.transcript


def test_a_gateway_is_lost_also_while_much_is_said(
    talker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is always something that the engine is about to answer then."""
    _, _, bob = silent(talker)
    monkeypatch.setattr(MemoryBus, "silence", 0.01)
    talker.passes(9)
    assert "Ann has lost the connection" in bob.transcript


def test_no_gateway_is_lost_while_the_engine_is_away(
    talker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, bob = silent(talker)
    monkeypatch.setattr(MemoryBus, "silence", 1.5)
    talker.passes(30)
    assert "Ann has lost the connection" not in bob.transcript


def test_a_takeover_does_not_wait_for_a_gateway_that_was_lost(talker: Any) -> None:
    """The bus keeps nothing of it, and nobody lists it."""
    silent(talker)
    memory = talker.cluster.engine.memory
    assert set(memory.nodes) == {"a", "b"}
    talker.passes(9)
    assert set(memory.nodes) == {"b"}
    assert frames_for("a") not in memory.streams
    assert "a" not in memory.acks
