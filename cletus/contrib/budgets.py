"""How much one sender puts on other people's screens: budgets by account, address, and room.

A budget is a token bucket that holds two seconds' worth of lines. Each 80 bytes of a line count as a line,
so bytes are limited, too. Lines that exceed any of the sender's budgets are not sent, and count against none.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from cletus.contrib.addresses import customer_of, origin_of
from cletus.storage import TempStoreMixin
from cletus.text import gettext as _

#: What senders read whose lines were not sent, because of their address, account or room.
TOO_MUCH: Final = _("Too many lines come from your address. That one was not sent.")
TOO_MUCH_OF_ACCOUNT: Final = _("You send too many lines. That one was not sent.")
TOO_MUCH_IN_ROOM: Final = _("Too many lines are sent here. That one was not sent.")

#: Bytes of a line that count as a line: what fills a row of a terminal.
ROW: Final = 80

#: Seconds in which an unused budget is full again.
_BURST: Final = 2.0

#: Budgets that are remembered for a service; those that were not used for longest are full again.
_BUDGETS_MAX: Final = 20_000

#: Service to budget to the lines that are left, and when that was so. The latest used come last.
_levels: WeakKeyDictionary[Any, dict[Hashable, tuple[float, float]]] = WeakKeyDictionary()


class _Budget(NamedTuple):
    """A budget that a line counts against.

    Attributes:
        key: which one.
        rate: lines a second; 0 for no limit.
        refusal: what the sender reads when it is used up.
        reserve: lines that must be left to others.
    """

    key: Hashable
    rate: float
    refusal: str
    reserve: float = 0.0


def spend(sender: Any, lines: tuple[object, ...], room: Any = None) -> str:
    """Count these lines against the sender's budgets.

    Guests and newcomers of one address share a smaller budget, and leave half of a room's to others.

    Args:
        sender: a user. Characters of the game, who have no address, have no budget.
        lines: as they will be written.
        room: the room, channel or person that they are written to; ``None`` for the whole service.

    Returns:
        Why the lines may not be sent, as a sentence for the sender; empty if they may.
    """
    client, service = getattr(sender, "client", None), getattr(sender, "service", None)
    origin = getattr(sender, "origin", "") or (origin_of(client.address) if client else "")
    if not origin or service is None:
        return ""
    origin = customer_of(origin)
    rows = sum(1 + len(str(line).encode("utf-8", "replace")) // ROW for line in lines)
    levels = _levels.setdefault(service, {})
    now = float(service.clock.seconds())
    spent: dict[Hashable, tuple[float, float]] = {}
    for budget in _budgets(sender, origin, room, service.settings):
        full = budget.rate * _BURST
        left, then = levels.get(budget.key, (full, now))
        left = min(full, left + max(0.0, now - then) * budget.rate)
        if left - budget.reserve < min(full - budget.reserve, rows):
            _remember(levels, {budget.key: (left, now)})
            return budget.refusal
        spent[budget.key] = (left - rows, now)  # below 0 after a line that is longer than all of it
    _remember(levels, spent)
    return ""


def _remember(
    levels: dict[Hashable, tuple[float, float]], changed: dict[Hashable, tuple[float, float]]
) -> None:
    for key, level in changed.items():
        levels.pop(key, None)  # so that it comes last
        levels[key] = level
    while len(levels) > _BUDGETS_MAX:
        del levels[next(iter(levels))]


def is_newcomer(user: Any) -> bool:
    """Whether a user is a guest, or has a new account (``users_newcomer_time``)."""
    return isinstance(user, TempStoreMixin) or bool(getattr(user, "is_newcomer", False))


def _budgets(sender: Any, origin: str, room: Any, settings: Any) -> list[_Budget]:
    is_new = is_newcomer(sender)
    in_room = settings.screen_lines_per_room
    budgets = [
        _Budget(("address", origin), settings.screen_lines_per_address, TOO_MUCH),
        _Budget(("room", _key_of(room)), in_room, TOO_MUCH_IN_ROOM, in_room if is_new else 0.0),
    ]
    if is_new:
        newcomers = settings.screen_lines_of_newcomers
        budgets.append(_Budget(("newcomers", origin), newcomers, TOO_MUCH))
    else:
        account = ("account", _key_of(sender))
        budgets.append(_Budget(account, settings.screen_lines_per_account, TOO_MUCH_OF_ACCOUNT))
    return [budget for budget in budgets if budget.rate > 0]


def _key_of(obj: Any) -> Hashable:
    """What an object is known by across reloads."""
    return None if obj is None else (type(obj).__name__, getattr(obj, "key", id(obj)))
