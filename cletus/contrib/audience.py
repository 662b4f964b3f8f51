"""Write to several users at once, and leave out those who ignore the sender."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from cletus.client.client import write_all
from cletus.contrib.budgets import spend
from cletus.text import hanging


def write_users(
    users: Iterable[Any],
    *lines: object,
    exclude: Any = None,
    by: Any = None,
    room: Any = None,
    notice: bool = False,
    filter: Callable[[Any], bool] | None = None,  # noqa: A002 - as service.write_all has it
) -> bool:
    """Send whole lines to these users. The text is encoded once per encoding, not once per user.

    Lines of a sender are limited by their account, by their address, and for the room (the settings
    ``screen_lines_*``), if anybody else gets them. What is too much is not sent, and the sender is told; so
    is somebody who was hushed (``Users.hush``).

    Args:
        users: each has ``write()``, and may have a ``client``. Users whose link is lost keep the lines
            until they return.
        lines: without any, an empty line is sent.
        exclude: a user, or several, who do not get the lines.
        by: the sender; users who ignore them do not get the lines. The continuation of their words is
            indented where they are longer than a window.
        room: the room, channel or person that the lines are for; ``None`` for the whole service.
        notice: whether the lines tell what the sender does, such as leaving, and are not their words.
            Those of people who were hushed are sent.
        filter: called with each user; those for whom it is false do not get the lines.

    Returns:
        Whether the lines were sent.
    """
    excluded = _as_tuple(exclude)
    if by is not None:
        users = tuple(users)
        is_read = any(user is not by and user not in excluded for user in users)
        if not may_send(by, *lines, room=room, notice=notice, is_read=is_read):
            return False
        lines = tuple(map(hanging, lines))
    audience = [
        user
        for user in users
        if user not in excluded and not ignores(user, by) and (filter is None or filter(user))
    ]
    clients = [client_of(user) for user in audience]
    write_all((client for client in clients if client is not None), *lines)
    for user, client in zip(audience, clients, strict=True):
        if client is None:
            user.write(*lines)
    return True


def client_of(user: Any) -> Any:
    """The client of a user; ``None`` if they have none now, or never, as a character of the game."""
    return getattr(user, "client", None)


def ignores(listener: Any, speaker: Any) -> bool:
    """Whether the listener ignores the speaker. ``None`` as a speaker is never ignored."""
    check = getattr(listener, "ignores", None)
    return speaker is not None and check is not None and bool(check(speaker))


def may_send(
    sender: Any, *lines: object, room: Any = None, notice: bool = False, is_read: bool = True
) -> bool:
    """Whether the sender may put these lines on others' screens; if not, they are told why.

    The lines are counted, if anybody else reads them (``is_read``). The other arguments are as for
    ``write_users``, which asks this.
    """
    refusal = "" if notice else hush_of(sender)
    if is_read and not refusal:
        refusal = spend(sender, lines, room)
    if refusal:
        sender.write(refusal)
    return not refusal


def hush_of(speaker: Any) -> str:
    """The sentence for somebody who was hushed and may not speak; empty if they may."""
    check = getattr(speaker, "hush_text", None)
    return "" if check is None else check() or ""


def _as_tuple(users: Any) -> tuple[Any, ...]:
    if users is None:
        return ()
    return tuple(users) if isinstance(users, Iterable) else (users,)
