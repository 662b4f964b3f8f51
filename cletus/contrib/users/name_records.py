"""Names that belong to an account although its key is another one, or that belonged to a deleted account.

The key of an account is the name that it was created with. Somebody who has been renamed is found by the
new name through an alias; the old name stays theirs, too.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from cletus.contrib.dates import not_after
from cletus.contrib.saving import save_for
from cletus.errors import InvalidKey, StorageError
from cletus.storage import Field, Store
from cletus.storage.keys import normalise


class BaseAlias(Store):
    """A name of an account that is not its key.

    Attributes:
        user: the key of the account.
    """

    abstract = True
    user: Field[str] = Field("")


class BaseDeletedAccount(Store):
    """Says that an account of this key was deleted, and when.

    Attributes:
        at: when it was deleted. What others have stored about the key before that time was about
            somebody else than the present owner of the name.
    """

    abstract = True
    at: Field[datetime | None] = Field(type=datetime)


class NameRecords:
    """The aliases and deleted accounts of a service.

    Args:
        alias: the store class of aliases.
        deleted: the store class of deleted accounts.
        now: returns the current time, with its zone.
    """

    def __init__(
        self,
        alias: type[BaseAlias],
        deleted: type[BaseDeletedAccount],
        now: Callable[[], datetime],
    ) -> None:
        self._alias = alias
        self._deleted = deleted
        self._now = now

    def load(self) -> None:
        """Make all aliases active, so that looking one up reads no file."""
        saved = self._alias.manager.keys()
        for key in saved:
            try:
                self._alias.manager.get(key)
            except StorageError:
                continue  # it has been logged, and hinders no other

    def aliases(self) -> dict[str, str]:
        """All aliases, and the keys of their accounts. An alias of a name that was given up is among them."""
        return {name: alias.user for name, alias in self._alias.manager.active().items()}

    def key_of(self, name: str) -> str | None:
        """The key of the account that has this name as an alias, or ``None``."""
        try:
            alias = self._alias.manager.get_active(normalise(name.strip()))
        except InvalidKey:
            return None
        return None if alias is None else alias.user

    def note_name(self, user: Any) -> None:
        """Record the name of a user who is being saved, if it is not their key."""
        try:
            name = normalise(user.name or user.key)
        except InvalidKey:
            return  # not a name that anybody could type
        alias = self._alias.manager.get_active(name)
        if name == user.key or (alias is not None and alias.user == user.key):
            return
        alias = self._alias(name) if alias is None else alias
        alias.user = user.key
        save_for(alias)

    def note_deleted(self, key: str) -> None:
        """Record that the account of this key was deleted, and forget its aliases."""
        for alias in self._alias.manager.active().values():
            if alias.user == key:
                alias.delete()
        record = self._deleted.manager.get(key)
        record = self._deleted(key) if record is None else record
        record.at = self._now()
        save_for(record)

    def deleted_at(self, key: str) -> datetime | None:
        """When an account of this key was deleted last; ``None`` for never."""
        try:
            record = self._deleted.manager.get(key)
        except (InvalidKey, StorageError):
            return None
        return None if record is None or record.at is None else not_after(record.at, self._now())
