"""Ask whether a user has a permission, whatever class of users the application has."""

from __future__ import annotations

from typing import Any

from cletus.renamed import warn


def has_permission(user: Any, permission: str) -> bool:
    """Whether ``user.has_permission(permission)`` is true. False for ``None``, and without that method."""
    check = getattr(user, "has_permission", None)
    if check is None and hasattr(
        user, "can"
    ):  # the old name, in an application's own class of users
        warn("can() of a user", "has_permission()")
        check = user.can
    return check is not None and bool(check(permission))
