"""Write to several users at once, and leave out those who ignore the sender."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from cletus.client.client import write_all
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
            words, their continuation is indented where they are longer than a window.
        filter: called with each user; those for whom it is false do not get the lines.
    """
    excluded = _as_tuple(exclude)
    if by is not None:
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


def _as_tuple(users: Any) -> tuple[Any, ...]:
    if users is None:
        return ()
    return tuple(users) if isinstance(users, Iterable) else (users,)
