"""Finding users, and finding out who has a name that looks like another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from cletus.contrib.users.confusables import looks
from cletus.errors import InvalidKey, NotSaved
from cletus.storage import Manager
from cletus.storage.keys import normalise

if TYPE_CHECKING:
    from cletus.contrib.users.user import BaseUser

U = TypeVar("U", bound="BaseUser")

Looks = dict[str, set[str]]


class UserManager(Manager[U]):
    """The manager of a store of users, whose key is the name in lower case.

    Users of a store that is derived from this one, such as guests, are found here as well.
    """

    _looks: Looks | None = None

    def get_by_username(self, name: str) -> U | None:
        """The user of this name, online or saved; ``None`` if there is none.

        Args:
            name: in any case; what cannot be a name is nobody's name.
        """
        found = self.get(name.strip())
        return found if found is not None else self.get_active_by_name(name)

    def get_active_by_name(self, name: str) -> U | None:
        """The user of this name if they are online, else ``None``."""
        try:
            key = normalise(name.strip())
        except InvalidKey:
            return None
        for manager in self._family():
            user: U | None = manager.get_active(key)
            if user is not None and user.is_online:
                return user
        return None

    def online(self) -> list[U]:
        """Everybody who is online, in the order of their logging in; guests come last."""
        return [
            user
            for manager in self._family()
            for user in manager.active().values()
            if user.is_online
        ]

    def peek(self, name: str) -> U | None:
        """The user of this name, without making them active: for who only wants to know.

        Raises:
            UnreadableStore, StoreIOError: as ``get`` does.
        """
        try:
            key = normalise(name.strip())
            user = self._active.get(key)
            return self._fetch(key) if user is None else user
        except (InvalidKey, NotSaved):
            return None

    # -- looks of names -------------------------------------------------------------------------

    @property
    def knows_looks(self) -> bool:
        """Whether ``like`` knows all saved names yet."""
        return self._looks is not None

    def learn_looks(self, found: Looks) -> None:
        """For ``looks_of``: the looks of all saved names."""
        self._looks = found
        for key in self._active:
            self._note_looks(key)

    def like(self, name: str) -> str | None:
        """The key of another user, active or saved, whose name looks like this one; else ``None``.

        ``knows_looks`` must be true.
        """
        assert self._looks is not None  # noqa: S101 - the docstring says so
        keys = {key for look in looks(name) for key in self._looks.get(look, ())}
        for key in sorted(keys - {name.lower()}):
            if key in self._active or self._is_saved(key):
                return key
            self._forget_looks(key)
        return None

    def add_active(self, obj: U) -> None:
        """As every manager's."""
        super().add_active(obj)
        self._note_looks(obj.key)

    # -- inside ---------------------------------------------------------------------------------

    def _note_looks(self, key: str) -> None:
        if self._looks is not None:
            for look in looks(key):
                self._looks.setdefault(look, set()).add(key)

    def _forget_looks(self, key: str) -> None:
        for look in looks(key):
            (self._looks or {}).get(look, set()).discard(key)

    def _family(self) -> list[UserManager[Any]]:
        """This manager, and those of stores that are derived from its own."""
        current: Any = self.store_cls.session.current.stores
        derived = [
            each.manager
            for each in current.values()
            if each is not self.store_cls and issubclass(each, self.store_cls)
        ]
        return [self, *derived]


def looks_of(keys: Iterable[str]) -> Looks:
    """The looks of all these names. It may take a second for 100,000, so do it in a thread."""
    found: Looks = {}
    for key in keys:
        for look in looks(key):
            found.setdefault(look, set()).add(key)
    return found
