"""Mail."""

from functools import partial
from typing import ClassVar

from cletus.contrib.commands import Refused, Rest
from cletus.contrib.editor import Editor
from cletus.contrib.mail import BaseMailbox, MailboxManager
from cletus.contrib.pager import page
from cletus.contrib.users import save_for
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
    """List your letters."""
    user = event.user
    page(event.client, Mailbox.manager.of(user).listing(user))


@mail.register
def read(event: Receive, number: int) -> None:
    """Read a letter."""
    user = event.user
    page(event.client, Mailbox.manager.of(user).read(number, user))


@mail.register(in_full=True)
def discard(event: Receive, number: int) -> None:
    """Delete a letter."""
    box = Mailbox.manager.of(event.user)
    box.discard(number)
    save_for(box, event.user)
    event.user.write(*box.listing())


@mail.register
def write(event: Receive, to: User, subject: Rest = "") -> None:
    """Write a letter to a user, online or not."""
    if isinstance(to, Guest):
        raise Refused(f"{to} is a guest and has no mailbox.")
    then = partial(send, event.user, to.key, subject)
    saved = f"Your letter to {to} is sent."
    event.client.start_dialogue(Editor(then=then, saved=saved))


def send(sender: User, to: str, subject: str, text: str) -> object:
    """Send a letter when it has been written."""
    user = User.manager.peek(to)
    if user is None:
        raise Refused(f"There is no user called {to!r} any more.")
    return Mailbox.manager.send(
        user, sender=sender, text=text, subject=subject
    )
