"""Delivering letters, and letting mailboxes of those who are offline go from memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred

from cletus.errors import Refused
from cletus.storage import Manager

if TYPE_CHECKING:
    from cletus.contrib.mail.mailbox import BaseMailbox

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
