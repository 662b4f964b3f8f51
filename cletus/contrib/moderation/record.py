"""The record: which moderator did what to whom, and why."""

from __future__ import annotations

from typing import Any, ClassVar, TypedDict

from cletus.contrib.dates import local
from cletus.contrib.saving import save_for
from cletus.contrib.users.events import Moderated
from cletus.storage import Field, Store


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
    until, reason = "", ""
    if entry["until"] is not None:
        until = f" until {local(entry['until'], reader):%Y-%m-%d %H:%M %Z}"
    if entry["reason"]:
        reason = f": {entry['reason']}"
    at = f"{local(entry['at'], reader):%Y-%m-%d %H:%M}"
    return f"{at} {entry['target']} was {entry['action']} by {entry['by']}{until}{reason}"


def _without(entry: Entry, key: str) -> Entry:
    return {
        **entry,
        "target": f"{key} (deleted)" if entry["target"] == key else entry["target"],
        "by": f"{key} (deleted)" if entry["by"] == key else entry["by"],
    }
