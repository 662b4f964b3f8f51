"""What users prefer where their terminal says something else of itself, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cletus.errors import Refused
from cletus.protocol.charset import Encoder, telnet_encoder
from cletus.storage import Field
from cletus.text import gettext as _

if TYPE_CHECKING:
    from cletus.contrib.users.user import BaseUser

    _Base = BaseUser
else:
    _Base = object

#: Columns of a window that a user may choose. Our choice.
COLUMNS_MIN: Final = 20
COLUMNS_MAX: Final = 500


class TerminalMixin(_Base):
    """Lets a user choose how text is sent to them. The choices hold at each of their logins.

    Attributes:
        charset: the name of a character set; empty for that of the terminal.
        screen_reader: whether text is read aloud to them; ``None`` for what the terminal says.
        width: columns of their window, at which lines are broken; 0 for those of the terminal.
    """

    charset: Field[str] = Field("")
    screen_reader: Field[bool | None] = Field(type=bool)
    width: Field[int] = Field(0)

    def choose_charset(self, name: str) -> None:
        """Use this character set, or that of the terminal if it is empty or ``auto``. The caller saves.

        Raises:
            Refused: it is unknown, or lines of text cannot be sent in it.
        """
        name = "" if name.lower() == "auto" else name
        if name and _encoder_of(name) is None:
            raise Refused(
                _("{name!r} is not a character set. Try utf-8, latin-1 or ascii.", name=name[:40])
            )
        self.charset = name
        self.apply_terminal()

    def choose_screen_reader(self, is_used: bool | None) -> None:
        """Say whether text is read aloud: then it has neither colours nor drawn boxes. The caller saves."""
        self.screen_reader = is_used
        self.apply_terminal()

    def choose_width(self, columns: int) -> None:
        """Break lines at this width, or at that of the terminal if it is 0. The caller saves.

        Raises:
            Refused: nobody has such a window.
        """
        if columns and not COLUMNS_MIN <= columns <= COLUMNS_MAX:
            raise Refused(
                _(
                    "A width is from {columns_min} to {columns_max}; 0 is that of your window.",
                    columns_min=COLUMNS_MIN,
                    columns_max=COLUMNS_MAX,
                )
            )
        self.width = columns
        self.apply_terminal()

    def terminal_text(self) -> str:
        """What their terminal is taken to be: ``utf-8, 80 columns, no screen reader``."""
        if self.client is None:
            return ""
        terminal = self.client.terminal
        reader = "a screen reader" if terminal.screen_reader else "no screen reader"
        return f"{terminal.encoding}, {terminal.columns} columns, {reader}"

    def log_in(self, client: Any) -> None:
        """As ``BaseUser.log_in``; what they have chosen holds from now on."""
        super().log_in(client)
        self.apply_terminal()

    def apply_terminal(self) -> None:
        """Have what they have chosen hold at their connection, if there is one."""
        if self.client is None:
            return
        terminal = self.client.terminal
        is_page = terminal.reflows  # it is sent UTF-8, and breaks its lines itself
        columns = self.width if COLUMNS_MIN <= self.width <= COLUMNS_MAX and not is_page else None
        terminal.prefer(
            encoder=None if is_page else _encoder_of(self.charset),
            screen_reader=self.screen_reader,
            columns=columns,
            wrap=columns and True,
        )
        self.client.resized()


def _encoder_of(charset: str) -> Encoder | None:
    """The encoder of a character set; ``None`` if there is none, as after an edit by hand."""
    try:
        return telnet_encoder(charset) if charset else None
    except LookupError:
        return None
