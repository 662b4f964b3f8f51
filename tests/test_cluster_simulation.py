"""``benchmarks/cluster_simulation.py``: its queues obey the laws of queues."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.cluster_simulation import Costs, Town, simulate, table, touched

FREE = Costs(**dict.fromkeys(Costs.__dataclass_fields__, 0.0))
#: 500 lines a second.
TOWN = Town(10_000, pause=20.0, room=25, gateways=4)


def test_a_share_of_time_is_the_rate_times_the_cost() -> None:
    """The utilisation law, U = X S, for each of the three."""
    costs = replace(FREE, line=400e-6, delivery=4e-6, engine_entry=200e-6, told=300e-6)
    result = simulate(TOWN, costs, seconds=20)
    assert result.primary == pytest.approx(500 * (400e-6 + 25 * 4e-6), rel=0.05)
    assert result.engine == pytest.approx(
        500 * 200e-6 * 5, rel=0.1
    )  # a line's own, and one for each gateway
    assert result.gateway == pytest.approx(500 * 300e-6 / 4, rel=0.05)
    assert result.breaks == ""


def test_where_nobody_waits_a_line_takes_the_sum_of_its_costs() -> None:
    costs = Costs(
        **{name: 1e-6 * number for number, name in enumerate(Costs.__dataclass_fields__, 1)}
    )
    town = Town(10, pause=20.0, room=1, gateways=1)
    result = simulate(town, costs, seconds=100)
    once = costs.told + costs.turn + costs.line + costs.delivery + costs.entry + costs.output
    assert result.percentile(0.5) == pytest.approx(
        once + 2 * (costs.engine_call + costs.engine_entry)
    )


def test_who_has_more_to_do_than_time_is_named() -> None:
    assert simulate(TOWN, replace(FREE, line=3e-3)).breaks == "primary"
    assert simulate(TOWN, replace(FREE, engine_call=3e-3)).breaks == "engine"
    assert simulate(TOWN, replace(FREE, told=1e-6, output=1e-3)).breaks == "gateways"


def test_turns_get_larger_when_they_cost_much() -> None:
    """So a cost of each turn slows people down, but nobody falls behind for it."""
    result = simulate(TOWN, replace(FREE, turn=10e-3), seconds=10)
    assert result.breaks == ""
    assert 0.9 < result.primary <= 1.0
    assert 0.01 < result.percentile(0.5) < 0.03


def test_each_gateway_is_counted_once() -> None:
    assert touched(1, 25) == 1
    assert touched(1000, 1) == pytest.approx(1)
    assert 24 < touched(1000, 25) < 25


def test_the_table_has_a_row_for_each_town() -> None:
    head, rule, *rows = table(0.01)
    assert len({row.count("|") for row in (head, rule, *rows)}) == 1
