"""Write to several users at once, and leave out those who ignore the sender."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary

from cletus.client.client import write_all
from cletus.contrib.addresses import origin_of
from cletus.protocol.terminal import COLUMNS
from cletus.text import hanging


def write_users(
    users: Iterable[Any],
    *lines: object,
    exclude: Any = None,
    by: Any = None,
    filter: Callable[[Any], bool] | None = None,  # noqa: A002 - as service.write_all has it
) -> None:
    """Send whole lines to these users. The text is encoded once per encoding, not once per user.

    Args:
        users: each has a ``client``, which may be ``None``, and ``write()``. Users whose link is lost
            keep the lines until they return.
        lines: without any, an empty line is sent.
        exclude: a user, or several, who do not get the lines.
        by: the sender; users who ignore them do not get the lines. Since the lines are somebody's
            words, their continuation is indented where they are longer than a window, and all people
            of one address together get as many lines through as one person may type (``line_rate``,
            ``line_burst``); what is too much is dropped, and the sender is told.
        filter: called with each user; those for whom it is false do not get the lines.
    """
    excluded = _as_tuple(exclude)
    if by is not None:
        if not _has_budget(by, lines):
            by.write(TOO_MUCH)
            return
        lines = tuple(map(hanging, lines))
    audience = [
        user
        for user in users
        if user not in excluded and not ignores(user, by) and (filter is None or filter(user))
    ]
    write_all((user.client for user in audience if user.client is not None), *lines)
    for user in audience:
        if user.client is None:
            user.write(*lines)


def ignores(listener: Any, speaker: Any) -> bool:
    """Whether the listener ignores the speaker. ``None`` as a speaker is never ignored."""
    check = getattr(listener, "ignores", None)
    return speaker is not None and check is not None and bool(check(speaker))


#: What a sender reads whose line was dropped.
TOO_MUCH = "Too many lines come from your address. That one was not sent."

#: Addresses whose budget is remembered for a service.
_ADDRESSES_MAX = 10_000

#: Service to address to what it may still send, in rows of a screen, and when that was so.
_budgets: WeakKeyDictionary[Any, dict[str, tuple[float, float]]] = WeakKeyDictionary()


def _has_budget(sender: Any, lines: tuple[object, ...]) -> bool:
    """Whether the sender's address may put these lines on other people's screens. They are counted."""
    client = getattr(sender, "client", None)
    origin = getattr(sender, "origin", "") or (origin_of(client.address) if client else "")
    service = getattr(sender, "service", None)
    if not origin or service is None:
        return True  # a character of the game, for instance
    rate, burst = service.settings.line_rate, service.settings.line_burst
    if not rate or not burst:
        return True
    budgets, now = _budgets.setdefault(service, {}), float(service.clock.seconds())
    if len(budgets) >= _ADDRESSES_MAX and origin not in budgets:
        budgets.clear()
    left, then = budgets.get(origin, (float(burst), now))
    left = min(burst, left + max(0.0, now - then) * rate)
    rows = min(burst, sum(1 + len(str(line)) // COLUMNS for line in lines))
    is_enough = bool(left >= rows)
    budgets[origin] = (left - rows if is_enough else left, now)
    return is_enough


def _as_tuple(users: Any) -> tuple[Any, ...]:
    if users is None:
        return ()
    return tuple(users) if isinstance(users, Iterable) else (users,)
