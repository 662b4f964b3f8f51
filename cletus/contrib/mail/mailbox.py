"""Mailboxes: each user has one, under the key of the user."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar, NotRequired, TypedDict, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from wcwidth import clip, ljust, width

from cletus.contrib.audience import hush_of
from cletus.contrib.budgets import is_newcomer
from cletus.contrib.dates import local
from cletus.contrib.quoting import quoted
from cletus.contrib.saving import save_for
from cletus.errors import NotSaved, Refused
from cletus.storage import Field, Manager, Store, TempStoreMixin
from cletus.text import gettext as _
from cletus.text import ngettext

M = TypeVar("M", bound="BaseMailbox")


class MailboxManager(Manager[M]):
    """The manager of a store of mailboxes."""

    def of(self, user: Any) -> M:
        """The mailbox of a user; a new one if they have none.

        Raises:
            StorageError: the saved mailbox cannot be read.
        """
        box = self.get(user.key)
        if box is None:
            return self.store_cls(user.key)
        box.apply_read_marks()
        return box

    def send(self, to: Any, *, sender: Any, text: str, subject: str = "") -> Deferred[None]:
        """Put a letter into a user's mailbox, and tell them when it is saved, if they are online.

        Args:
            to: the recipient, online or not.
            sender: the user who sends it.
            text: may have several lines.
            subject: one line; may be empty.

        Returns:
            A Deferred that fires when the letter is saved. It fails with what ``save`` raises.

        Raises:
            Refused: the letter is empty or too long, the mailbox is full, the recipient ignores the
                sender, or the sender was hushed.
            StorageError: the mailbox cannot be read.
        """
        ignores = getattr(to, "ignores", None)
        if ignores is not None and ignores(sender):
            raise Refused(_("{to} takes no mail from you.", to=to))
        if hush_of(sender):
            raise Refused(hush_of(sender))
        box = self.of(to)
        try:
            if is_newcomer(sender) and len(box.letters) >= box.letters_max // 2:
                raise box.is_full()
            box.put(str(sender), text, subject, sender_key=sender.key)
        except Refused:
            self.release(to)
            raise
        letter = box.letters[-1]
        saved: Deferred[None] = box.save_soon()
        return saved.addCallbacks(
            partial(_delivered, box, to, str(sender)), partial(_take_back, box, letter)
        )

    def release(self, user: Any) -> None:
        """Drop the mailbox of an offline user from memory. Call this when they log out."""
        box = self.active().get(user.key)
        if box is not None and getattr(user, "client", None) is None:
            self.remove_active(box)
            marks = box.read_marks.manager.get_active(user.key)
            if marks is not None:
                box.read_marks.manager.remove_active(marks)


def _delivered(box: BaseMailbox, to: Any, sender: str, _saved: object) -> None:
    to.write(_("You have mail from {sender}.", sender=sender))
    # The manager is looked up now: a reload since then gives the box another.
    type(box).manager.release(to)


def _take_back(box: BaseMailbox, letter: Letter, failure: Failure) -> Failure:
    """Remove a letter that could not be saved: its sender is told, and will send it again.

    The mailbox is saved without it, for otherwise the text with the letter would be tried again, and
    there would be two when the sender has sent it again.
    """
    if letter in box.letters:
        box.letters.remove(letter)
        box.save_soon().addErrback(lambda _: None)  # it has the same trouble, and is tried again
    return failure


WIDTH = 79


class Letter(TypedDict):
    """One letter. A plain dict, which survives any reload.

    Attributes:
        sender: the name of the sender at that time.
        sent: seconds since the epoch, by the service's clock.
        subject: one line; may be empty.
        text: may have several lines.
        read: whether it has been read.
        sender_key: the key of the sender, whose name may change; letters of older versions have none.
    """

    sender: str
    sent: float
    subject: str
    text: str
    read: bool
    sender_key: NotRequired[str]


class BaseReadMarks(Store):
    """Which letters of a mailbox have been read since it was saved last.

    A mailbox with a hundred letters is large; so that reading one writes little, it writes this.

    Attributes:
        read: what ``_id`` returns for these letters.
    """

    abstract = True
    read: Field[set[str]] = Field(set, type=set[str])


class BaseMailbox(Store):
    """The base of an application's ``Mailbox`` store.

    Letters are numbered from 1, oldest first.

    Attributes:
        letters: all letters, oldest first.
    """

    abstract = True
    manager: ClassVar[MailboxManager[Any]] = MailboxManager()
    #: Maximum number of letters in one mailbox; guests and newcomers can fill half of it. Our choice.
    letters_max: ClassVar[int] = 100
    #: Maximum number of unread letters of one sender, so that nobody can fill a mailbox alone. Our choice.
    unread_max: ClassVar[int] = 20
    #: Maximum number of characters of one letter.
    text_max: ClassVar[int] = 10_000
    #: Maximum number of characters of its subject; the rest is cut.
    subject_max: ClassVar[int] = 60

    letters: Field[list[Letter]] = Field(list, type=list[Letter])
    #: The store of read marks that belongs to this store.
    read_marks: ClassVar[type[BaseReadMarks]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.abstract:
            bases = (TempStoreMixin,) if issubclass(cls, TempStoreMixin) else ()
            body = {"service": cls.service, "__module__": cls.__module__}
            cls.read_marks = type(f"{cls.__name__}ReadMarks", (*bases, BaseReadMarks), body)

    @classmethod
    def forget_user(cls, key: str) -> None:
        """Called when an account is deleted: its mailbox is deleted, too."""
        for manager in (cls.manager, cls.read_marks.manager):
            with suppress(NotSaved):  # they had none
                manager.delete(key)

    def apply_read_marks(self) -> None:
        """Mark the letters as read that were read since the mailbox was saved."""
        marks = self.read_marks.manager.get(self.key)
        read = set() if marks is None else marks.read
        for letter in self.letters if read else ():
            letter["read"] = letter["read"] or _id(letter) in read

    def put(self, sender: str, text: str, subject: str = "", *, sender_key: str = "") -> None:
        """Add a letter. The caller saves, as ``manager.send`` does.

        Args:
            sender: the name of the sender.
            text: may have several lines.
            subject: one line; may be empty.
            sender_key: the key of the sender, by which their unread letters are counted; by default
                they are counted by name.

        Raises:
            Refused: it is empty or too long, the mailbox is full, or too many letters of that sender
                are unread.
        """
        if not text.strip():
            raise Refused(_("The letter is empty."))
        if len(text) > self.text_max:
            raise Refused(
                _("A letter can have at most {text_max} characters.", text_max=self.text_max)
            )
        if len(self.letters) >= self.letters_max:
            raise self.is_full()
        unread = [letter for letter in self.letters if not letter["read"]]
        waiting = sum(_account(letter) == (sender_key or sender) for letter in unread)
        if waiting >= self.unread_max:
            raise Refused(
                _(
                    "{count} of your letters have not been read yet. Wait until they are.",
                    count=waiting,
                )
            )
        self.letters.append(
            Letter(
                sender=sender,
                sent=self.service.clock.now(),
                subject=" ".join(subject.split())[: self.subject_max],
                text=text,
                read=False,
                sender_key=sender_key,
            )
        )

    def is_full(self) -> Refused:
        """What a sender is told whose letter has no room."""
        return Refused(_("The mailbox of {owner} is full.", owner=self.key))

    @property
    def unread(self) -> int:
        """The number of unread letters."""
        return sum(not letter["read"] for letter in self.letters)

    def summary(self) -> str:
        """``You have 2 new letters.``; empty if there are none."""
        count = self.unread
        if not count:
            return ""
        return ngettext("You have a new letter.", "You have {count} new letters.", count)

    def listing(self, reader: Any = None) -> list[str]:
        """The letters, one line of at most 79 columns each, with dates in the time zone of the reader."""
        if not self.letters:
            return [_("Your mailbox is empty.")]
        return [self._line(number, letter, reader) for number, letter in enumerate(self.letters, 1)]

    def read(self, number: int, reader: Any = None) -> list[object]:
        """Mark a letter as read, save the mark soon, and return the letter as lines.

        Args:
            number: of the letter, from 1.
            reader: a user, in whose time zone its date is shown.

        Raises:
            Refused: there is no such letter.
        """
        letter = self.letter(number)
        if not letter["read"]:
            letter["read"] = True
            self._save_read_mark(letter)
        lines: list[object] = [
            _(
                "From {sender}, {date}",
                sender=letter["sender"],
                date=self._date(letter, reader, "%Y-%m-%d %H:%M"),
            )
        ]
        if letter["subject"]:
            lines.append(_("Subject: {subject}", subject=letter["subject"]))
        lines.append("")
        return [*lines, *quoted(letter["text"])]

    def discard(self, number: int) -> None:
        """Delete a letter. The caller saves.

        Raises:
            Refused: there is no such letter.
        """
        self.letter(number)
        del self.letters[number - 1]

    def letter(self, number: int) -> Letter:
        """The letter of this number.

        Raises:
            Refused: there is no such letter.
        """
        if not 1 <= number <= len(self.letters):
            raise Refused(_("There is no letter {number}.", number=number))
        return self.letters[number - 1]

    # -- inside -----------------------------------------------------------------------------

    def _save_read_mark(self, letter: Letter) -> None:
        saved = self.read_marks.manager.get(self.key)
        marks = self.read_marks(self.key) if saved is None else saved
        marks.read = {*marks.read, _id(letter)} & set(map(_id, self.letters))
        save_for(marks)

    def _line(self, number: int, letter: Letter, reader: Any) -> str:
        about = letter["subject"] or letter["text"].strip().split("\n")[0]
        new = "  " if letter["read"] else "* "
        date = self._date(letter, reader, "%Y-%m-%d")
        line = f"{number:>3} {new}{ljust(letter['sender'], 20)} {date}  {about}"
        return line if width(line) <= WIDTH else clip(line, 0, WIDTH - 3) + "..."

    def _date(self, letter: Letter, reader: Any, form: str) -> str:
        """When it was sent; now, if that lies in the future: the machine's clock was ahead then."""
        sent = min(letter["sent"], self.service.clock.now())
        return f"{local(sent, reader):{form}}"


def _id(letter: Letter) -> str:
    """What tells a letter from the others of its mailbox."""
    parts = (letter["sent"], _account(letter), letter["subject"], letter["text"])
    return hashlib.blake2b(repr(parts).encode("utf-8", "replace"), digest_size=8).hexdigest()


def _account(letter: Letter) -> str:
    return letter.get("sender_key") or letter["sender"]
