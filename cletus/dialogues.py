"""The dialogues of one person: the one in front has the lines, the others wait behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from cletus.client.dialogue import Dialogue
from cletus.errors import DialogueError

if TYPE_CHECKING:
    from cletus.client.client import Client


class Dialogues:
    """Those that are under way.

    Args:
        client: whose.

    Attributes:
        under_way: the one in front last. A reload replaces them here.
    """

    __slots__ = ("_client", "under_way")

    def __init__(self, client: Client) -> None:
        self._client = client
        self.under_way: list[Dialogue] = []

    def __len__(self) -> int:
        return len(self.under_way)

    @property
    def front(self) -> Dialogue:
        """The one that has the lines; there must be one."""
        return self.under_way[-1]

    @property
    def is_any_busy(self) -> bool:
        """Whether one of them, in front or not, is still at work."""
        return any(one.is_busy for one in self.under_way)

    def begin(self, dialogue: Dialogue) -> Deferred[Any]:
        """Begin one, in front of those that are under way; fires with what it gives to ``done()``.

        Raises:
            DialogueError: it has no step, or was begun already; nothing has changed then.
        """
        result: Deferred[Any] = Deferred()
        if self.under_way:
            self.front.cover()
        self.under_way.append(dialogue)
        try:
            dialogue.start(self._client, result)
        except DialogueError:
            self.under_way.pop()
            raise
        return result

    def ended(self, dialogue: Dialogue) -> None:
        """It takes no more lines. After a reload, an older self of it may be the one that ends."""
        self.under_way[:] = [one for one in self.under_way if vars(one) is not vars(dialogue)]
        if self.under_way:
            # Its code may be about to go on by itself; at the end of the turn that is known.
            self._client.service.turn.at_end(self.front.uncover)

    def is_in_front(self, dialogue: Dialogue) -> bool:
        """Whether this one, or an older self of it, has the lines."""
        return bool(self.under_way) and vars(self.front) is vars(dialogue)

    def stop(self) -> None:
        """End them all, from the front."""
        while self.under_way:
            self.under_way.pop().stop()
