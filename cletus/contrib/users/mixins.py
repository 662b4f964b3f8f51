"""Small mixins for users: when they were last seen, whether they are away, whom they ignore."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from cletus.contrib.addresses import origin_of
from cletus.contrib.dates import not_after, with_zone
from cletus.storage import Field, TempStoreMixin
from cletus.text import gettext as _
from cletus.text import ngettext

#: Origins that are remembered for each user. Our choice.
ORIGINS_MAX = 10

#: Users that one user can ignore. Our choice; the list is kept in memory and in one file.
IGNORED_MAX = 200


class SeenMixin:
    """Records when a user was here, and from where.

    Attributes:
        created: when the account was created.
        last_login: when they last logged in.
        last_seen: when they last logged out, or lost their link.
        visits: how often they have logged in.
        origins: where they have logged in from, the latest last. These are digests: those who read the
            file does not learn the addresses.
    """

    key: str
    users: ClassVar[Any]
    created: Field[datetime | None] = Field(type=datetime)
    last_login: Field[datetime | None] = Field(type=datetime)
    last_seen: Field[datetime | None] = Field(type=datetime)
    visits: Field[int] = Field(0)
    origins: Field[list[str]] = Field(list, renamed_from="places")

    def note_login(self, now: datetime, origin: str) -> None:
        """Record a login; the caller saves."""
        self.created = not_after(self.created or now, now)
        self.last_login = now
        self.visits += 1
        digest = self._digest(origin)
        self.origins = [*(known for known in self.origins if known != digest), digest]
        del self.origins[:-ORIGINS_MAX]

    def has_logged_in_from(self, origin: str) -> bool:
        """Whether they have logged in from this origin before."""
        return self._digest(origin) in self.origins

    @property
    def is_newcomer(self) -> bool:
        """Whether the account is newer than the setting ``users_newcomer_time``."""
        users = getattr(self, "users", None)
        if users is None or self.created is None:
            return False
        now = users.now()
        age = (now - not_after(self.created, now)).total_seconds()
        return bool(age < users.service.settings.users_newcomer_time)

    def _digest(self, origin: str) -> str:
        return digest_of(f"{self.key} {origin}")


def digest_of(text: str) -> str:
    """A short digest, for addresses that must not be readable in files."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def ago(then: datetime | None, now: datetime) -> str:
    """How long ago that was, in words: ``3 days ago``, ``just now``; ``never`` for ``None``."""
    if then is None:
        return _("never")
    seconds = (now - with_zone(then)).total_seconds()
    if seconds >= 86400:
        return ngettext("{count} day ago", "{count} days ago", int(seconds // 86400))
    if seconds >= 3600:
        return ngettext("{count} hour ago", "{count} hours ago", int(seconds // 3600))
    if seconds >= 60:
        return ngettext("{count} minute ago", "{count} minutes ago", int(seconds // 60))
    return _("just now")


class AwayMixin:
    """Lets a user say that they are away.

    Attributes:
        away: their message, which may be empty; ``None`` while they are not away. It lasts for this
            run of the service.
    """

    away: Field[str | None] = Field(session=True, type=str)

    @property
    def is_away(self) -> bool:
        """Whether they have said that they are away."""
        return self.away is not None

    def go_away(self, message: str = "") -> None:
        """Mark them as away."""
        self.away = message.strip()

    def come_back(self) -> bool:
        """Mark them as back; whether they were away."""
        was_away, self.away = self.is_away, None
        return was_away

    def away_text(self) -> str:
        """``away: lunch``, ``away`` without a message, or an empty string if they are not away."""
        if self.away is None:
            return ""
        return _("away: {message}", message=self.away) if self.away else _("away")


class IgnoringMixin:
    """Gives a user a list of users whom they ignore.

    To ignore a guest is to ignore all guests of their address, since the names of guests are reused.

    Attributes:
        ignored: what ``identity_of`` returns for these users.
    """

    key: str
    manager: ClassVar[Any]
    ignored: Field[set[str]] = Field(set, type=set[str])

    def ignore(self, other: Any) -> bool:
        """Ignore this user from now on; the caller saves.

        Returns:
            False if that is themselves, or the list is full.
        """
        if other is self or other.key == self.key or len(self.ignored) >= IGNORED_MAX:
            return False
        self.ignored = {*self.ignored, identity_of(other)}
        return True

    def unignore(self, other: Any) -> None:
        """Stop ignoring this user; the caller saves."""
        self.ignored = self.ignored - {identity_of(other)}

    @classmethod
    def forget_user(cls, key: str) -> None:
        """Called when an account is deleted: nobody who is active ignores it any more.

        Users who are not active forget it when they log in (``forget_deleted``).
        """
        for user in cls.manager.active().values():
            user.ignored = user.ignored - {key}

    def forget_deleted(self, deleted_at: Callable[[str], datetime | None]) -> None:
        """Stop ignoring accounts that were deleted since these keys were added.

        Args:
            deleted_at: when the account of a key was deleted last, or ``None``.
        """
        last_login: datetime | None = getattr(self, "last_login", None)
        for key in self.ignored:
            at = deleted_at(key)
            if at is not None and (last_login is None or with_zone(at) > with_zone(last_login)):
                self.ignored = self.ignored - {key}

    def ignores(self, other: Any) -> bool:
        """Whether they ignore this user; ``None`` is never ignored."""
        if other is None or not self.ignored:
            return False
        return other is not self and identity_of(other) in self.ignored


def identity_of(user: Any) -> str:
    """What a user is ignored by: the key of an account, and a digest of the address of a guest."""
    is_guest = isinstance(user, TempStoreMixin)
    if not is_guest:
        return str(user.key)
    client = getattr(user, "client", None)
    origin = getattr(user, "origin", "") or (origin_of(client.address) if client else "")
    return f"guest {digest_of(origin)}" if origin else str(user.key)
