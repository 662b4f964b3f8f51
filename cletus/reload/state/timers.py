"""Timers across a reload: they stay, their time runs on, and they call the new code."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from cletus.errors import CarryError
from cletus.reload.state.convert import Conversion
from cletus.reload.state.plain_types import CONTAINERS, is_a
from cletus.service.report import ReloadReport
from cletus.service.timers import Timer, Timers


@dataclass(frozen=True, slots=True)
class CarriedTimers:
    """What the commit does to timers.

    Attributes:
        kept: each that goes on, with its target and arguments in the new code.
        dropped: those that the new code has no place for.
        handles: what a new module body got when it asked again for one that goes on, and that one.
    """

    kept: list[tuple[Timer, Any, tuple[Any, ...], dict[str, Any]]]
    dropped: list[Timer]
    handles: list[tuple[Timer, Timer]]


def carry_timers(
    old: Timers, staged: Timers, conversion: Conversion, report: ReloadReport
) -> CarriedTimers:
    """Find out which timers go on, and put them among the staged ones.

    What a module body asked for is asked for again by its new body: then the running timer takes
    the new one's place, so that its phase is kept. If it is not asked for again, it is dropped.

    Args:
        old: the timers of the generation in force; they are not changed yet.
        staged: those that the new module bodies asked for.
        conversion: finds targets and arguments in the new code.
        report: is told of what is dropped.
    """
    asked = [timer for timer in staged if timer.active]
    carried = CarriedTimers([], [], [])
    staged.clear()
    for timer in old:
        if not timer.active:
            continue
        if timer.imported:
            twin = next((one for one in asked if one.is_like(timer)), None)
            if twin is None:
                carried.dropped.append(timer)
                continue
            asked.remove(twin)
            carried.handles.append((twin, timer))
            new = (twin.target, twin.args, twin.kwargs)
        else:
            found = _found(timer, conversion, report)
            if found is None:
                carried.dropped.append(timer)
                continue
            new = found
        carried.kept.append((timer, *new))
        staged.add(timer)
    for timer in asked:
        staged.add(timer)
    return carried


def held_by(timers: Timers) -> list[Any]:
    """The containers and partials that timers call, or pass on: what is in them is exchanged there."""
    return [
        part
        for timer in timers
        for part in (timer.target, *timer.args, *timer.kwargs.values())
        if type(part) in CONTAINERS or is_a(part, functools.partial)
    ]


def commit_timers(carried: CarriedTimers) -> None:
    """Have them call the new code. Plain assignments, and calls of the reactor that cannot fail."""
    for timer, target, args, kwargs in carried.kept:
        timer.target, timer.args, timer.kwargs = target, args, kwargs
        timer.is_carried = not timer.imported
    for timer in carried.dropped:
        timer.cancel()
    for handle, timer in carried.handles:
        # Both are one from now on: either can cancel it.
        handle.__dict__ = timer.__dict__


def _found(
    timer: Timer, conversion: Conversion, report: ReloadReport
) -> tuple[Any, tuple[Any, ...], dict[str, Any]] | None:
    try:
        place = f"timer {timer.target_name}"
        return (
            conversion.carry(timer.target, place),
            conversion.carry(timer.args, place),
            {name: conversion.carry(value, place) for name, value in timer.kwargs.items()},
        )
    except CarryError as error:
        report.warnings.append(
            f"{error}; it was due in {timer.remaining:.1f} s and is cancelled: start it anew, with a "
            "function of a module"
        )
        return None
