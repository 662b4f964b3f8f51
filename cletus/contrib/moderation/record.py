"""The record: which moderator did what to whom, and why."""

from __future__ import annotations

from typing import Any, ClassVar, TypedDict

from cletus.contrib.dates import local
from cletus.contrib.saving import save_for
from cletus.contrib.users.admin import CONSOLE
from cletus.contrib.users.events import Moderated
from cletus.storage import Field, Store
from cletus.text import gettext as _

#: After the key of an account that was deleted, in the store.
_DELETED = " (deleted)"


class Entry(TypedDict):
    """One act. A plain dict, which survives any reload.

    Attributes:
        at: seconds since the epoch, by the service's clock.
        action: such as ``banned``.
        target: the key of an account or guest, or an address or network.
        by: the key of the moderator, or what else has done it.
        until: when it ends, in seconds since the epoch; ``None`` if it does not end by itself.
        reason: as the moderator gave it.
    """

    at: float
    action: str
    target: str
    by: str
    until: float | None
    reason: str


class BaseRecord(Store):
    """The store of the record, which has one object.

    Attributes:
        entries: the latest acts, oldest first.
    """

    abstract = True
    #: How many acts are kept. Our choice; the audit log has all of them.
    entries_max: ClassVar[int] = 1000

    entries: Field[list[Entry]] = Field(list, type=list[Entry])

    def note(self, event: Moderated, now: float) -> None:
        """Add an act, and save it soon."""
        entry = Entry(
            at=now,
            action=event.action,
            target=event.target,
            by=event.by,
            until=event.until,
            reason=event.reason,
        )
        self.entries = [*self.entries, entry][-self.entries_max :]
        save_for(self)

    def about(self, target: str = "") -> list[Entry]:
        """What was done to somebody, or by them, oldest first; without a target, everything.

        Args:
            target: a key, address or network.
        """
        return [
            entry
            for entry in self.entries
            if not target or target in (entry["target"], entry["by"])
        ]

    @classmethod
    def forget_user(cls, key: str) -> None:
        """Called when an account is deleted: the next account of its name begins without a record."""
        for record in cls.manager.all().values():
            if any(key in (entry["target"], entry["by"]) for entry in record.entries):
                record.entries = [_without(entry, key) for entry in record.entries]
                save_for(record)


def entry_text(entry: Entry, reader: Any = None) -> str:
    """An act as somebody reads it, with times in their zone."""
    until: str = ""
    if entry["until"] is not None:
        until = _(" until {time}", time=f"{local(entry['until'], reader):%Y-%m-%d %H:%M %Z}")
    return _(
        "{at} {target} was {action} by {by}{until}{reason}",
        at=f"{local(entry['at'], reader):%Y-%m-%d %H:%M}",
        target=_party(entry["target"]),
        action=_(entry["action"]),
        by=_party(entry["by"]),
        until=until,
        reason=f": {entry['reason']}" if entry["reason"] else "",
    )


def _party(key: str) -> str:
    if key.endswith(_DELETED):
        return _("{key} (deleted)", key=key.removesuffix(_DELETED))
    return _(key) if key == CONSOLE else key


def _without(entry: Entry, key: str) -> Entry:
    return {
        **entry,
        "target": key + _DELETED if entry["target"] == key else entry["target"],
        "by": key + _DELETED if entry["by"] == key else entry["by"],
    }
