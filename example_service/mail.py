"""Letters, for those who are away."""

from functools import partial
from typing import ClassVar

from cletus.contrib.commands import Refused, Rest
from cletus.contrib.editor import Editor
from cletus.contrib.mail import BaseMailbox, MailboxManager
from cletus.contrib.pager import page
from cletus.events import Receive

from example_service.commands import mail
from example_service.core import service
from example_service.users import Guest, User


class Mailbox(BaseMailbox):
    """The letters of one user."""

    service = service
    manager: ClassVar[MailboxManager["Mailbox"]] = MailboxManager()


@mail.register(name="mail")
def list_(event: Receive) -> None:
    """See what mail you have."""
    page(event.client, Mailbox.manager.of(event.user).listing())


@mail.register
def read(event: Receive, number: int) -> None:
    """Read a letter."""
    box = Mailbox.manager.of(event.user)
    page(event.client, box.read(number))
    box.save_soon()


@mail.register(in_full=True)
def discard(event: Receive, number: int) -> None:
    """Throw a letter away."""
    box = Mailbox.manager.of(event.user)
    box.discard(number)
    box.save_soon()
    event.user.write(*box.listing())


@mail.register
def write(event: Receive, to: User, subject: Rest = "") -> None:
    """Write a letter to somebody, here or not."""
    if isinstance(to, Guest):
        raise Refused(f"{to} has no mailbox.")
    then = partial(send, event.user, to.key, subject)
    event.client.start_dialogue(Editor(then=then))


def send(sender: User, to: str, subject: str, text: str) -> object:
    """It is written: off it goes."""
    user = User.manager.peek(to)
    if user is None:
        raise Refused("There is nobody of that name any more.")
    return Mailbox.manager.send(
        user, sender=sender, text=text, subject=subject
    )
