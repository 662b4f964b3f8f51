"""Letters for somebody who may be offline: a mailbox for each user, under the user's key."""

from __future__ import annotations

import time
from typing import Any, ClassVar, TypedDict, TypeVar

from twisted.internet.defer import Deferred
from wcwidth import clip, ljust, width, wrap

from cletus.errors import Refused
from cletus.storage import Field, Manager, Store

M = TypeVar("M", bound="BaseMailbox")


class MailboxManager(Manager[M]):
    """The manager of a store of mailboxes."""

    def of(self, user: Any) -> M:
        """The mailbox of a user, which is made if they have none.

        Raises:
            StorageError: it is saved and cannot be read.
        """
        box = self.get(user.key)
        return self.store_cls(user.key) if box is None else box

    def send(self, to: Any, *, sender: Any, text: str, subject: str = "") -> Deferred[None]:
        """Put a letter into somebody's mailbox, and tell them if they are connected.

        Args:
            to: a user, offline or not.
            sender: a user; who ignores them gets nothing from them.
            text: what it says.
            subject: a line.

        Returns:
            A Deferred that fires when the letter is safe. It fails with what ``save`` raises.

        Raises:
            Refused: it is empty or too long, the mailbox is full, or they ignore the sender.
            StorageError: the mailbox is saved and cannot be read.
        """
        ignores = getattr(to, "ignores", None)
        if ignores is not None and ignores(sender):
            raise Refused(f"{to} takes no mail from you.")
        box = self.of(to)
        try:
            box.put(str(sender), text, subject)
        except Refused:
            self.release(to)
            raise
        to.write(f"You have mail from {sender}.")
        # Asked of the box, for a reload in between gives it another class with another manager.
        return box.save_soon().addCallback(lambda _: type(box).manager.release(to))

    def release(self, user: Any) -> None:
        """Let the mailbox of somebody who is offline go from memory; call it when they log out."""
        box = self.active().get(user.key)
        if box is not None and getattr(user, "client", None) is None:
            self.remove_active(box)


WIDTH = 79


class Letter(TypedDict):
    """One letter. A plain dict, so that any reload carries it.

    Attributes:
        sender: who wrote it, as they were called then.
        sent: seconds since the epoch, by the service's clock.
        subject: a line; it may be empty.
        text: lines.
        read: whether it was.
    """

    sender: str
    sent: float
    subject: str
    text: str
    read: bool


class BaseMailbox(Store):
    """The base of an application's ``Mailbox`` store.

    Letters are numbered from 1, the oldest first, as they are listed.

    Attributes:
        letters: all of them, oldest first.
    """

    abstract = True
    manager: ClassVar[MailboxManager[Any]] = MailboxManager()
    #: Letters in one mailbox. Our choice.
    letters_max: ClassVar[int] = 100
    #: Letters of one sender that may wait to be read, so that nobody alone can fill it. Our choice.
    unread_max: ClassVar[int] = 20
    #: Characters of one letter.
    text_max: ClassVar[int] = 10_000
    #: Characters of its subject.
    subject_max: ClassVar[int] = 60

    letters: Field[list[Letter]] = Field(list, type=list[Letter])

    def put(self, sender: str, text: str, subject: str = "") -> None:
        """Add a letter. Saving is the caller's; ``manager.send`` does it.

        Raises:
            Refused: it is empty or too long, or there is no room, or too much of that sender's is unread.
        """
        if not text.strip():
            raise Refused("There is nothing in it.")
        if len(text) > self.text_max:
            raise Refused(f"A letter has {self.text_max} characters at most.")
        if len(self.letters) >= self.letters_max:
            raise Refused(f"The mailbox of {self.key} is full.")
        waiting = sum(one["sender"] == sender and not one["read"] for one in self.letters)
        if waiting >= self.unread_max:
            raise Refused(f"{waiting} letters of yours wait there; let them be read first.")
        self.letters.append(
            Letter(
                sender=sender,
                sent=self.service.clock.seconds(),
                subject=" ".join(subject.split())[: self.subject_max],
                text=text,
                read=False,
            )
        )

    @property
    def unread(self) -> int:
        """How many letters were not read yet."""
        return sum(not letter["read"] for letter in self.letters)

    def summary(self) -> str:
        """A sentence for somebody who has just come in; empty if nothing is new."""
        count = self.unread
        if not count:
            return ""
        return "You have a new letter." if count == 1 else f"You have {count} new letters."

    def listing(self) -> list[str]:
        """The letters, a line each of at most 79 columns."""
        if not self.letters:
            return ["Your mailbox is empty."]
        return [_line(number, letter) for number, letter in enumerate(self.letters, 1)]

    def read(self, number: int) -> list[str]:
        """One letter as lines; from now on it has been read. Saving is the caller's.

        Raises:
            Refused: there is no such letter.
        """
        letter = self.letter(number)
        letter["read"] = True
        lines = [f"From {letter['sender']}, {_date(letter['sent'], '%d %B %Y, %H:%M')}"]
        if letter["subject"]:
            lines.append(f"Subject: {letter['subject']}")
        lines.append("")
        for line in letter["text"].split("\n"):
            lines += wrap(line, WIDTH) or [""]
        return lines

    def discard(self, number: int) -> None:
        """Throw one letter away. Saving is the caller's.

        Raises:
            Refused: there is no such letter.
        """
        self.letter(number)
        del self.letters[number - 1]

    def letter(self, number: int) -> Letter:
        """One letter.

        Raises:
            Refused: there is no such letter.
        """
        if not 1 <= number <= len(self.letters):
            raise Refused(f"There is no letter {number}.")
        return self.letters[number - 1]


def _line(number: int, letter: Letter) -> str:
    about = letter["subject"] or letter["text"].strip().split("\n")[0]
    new = "  " if letter["read"] else "* "
    line = (
        f"{number:>3} {new}{ljust(letter['sender'], 20)} {_date(letter['sent'], '%d %b')}  {about}"
    )
    return line if width(line) <= WIDTH else clip(line, 0, WIDTH - 3) + "..."


def _date(sent: float, form: str) -> str:
    return time.strftime(form, time.gmtime(sent))
