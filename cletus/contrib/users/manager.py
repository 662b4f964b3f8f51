"""The manager of a store of users: find a user by name, and find names that look like another."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any, TypeVar

from cletus.contrib.users.confusables import skeletons
from cletus.errors import InvalidKey, NotSaved
from cletus.storage import Manager, Store
from cletus.storage.keys import normalise

U = TypeVar("U", bound=Store)

#: Skeleton to the keys of the users whose name has it.
SkeletonIndex = dict[str, set[str]]


class UserManager(Manager[U]):
    """The manager of a store of users, whose key is the name in lower case.

    It also finds users of stores that derive from its own, such as guests.
    """

    # Skeletons are computed once for all saved names, and then kept up to date.
    _skeletons: SkeletonIndex | None = None

    def get_by_username(self, name: str) -> U | None:
        """The user of this name in any case, online or saved; ``None`` if there is none."""
        user = self.get(name.strip())
        alias = self._key_of_alias(name) if user is None else None
        if alias is not None:
            user = self.get(alias)
        return user if user is not None else self.get_active_by_name(name)

    def get_active_by_name(self, name: str) -> U | None:
        """The user of this name in any case if they are online, else ``None``."""
        try:
            key = self._key_of_alias(name) or normalise(name.strip())
        except InvalidKey:
            return None
        for manager in self._family():
            user: U | None = manager.get_active(key)
            if user is not None and _is_online(user):
                return user
        return None

    def online(self, beginning: str = "") -> list[U]:
        """All users who are online, in the order of their login; guests come last.

        Args:
            beginning: only those whose key begins so.
        """
        all_active = [manager.active() for manager in self._family()]
        if beginning:  # first: to ask each whether they are online takes longer
            all_active = [
                {key: active[key] for key in active if key.startswith(beginning)}
                for active in all_active
            ]
        return [user for active in all_active for user in active.values() if user.is_online]

    def peek(self, name: str) -> U | None:
        """The user of this name, without making them active; ``None`` if there is none.

        Raises:
            UnreadableStore, StoreIOError: as ``get`` does.
        """
        user = self._peek(name)
        if user is not None:
            return user
        alias = self._key_of_alias(name)
        return None if alias is None else self._peek(alias)

    def delete(self, key: str) -> None:
        """Delete an account, and what depends on it.

        A user who is online is disconnected first. Stores with a class method ``forget_user(key)``,
        such as mailboxes and channels, forget the user, so that a later account of the same name gets
        none of it.

        Raises:
            NotSaved, StoreIOError: as ``Manager.delete`` does.
        """
        user: Any = self.get_active(key)
        if user is not None and _is_online(user) and hasattr(user, "leave"):
            user.leave("account deleted")
        super().delete(key)
        key = normalise(key)
        for store_cls in list(self.store_cls.session.current.stores.values()):
            forget = getattr(store_cls, "forget_user", None)
            if forget is not None:
                forget(key)
        users = getattr(self.store_cls, "users", None)
        if users is not None:
            users.names.note_deleted(key)

    # -- names that look alike ------------------------------------------------------------------

    @property
    def has_skeletons(self) -> bool:
        """Whether ``set_skeletons`` has been called."""
        return self._skeletons is not None

    def set_skeletons(self, index: SkeletonIndex) -> None:
        """Set the skeletons of all saved names, as ``index_skeletons`` gives them."""
        self._skeletons = index
        for key in self._active:
            self._add_skeletons(key)
        users = getattr(self.store_cls, "users", None)
        for name, key in ({} if users is None else users.names.aliases()).items():
            self._add_skeletons(key, name)

    def lookalike_of(self, name: str, *, own: str = "") -> str | None:
        """The key of another user, active or saved, whose name looks like this one; else ``None``.

        ``has_skeletons`` must be true.

        Args:
            name: the name.
            own: the key of the user who wants the name; they may look like themselves.
        """
        assert self._skeletons is not None  # noqa: S101 - the docstring says so
        keys = {key for form in skeletons(name) for key in self._skeletons.get(form, ())}
        for key in sorted(keys - {name.lower(), own}):
            if key in self._active or self._is_saved(key):
                return key
            self._remove_skeletons(key)  # the user was deleted
        return None

    def add_active(self, obj: U) -> None:
        """As ``Manager.add_active``."""
        super().add_active(obj)
        self._add_skeletons(obj.key)

    # -- inside ---------------------------------------------------------------------------------

    def _add_skeletons(self, key: str, name: str = "") -> None:
        if self._skeletons is not None:
            for form in skeletons(name or key):
                self._skeletons.setdefault(form, set()).add(key)

    def _remove_skeletons(self, key: str) -> None:
        for form in skeletons(key):
            (self._skeletons or {}).get(form, set()).discard(key)

    def _peek(self, name: str) -> U | None:
        try:
            key = normalise(name.strip())
            user = self._active.get(key)
            return self._fetch(key) if user is None else user
        except (InvalidKey, NotSaved):
            return None

    def _key_of_alias(self, name: str) -> str | None:
        """The key of the account that has taken this name by being renamed, if it still has it."""
        users = getattr(self.store_cls, "users", None)
        key: str | None = None if users is None else users.names.key_of(name)
        user: Any = None if key is None else self._peek(key)
        return key if user is not None and _folded(user.name) == _folded(name) else None

    def _family(self) -> list[UserManager[Any]]:
        """This manager, and those of the stores that derive from its own."""
        stores: Any = self.store_cls.session.current.stores.values()
        derived = [
            store_cls.manager
            for store_cls in stores
            if store_cls is not self.store_cls and issubclass(store_cls, self.store_cls)
        ]
        return [self, *derived]


def _folded(name: str | None) -> str:
    return unicodedata.normalize("NFC", (name or "").strip()).lower()


def _is_online(user: Any) -> bool:
    return bool(user.is_online)


def index_skeletons(keys: Iterable[str]) -> SkeletonIndex:
    """Index these names by skeleton. Takes about a second for 100,000 names: call it in a thread."""
    index: SkeletonIndex = {}
    for key in keys:
        for form in skeletons(key):
            index.setdefault(form, set()).add(key)
    return index
