"""Boards: threads of messages that stay until somebody removes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, TypedDict

from cletus.contrib.audience import client_of, ignores, write_users
from cletus.contrib.budgets import is_newcomer
from cletus.contrib.dates import local
from cletus.contrib.loading import load_at_start
from cletus.contrib.menus import table
from cletus.contrib.permissions import has_permission
from cletus.contrib.quoting import quoted
from cletus.contrib.saving import save_for
from cletus.errors import Refused
from cletus.events import Event
from cletus.storage import Field, Store
from cletus.text import gettext as _


class Message(TypedDict):
    """One message. A plain dict, which survives any reload.

    Attributes:
        author: the name of the author at that time.
        author_key: the key of the author; empty if the account was deleted.
        sent: seconds since the epoch, by the service's clock.
        text: may have several lines.
    """

    author: str
    author_key: str
    sent: float
    text: str


@dataclass(frozen=True, slots=True)
class Posted(Event):
    """Somebody has written on a board.

    Attributes:
        user: the author.
        board: the board.
        thread: the thread; a new one has one message.
    """

    user: Any
    board: Any
    thread: Any


class BoardReaderMixin:
    """Remembers what a user has read.

    Attributes:
        messages_read: key of a thread to how many of its messages they have read.
    """

    messages_read: Field[dict[str, int]] = Field(dict, type=dict[str, int])


class BaseThread(Store):
    """The base of an application's ``Thread`` store. All threads are active while the service runs.

    Attributes:
        board: the key of its board.
        title: one line.
        messages: oldest first.
    """

    abstract = True

    board: Field[str] = Field("")
    title: Field[str] = Field("")
    messages: Field[list[Message]] = Field(list, type=list[Message])

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.abstract:
            load_at_start(cls)

    def __str__(self) -> str:
        return self.title or self.key

    @classmethod
    def forget_user(cls, key: str) -> None:
        """Called when an account is deleted: its messages stay, but are no longer of that account."""
        for thread in cls.manager.active().values():
            own = [message for message in thread.messages if message["author_key"] == key]
            for message in own:
                message["author_key"] = ""
            if own:
                save_for(thread)


class BaseBoard(Store):
    """The base of an application's ``Board`` store. All boards are active while the service runs.

    Attributes:
        name: as it is shown; by default the key.
        description: one line.
        reading, writing: the permission that somebody needs; empty for none. News is a board with a
            permission for writing.
        moderating: the permission of those who may remove every thread.
        posted: the number of the latest thread, also of those that were removed.
    """

    abstract = True
    #: The store of the threads, by its name.
    thread_store: ClassVar[str] = "thread"
    #: Maximum number of threads on a board; guests and newcomers can fill half of it. Our choice.
    threads_max: ClassVar[int] = 200
    #: Maximum number of threads of one author on a board that is half full, and that everybody may write on,
    #: so that nobody can fill it alone. Our choice.
    own_max: ClassVar[int] = 20
    #: Maximum number of messages in a thread. Our choice.
    messages_max: ClassVar[int] = 100
    #: Maximum number of characters of a message.
    text_max: ClassVar[int] = 10_000
    #: Maximum number of characters of a title; the rest is cut.
    title_max: ClassVar[int] = 60

    name: Field[str] = Field("")
    description: Field[str] = Field("")
    reading: Field[str] = Field("")
    writing: Field[str] = Field("")
    moderating: Field[str] = Field("boards")
    posted: Field[int] = Field(0)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.abstract:
            load_at_start(cls)

    def __str__(self) -> str:
        return self.name or self.key

    # -- to override ------------------------------------------------------------------------

    def may_read(self, user: Any) -> bool:
        """Whether the board exists for them."""
        return not self.reading or has_permission(user, self.reading)

    def may_write(self, user: Any) -> bool:
        """Whether they may write on it."""
        return self.may_read(user) and (not self.writing or has_permission(user, self.writing))

    def everybody(self) -> Iterable[Any]:
        """Who is told of a new message; by default all who are connected."""
        return [client.user for client in self.service.clients if client.user is not None]

    # -- reading ----------------------------------------------------------------------------

    @property
    def threads(self) -> list[Any]:
        """Its threads, oldest first."""
        threads = [
            thread for thread in self._threads.manager.active().values() if thread.board == self.key
        ]
        return sorted(threads, key=lambda thread: (thread.messages[0]["sent"], thread.key))

    def thread(self, number: int) -> Any:
        """The thread of this number, from 1.

        Raises:
            Refused: there is none.
        """
        threads = self.threads
        if not 1 <= number <= len(threads):
            raise Refused(_("There is no thread {number} on {board}.", number=number, board=self))
        return threads[number - 1]

    def unread(self, user: Any) -> int:
        """How many messages they have not read."""
        return sum(_unread(user, thread) for thread in self.threads)

    def listing(self, user: Any) -> list[object]:
        """The threads, for somebody."""
        rows = [
            (
                number,
                _unread(user, thread) or "",
                thread.title,
                thread.messages[0]["author"],
                self._date(thread.messages[-1], user, "%Y-%m-%d"),
            )
            for number, thread in enumerate(self.threads, 1)
        ]
        if not rows:
            return [_("Nothing has been written on {board} yet.", board=self)]
        return table(
            (_("Number"), _("New"), _("Title"), _("Author"), _("Latest")), rows, client_of(user)
        )

    def read(self, user: Any, number: int) -> list[object]:
        """The messages of a thread as lines, which count as read from now on. The caller saves the user.

        Raises:
            Refused: there is no such thread.
        """
        thread = self.thread(number)
        lines: list[object] = [f"{self}, {number}: {thread.title}"]
        for message in thread.messages:
            lines += ["", f"{message['author']}, {self._date(message, user, '%Y-%m-%d %H:%M')}"]
            if ignores(user, _Author(message["author_key"])):
                lines.append(_("(You ignore the author.)"))
                continue
            lines += quoted(message["text"])
        if hasattr(user, "messages_read"):
            existing = self._threads.manager.active()
            read = {key: count for key, count in user.messages_read.items() if key in existing}
            user.messages_read = {**read, thread.key: len(thread.messages)}
        return lines

    # -- writing ----------------------------------------------------------------------------

    def post(self, user: Any, title: str, text: str) -> Any:
        """Begin a thread, and tell those who may read it; returns the thread.

        Raises:
            Refused: they may not write here, the text is empty or too long, or the board or their share of it
                is full.
        """
        self._check(user, text)
        title = " ".join(title.split())[: self.title_max]
        if not title:
            raise Refused(_("A thread needs a title."))
        threads = self.threads
        half = self.threads_max // 2
        if len(threads) >= (max(1, half) if is_newcomer(user) else self.threads_max):
            raise Refused(_("{board} is full.", board=self))
        own = sum(thread.messages[0]["author_key"] == user.key for thread in threads)
        if len(threads) >= half and own >= self.own_max and not self.writing:
            raise Refused(_("You have {count} threads on {board}.", count=own, board=self))
        numbers = (thread.key.rpartition("-")[2] for thread in threads)
        known = [int(number) for number in numbers if number.isascii() and number.isdigit()]
        self.posted = max(self.posted, *known, 0) + 1  # a number is not used twice: it was read
        save_for(self, user)
        thread = self._threads.manager.create(
            f"{self.key}-{self.posted}",
            board=self.key,
            title=title,
            messages=[self._message(user, text)],
        )
        self._added(
            user,
            thread,
            _("{user} has written on {board}: {title}", user=user, board=self, title=title),
        )
        return thread

    def reply(self, user: Any, thread: Any, text: str) -> None:
        """Add a message to a thread.

        Raises:
            Refused: they may not write here, the text is empty or too long, or the thread is full or gone.
        """
        self._check(user, text)
        if thread.key not in self._threads.manager.active():
            raise Refused(_("That thread has been removed."))
        if len(thread.messages) >= self.messages_max:
            raise Refused(_("That thread is full. Begin another one."))
        thread.messages = [*thread.messages, self._message(user, text)]
        self._added(
            user,
            thread,
            _("{user} has answered on {board}: {title}", user=user, board=self, title=thread.title),
        )

    def remove(self, user: Any, thread: Any) -> None:
        """Remove a thread; for its author while nobody else has answered, and for moderators.

        Raises:
            Refused: they may not, or it cannot be removed.
        """
        authors = {message["author_key"] for message in thread.messages}
        if authors != {user.key} and not has_permission(user, self.moderating):
            raise Refused(_("Only moderators can remove what others have written."))
        thread.delete()

    # -- inside -----------------------------------------------------------------------------

    @property
    def _threads(self) -> Any:
        return self.service.session.find(self.thread_store)

    def _message(self, user: Any, text: str) -> Message:
        now = self.service.clock.now()
        return Message(author=str(user), author_key=user.key, sent=now, text=text.strip("\n"))

    def _check(self, user: Any, text: str) -> None:
        if not self.may_write(user):
            raise Refused(_("You may not write on {board}.", board=self))
        if not text.strip():
            raise Refused(_("The message is empty."))
        if len(text) > self.text_max:
            raise Refused(
                _("A message can have at most {text_max} characters.", text_max=self.text_max)
            )

    def _added(self, user: Any, thread: Any, text: str) -> None:
        if hasattr(user, "messages_read"):
            user.messages_read = {**user.messages_read, thread.key: len(thread.messages)}
            save_for(user)
        save_for(thread, user)
        readers = [reader for reader in self.everybody() if self.may_read(reader)]
        write_users(readers, text, exclude=user, by=user, room=self, notice=True)
        self.service.fire(Posted(self.service, user, self, thread))

    def _date(self, message: Message, reader: Any, form: str) -> str:
        """When it was sent; now, if that lies in the future: the machine's clock was ahead then."""
        sent = min(message["sent"], self.service.clock.now())
        return f"{local(sent, reader):{form}}"


@dataclass(frozen=True, slots=True)
class _Author:
    """Stands for an author who may have left, where ``ignores`` looks only at the key."""

    key: str


def _unread(user: Any, thread: Any) -> int:
    read = getattr(user, "messages_read", {}).get(thread.key, 0)
    return max(0, len(thread.messages) - int(read))
