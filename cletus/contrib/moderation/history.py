"""The chat history: what was said lately, so that disputes can be settled. People are told that it exists."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final, TypedDict

from cletus.contrib.dates import local
from cletus.contrib.language import say_duration
from cletus.storage import Field, Store, TempStoreMixin
from cletus.text import gettext as _

#: Bytes that a line takes beside its text and names: about what its dict does.
_OVERHEAD: Final = 100


class Line(TypedDict):
    """One line that was said. A plain dict, which survives any reload.

    Attributes:
        at: seconds since the epoch, by the service's clock.
        user: the key of the speaker; empty if the account was deleted.
        name: the name of the speaker at that time.
        where: the room or channel, as it was called; for a line to one person, ``to Ann``.
        text: their words.
    """

    at: float
    user: str
    name: str
    where: str
    text: str


class BaseHistory(TempStoreMixin, Store):
    """The store of the chat history. It is in memory only: it outlasts reloads, but not the process.

    The settings ``moderation_history_bytes`` and ``moderation_history_time`` limit it; if either is 0, nothing
    is kept.

    Attributes:
        lines: the latest lines, oldest first.
        size: their bytes.
    """

    abstract = True

    lines: Field[list[Line]] = Field(list, session=True)
    size: Field[int] = Field(0, session=True)

    @property
    def is_kept(self) -> bool:
        """Whether the settings allow a history."""
        settings = self.service.settings
        return bool(settings.moderation_history_bytes and settings.moderation_history_time)

    def note(self, user: Any, where: object, text: str) -> None:
        """Keep a line that somebody has said.

        Args:
            user: the speaker.
            where: the room or channel, or ``to Ann``.
            text: their words.
        """
        if self.is_kept:
            now = self.service.clock.now()
            line = Line(at=now, user=user.key, name=str(user), where=str(where), text=text)
            self.lines.append(line)
            self.size += _size(line)
        self.prune()

    def prune(self) -> None:
        """Forget what is too old, and if there is too much, the oldest lines of those who have said most."""
        settings = self.service.settings
        now = self.service.clock.now()
        earliest = now - settings.moderation_history_time
        count = 0
        for line in self.lines:
            # A line of the future was said while the machine's clock was ahead: it is as old as it can be.
            if earliest <= line["at"] <= now:
                break
            self.size -= _size(line)
            count += 1
        del self.lines[:count]
        if self.size > settings.moderation_history_bytes:
            self._shrink(settings.moderation_history_bytes * 7 // 8)  # not with each line

    def _shrink(self, size: int) -> None:
        """Keep so many bytes, in fair shares: nobody can push out what others have said."""
        sizes: Counter[str] = Counter()
        for line in self.lines:
            sizes[line["user"]] += _size(line)
        share, left = size, size
        for number, taken in enumerate(sorted(sizes.values())):
            share = left // (len(sizes) - number)
            if taken > share:
                break
            left -= taken
        kept: list[Line] = []
        free = dict.fromkeys(sizes, share)
        for line in reversed(self.lines):
            free[line["user"]] -= _size(line)
            if free[line["user"]] >= 0:
                kept.append(line)
        self.lines = kept[::-1]
        self.size = sum(map(_size, kept))

    def find(self, words: str = "") -> list[Line]:
        """The lines of a speaker or of a room or channel, oldest first; without words, all.

        Args:
            words: the key or name of a speaker, or the name of a place, in any case.
        """
        self.prune()
        wanted = words.strip().lower()
        return [
            line
            for line in self.lines
            if not wanted or wanted in (line["user"], line["name"].lower(), line["where"].lower())
        ]

    def notice_text(self) -> str:
        """What people read at each login; empty while nothing is kept."""
        if not self.is_kept:
            return ""
        time = say_duration(self.service.settings.moderation_history_time)
        return _(
            "What is said here is kept for {time}. Moderators can read it to settle disputes.",
            time=time,
        )

    @classmethod
    def forget_user(cls, key: str) -> None:
        """Called when an account is deleted: its lines are those of nobody who has an account."""
        for history in cls.manager.active().values():
            for line in history.lines:
                if line["user"] == key:
                    line["user"] = ""


def line_text(line: Line, reader: Any = None) -> str:
    """A line as somebody reads it, with the time in their zone."""
    at = f"{local(line['at'], reader):%Y-%m-%d %H:%M:%S}"
    return f"{at} {line['where']}, {line['name']}: {line['text']}"


def _size(line: Line) -> int:
    texts = (line["user"], line["name"], line["where"], line["text"])
    return _OVERHEAD + sum(len(text.encode("utf-8", "replace")) for text in texts)
