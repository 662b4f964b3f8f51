"""What somebody was told while their connection was broken: the last of it, within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cletus.client.rendering import is_rendered, shown
from cletus.protocol.charset import telnet_encoder
from cletus.protocol.terminal import COLUMNS, Look
from cletus.storage import Field
from cletus.text.markup import Styled

if TYPE_CHECKING:
    from cletus.client.client import Client

#: Lines, and characters of all lines together. Our choices.
LINES_MAX = 200
CHARACTERS_MAX = 64 * 1024


class MissedMixin:
    """Gives a user a list of what they have missed.

    Attributes:
        missed: lines, the oldest first; coloured ones keep their colours.
        missed_dropped: how many older ones had to be forgotten.
    """

    missed: Field[list[str | Styled]] = Field(list, session=True)
    missed_dropped: Field[int] = Field(0, session=True)

    def miss(self, *lines: object) -> None:
        """Keep these lines for them; without arguments, an empty one, as ``write`` does."""
        for line in lines or ("",):
            self.missed.append(_kept(line))
        while len(self.missed) > LINES_MAX or sum(map(len, self.missed)) > CHARACTERS_MAX:
            del self.missed[0]
            self.missed_dropped += 1

    def tell_missed(self, client: Client) -> None:
        """Show them all of it, and forget it."""
        missed, dropped = self.missed, self.missed_dropped
        self.forget_missed()
        if not missed:
            return
        client.write("Meanwhile:")
        if dropped:
            client.write(f"({dropped} earlier lines are lost.)")
        client.write(*missed)

    def forget_missed(self) -> None:
        """Forget it."""
        self.missed, self.missed_dropped = [], 0


#: For tables and the like: nobody knows yet what terminal they will come back with.
_ANY_TERMINAL = Look(telnet_encoder(), COLUMNS, 0, False, False)


def _kept(line: object) -> str | Styled:
    """A line in a form that a reload can carry."""
    if isinstance(line, Styled) and len(line) <= CHARACTERS_MAX:
        return line
    return (shown(line, _ANY_TERMINAL) if is_rendered(line) else str(line))[:CHARACTERS_MAX]
