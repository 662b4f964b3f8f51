"""What users prefer: a typed field each, kept on the account, which holds at each login.

Of their terminal, it is what they choose instead of what the terminal says of itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cletus import renamed
from cletus.contrib.menus.values import accepted
from cletus.errors import Refused
from cletus.protocol.charset import Encoder, telnet_encoder
from cletus.storage import Field
from cletus.text import gettext as _
from cletus.text import gettext_noop as N_  # noqa: N812 - as gettext's manual calls it

if TYPE_CHECKING:
    from cletus.contrib.users.user import BaseUser

    _Base = BaseUser
else:
    _Base = object

#: Columns of a window that a user may choose. Our choice.
COLUMNS_MIN: Final = 20
COLUMNS_MAX: Final = 500

#: Characters of a prompt. Our choice: it is sent after each line.
PROMPT_MAX: Final = 60

#: Colours that a user may choose, and how many the terminal is taken to show.
COLOURS: Final[Mapping[str, int | None]] = {
    "auto": None,
    "none": 0,
    "16": 16,
    "256": 256,
    "all": 0x1000000,
}

#: Names of the IANA time zone database, whose files they are, have no other characters.
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9+_-]*(/[A-Za-z0-9+_-]+)*")
#: Tags of languages (RFC 5646), as far as catalogues of gettext have them.
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
#: Values in a prompt: ``{health}``.
_VALUE = re.compile(r"\{(\w+)\}")


class PreferencesMixin(_Base):
    """Lets a user choose how they are spoken to.

    An application has preferences of its own: a field, and its name in ``PREFERENCES``. A method
    ``check_NAME(value)`` may change or refuse a value.

    Attributes:
        PREFERENCES: name of the field to what it is, as a phrase for people.
        charset: the name of a character set; empty for that of the terminal.
        colours: how many colours they are sent; ``auto`` for what the terminal shows.
        language: the language of the texts, such as ``de``; empty for that of the service.
        prompt: shown when they can type; ``{name}`` stands for a value of ``prompt_values``.
        screen_reader: whether text is read aloud to them; ``None`` for what the terminal says.
        time_zone: the zone in which times are shown, by its name in the IANA database.
        width: columns of their window, at which lines are broken; 0 for those of the terminal.
    """

    PREFERENCES: ClassVar[Mapping[str, str]] = {
        "charset": N_("auto, or utf-8, latin-1, ascii if letters look wrong"),
        "colours": N_("auto, none, 16, 256 or all"),
        "language": N_("of the texts: en, de"),
        "prompt": _(
            "a text of at most {length} characters, shown when you can type", length=PROMPT_MAX
        ),
        "screen_reader": N_("yes if your screen is read aloud"),
        "time_zone": N_("such as Europe/Berlin"),
        "width": _(
            "columns of your window: {least} to {most}, or 0 for automatic",
            least=COLUMNS_MIN,
            most=COLUMNS_MAX,
        ),
    }

    charset: Field[str] = Field("", type=str)
    colours: Field[str] = Field("auto", type=Literal["auto", "none", "16", "256", "all"])
    language: Field[str] = Field("", type=str)
    prompt: Field[str] = Field("", type=str)
    screen_reader: Field[bool | None] = Field(type=bool)
    time_zone: Field[str] = Field("UTC", type=str)
    width: Field[int] = Field(0, type=int)

    def prefer(self, name: str, value: Any) -> None:
        """Set a preference, which holds at once. The caller saves.

        Args:
            name: of the field.
            value: of the field's type; ``None`` for its default.

        Raises:
            Refused: there is no such preference, or the value does not fit.
        """
        if name not in self.PREFERENCES:
            raise Refused(_("There is no preference {name!r}.", name=name[:40]))
        value = type(self).fields[name].make_default() if value is None else value
        check = getattr(self, f"check_{name}", None)
        value = value if check is None else check(value)
        setattr(self, name, accepted(self, name, value))
        self.apply_preferences()

    # -- what fits --------------------------------------------------------------------------

    def check_charset(self, name: str) -> str:
        """A character set in which lines of text can be sent; empty for ``auto``."""
        name = "" if name.lower() == "auto" else name
        if name and _encoder_of(name) is None:
            raise Refused(
                _("{name!r} is not a character set. Try utf-8, latin-1 or ascii.", name=name[:40])
            )
        return name

    def check_language(self, tag: str) -> str:
        """The tag of a language, as gettext writes it: ``de``, ``pt_BR``."""
        language, _hyphen, country = tag.replace("-", "_").partition("_")
        tag = f"{language.lower()}_{country.upper()}" if country else language.lower()
        if tag and not _LANGUAGE.fullmatch(tag):
            raise Refused(_("{tag!r} is not a language. Try en or de.", tag=tag[:40]))
        return tag

    def check_prompt(self, text: str) -> str:
        """A prompt, with a space behind it."""
        if len(text) > PROMPT_MAX:
            raise Refused(_("A prompt can have at most {length} characters.", length=PROMPT_MAX))
        return f"{text.strip()} " if text.strip() else ""

    def check_time_zone(self, name: str) -> str:
        """The name of a zone of the database, in its own capitals."""
        for spelled in (name, name.upper(), "/".join(map(str.title, name.split("/")))):
            if _zone_of(spelled) is not None:
                return spelled
        raise Refused(_("{name!r} is not a time zone. Try Europe/Berlin, or UTC.", name=name[:40]))

    def check_width(self, columns: int) -> int:
        """The width of a window that somebody may have, or 0."""
        if columns and not COLUMNS_MIN <= columns <= COLUMNS_MAX:
            raise Refused(
                _(
                    "A width is from {columns_min} to {columns_max}; 0 is that of your window.",
                    columns_min=COLUMNS_MIN,
                    columns_max=COLUMNS_MAX,
                )
            )
        return columns

    # -- what holds -------------------------------------------------------------------------

    @property
    def zone(self) -> tzinfo:
        """The time zone that they prefer; UTC if there is none of that name any more."""
        return _zone_of(self.time_zone) or UTC

    def prompt_values(self) -> Mapping[str, object]:
        """Values for their prompt, by name. Override it: ``{"health": self.health}``."""
        return {}

    def prompt_text(self) -> str:
        """Their prompt with its values; a name without a value stays as it is."""
        if "{" not in self.prompt:
            return self.prompt
        values = self.prompt_values()
        return _VALUE.sub(lambda match: str(values.get(match[1], match[0])), self.prompt)

    def show_prompt(self) -> None:
        """Show their prompt, if they have one and can type a command. Call it when a line has been handled."""
        client = self.client
        if self.prompt and client is not None and not client.gone and not client.dialogues:
            client.prompt(self.prompt_text())

    def terminal_text(self) -> str:
        """What their terminal is taken to be: ``utf-8, 80 columns, no screen reader``."""
        if self.client is None:
            return ""
        terminal = self.client.terminal
        reader = _("a screen reader") if terminal.screen_reader else _("no screen reader")
        return _(
            "{charset}, {count} columns, {reader}",
            charset=terminal.encoding,
            count=terminal.columns,
            reader=reader,
        )

    def log_in(self, client: Any) -> None:
        """As ``BaseUser.log_in``; what they prefer holds from now on."""
        super().log_in(client)
        self.apply_preferences()

    def apply_preferences(self) -> None:
        """Have what they prefer hold at their connection, if there is one."""
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
            colours=COLOURS.get(self.colours),
            language=self.language or None,
        )
        self.client.resized()

    # -- old names --------------------------------------------------------------------------

    def choose_charset(self, name: str) -> None:
        """The old way to write ``prefer("charset", name)``."""
        renamed.warn("choose_charset()", 'prefer("charset", ...)')
        self.prefer("charset", name)

    def choose_screen_reader(self, is_used: bool | None) -> None:
        """The old way to write ``prefer("screen_reader", is_used)``."""
        renamed.warn("choose_screen_reader()", 'prefer("screen_reader", ...)')
        self.prefer("screen_reader", is_used)

    def choose_width(self, columns: int) -> None:
        """The old way to write ``prefer("width", columns)``."""
        renamed.warn("choose_width()", 'prefer("width", ...)')
        self.prefer("width", columns)


def _encoder_of(charset: str) -> Encoder | None:
    """The encoder of a character set; ``None`` if there is none, as after an edit by hand."""
    try:
        return telnet_encoder(charset) if charset else None
    except LookupError:
        return None


def _zone_of(name: str) -> tzinfo | None:
    """A time zone; ``None`` if there is none of this name. ``ZoneInfo`` keeps those that it has read."""
    if len(name) > 64 or not _ZONE.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):  # a folder of the database; another file
        return None
