"""Writing to several people: at once to those who are connected, and kept for those who are waited for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cletus.client.client import write_all


def write_to(people: Iterable[Any], *lines: object, exclude: Any = None, by: Any = None) -> None:
    """Write whole lines to some people; the text is encoded once, not once for each of them.

    Args:
        people: each with a ``client``, which may be ``None``, and ``write()``, which may then keep
            the lines until they are back.
        lines: whole lines.
        exclude: one of them, or several, who do not get it.
        by: from whom it is; those who ignore them (``ignores()``) do not get it.
    """
    excluded = _several(exclude)
    hearers = [one for one in people if one not in excluded and not ignores(one, by)]
    write_all((one.client for one in hearers if one.client is not None), *lines)
    for one in hearers:
        if one.client is None:
            one.write(*lines)


def _several(who: Any) -> tuple[Any, ...]:
    if who is None:
        return ()
    return tuple(who) if isinstance(who, Iterable) else (who,)


def ignores(hearer: Any, speaker: Any) -> bool:
    """Whether somebody does not want to hear somebody else; nobody (``None``) is always heard."""
    asked = getattr(hearer, "ignores", None)
    return speaker is not None and asked is not None and bool(asked(speaker))
