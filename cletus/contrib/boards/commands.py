"""Commands for boards: boards, board, read, post, answer, unpost.

register_commands(commands.group("Boards"), Board)
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from cletus.contrib.boards.board import BaseBoard
from cletus.contrib.commands import CommandRegistry, Group, Rest
from cletus.contrib.editor import Editor
from cletus.contrib.menus import table
from cletus.contrib.pager import page
from cletus.contrib.saving import save_for
from cletus.errors import Refused
from cletus.events import ClientEvent
from cletus.text import gettext as _

#: Seconds between two messages of one person. Our choice.
COOLDOWN: Final = 10.0


def boards(event: ClientEvent) -> None:
    """List the boards."""
    rows = [
        (board.key, board.unread(event.user) or "", board.description)
        for board in _store(event).manager.active().values()
        if board.may_read(event.user)
    ]
    event.user.write(*table((_("Board"), _("New"), _("About")), rows, event.client))


def board(event: ClientEvent, name: str) -> None:
    """List the threads of a board."""
    page(event.client, _board(event, name).listing(event.user))


def read(event: ClientEvent, board: str, number: int) -> None:
    """Read a thread: read news 1."""
    lines = _board(event, board).read(event.user, number)
    save_for(event.user, event.user)
    page(event.client, lines)


def post(event: ClientEvent, board: str, title: Rest) -> None:
    """Begin a thread: post tales The lost lamp."""
    here = _board(event, board)
    _check_write(event, here)
    event.client.start_dialogue(Editor(then=partial(here.post, event.user, title)))


def answer(event: ClientEvent, board: str, number: int) -> None:
    """Write a message to a thread: answer tales 1."""
    here = _board(event, board)
    _check_write(event, here)
    then = partial(here.reply, event.user, here.thread(number))
    event.client.start_dialogue(Editor(then=then))


def unpost(event: ClientEvent, board: str, number: int) -> None:
    """Remove a thread that only you have written in: unpost tales 1. Moderators remove any."""
    here = _board(event, board)
    thread = here.thread(number)
    here.remove(event.user, thread)
    event.user.write(_("{thread} is removed.", thread=thread))


def register_commands(registry: CommandRegistry | Group) -> None:
    """Register all of them in a registry or a group of commands. The service has one store of boards."""
    registry.register(boards)
    registry.register(board)
    registry.register(read)
    registry.register(post, cooldown=COOLDOWN)
    registry.register(answer, cooldown=COOLDOWN)
    registry.register(unpost, in_full=True)


# -- inside -------------------------------------------------------------------------------------


def _store(event: ClientEvent) -> Any:
    for store_cls in event.service.session.stores.values():
        if issubclass(store_cls, BaseBoard):
            return store_cls
    raise Refused(_("There are no boards."))


def _board(event: ClientEvent, name: str) -> Any:
    here = _store(event).manager.get(name)
    if here is None or not here.may_read(event.user):
        raise Refused(_("There is no board called {name!r}.", name=name))
    return here


def _check_write(event: ClientEvent, here: Any) -> None:
    if not here.may_write(event.user):
        raise Refused(_("You may not write on {here}.", here=here))
