"""A person's terminal, or the program that plays one: what is known of it.

Doors fill it in as they learn; applications read it, and may overrule it: ``prefer(colours=0)`` for a
person who does not want colours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cletus.protocol.charset import UTF_8, Encoder, telnet_encoder
from cletus.protocol.line_editor import LineEditor
from cletus.protocol.plain_state import PlainState
from cletus.renamed import names_of, with_old_names

__getattr__ = names_of(__name__)

COLUMNS, ROWS = 80, 24
"""The size of a window that is not known: that of the VT100."""

_PROFILES_MAX = 4096  # a bound, for people who resize their window all day


@dataclass(frozen=True, slots=True, eq=False)  # compared by identity, since profiles are shared
class RenderProfile:
    """Everything that the bytes of a text depend on. Terminals with equal profiles share one object.

    Attributes:
        encoder: turns text into bytes.
        columns: the width; 0 when nothing depends on it.
        colours: how many; 0 for none.
        wraps: whether lines are broken at ``columns``.
        screen_reader: whether what is shown is read aloud.
        links: whether links can be followed (OSC 8).
        reflows: whether the terminal breaks long lines itself.
        plain: the profile for text without colours: terminals that differ in colours only share it.
        language: the language of texts that are translated; empty for English.
    """

    encoder: Encoder
    columns: int
    colours: int
    wraps: bool
    screen_reader: bool
    links: bool = False
    reflows: bool = False
    plain: RenderProfile | None = None
    language: str = ""


@lru_cache(_PROFILES_MAX)
def _plain_profile(encoder: Encoder, columns: int, language: str) -> RenderProfile:
    return RenderProfile(encoder, columns, 0, columns > 0, False, language=language)


@lru_cache(_PROFILES_MAX)
def _profile(
    encoder: Encoder,
    columns: int,
    colours: int,
    wraps: bool,
    screen_reader: bool,
    links: bool,
    reflows: bool,
    language: str,
) -> RenderProfile:
    plain = _plain_profile(encoder, columns if wraps else 0, language)
    return RenderProfile(
        encoder, columns, colours, wraps, screen_reader, links, reflows, plain, language
    )


@with_old_names
class Terminal(PlainState):
    """One person's terminal.

    Attributes:
        name: what it calls itself, ``"Mudlet 4.17"`` or ``"XTERM-256COLOR"``; empty if unknown.
        types: all names that it has given (telnet TERMINAL-TYPE), in upper case.
        columns: the width of its window in characters; 80 if unknown.
        rows: the height; 24 if unknown.
        encoder: turns text into bytes.
        colours: how many it shows: 0, 16, 256 or 16,777,216.
        screen_reader: whether what is shown is read aloud: then no colours and no drawn boxes.
        links: whether it knows links (OSC 8); others are shown their text only.
        tls: whether the connection is encrypted.
        relayed: whether a proxy that is not trusted passes the connection on: neither the address nor
            ``tls`` tells how it comes to the proxy.
        reflows: whether it breaks long lines between words itself, at whatever width it has at the
            moment, as a browser does: paragraphs are best sent whole.
        wrap: whether we break lines at ``columns``; otherwise the terminal breaks them as it likes.
        language: the language of texts that are translated: ``de``, ``pt_BR``; empty for English.
        prompts_apart: whether it shows the latest prompt apart from the text, as our page does.
        editor: in character mode, where each key arrives by itself, what edits and shows the line that
            is typed; ``None`` when the terminal does that.
        profile: everything that the bytes of a text depend on.
        reported: what the terminal says of itself where something else is preferred.
        changed: called after each change of an attribute.
    """

    __slots__ = (
        "changed",
        "colours",
        "columns",
        "editor",
        "encoder",
        "language",
        "links",
        "name",
        "profile",
        "prompts_apart",
        "reflows",
        "relayed",
        "reported",
        "rows",
        "screen_reader",
        "tls",
        "types",
        "wrap",
    )  # fmt: skip - a list of names reads better on two lines

    STATE = (
        "colours",
        "columns",
        "language",
        "links",
        "name",
        "prompts_apart",
        "reflows",
        "relayed",
        "rows",
        "screen_reader",
        "tls",
        "types",
        "wrap",
    )  # fmt: skip - as above

    name: str
    types: tuple[str, ...]
    columns: int
    rows: int
    encoder: Encoder
    colours: int
    screen_reader: bool
    language: str
    links: bool
    tls: bool
    relayed: bool
    reflows: bool
    wrap: bool
    prompts_apart: bool
    editor: LineEditor | None
    profile: RenderProfile
    reported: dict[str, Any]
    changed: Callable[[], None] | None

    def __init__(self, encoder: Encoder, *, tls: bool = False):
        initial: dict[str, Any] = {
            "name": "",
            "types": (),
            "columns": COLUMNS,
            "rows": ROWS,
            "encoder": encoder,
            "colours": 0,
            "screen_reader": False,
            "language": "",
            "links": False,
            "tls": tls,
            "relayed": False,
            "reflows": False,
            "wrap": False,
            "prompts_apart": False,
            "editor": None,
        }  # fmt: skip - a table
        put = object.__setattr__
        for name, value in initial.items():
            put(self, name, value)
        object.__setattr__(self, "reported", {})
        object.__setattr__(self, "changed", None)
        self._update_profile()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.reported:
            self.reported[name] = value
            return
        object.__setattr__(self, name, value)
        if name in _IN_PROFILE:
            self._update_profile()
        if self.changed is not None:
            self.changed()

    def __repr__(self) -> str:
        return f"<Terminal {self.name or 'unknown'} {self.columns}x{self.rows} {self.encoding}>"

    def snapshot(self) -> dict[str, Any]:
        """As ``PlainState.snapshot``, with the editor."""
        return {
            **super().snapshot(),
            "encoder": _plain(self.encoder),
            "editor": None if self.editor is None else self.editor.snapshot(),
            "reported": {name: _plain(value) for name, value in self.reported.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """As ``PlainState.restore``. What is as it was at first, as nearly all is, costs nothing."""
        super().restore(
            {
                name: state[name]
                for name in self.STATE
                if name in state and state[name] != getattr(self, name)
            }
        )
        encoder = _encoder(state["encoder"])
        if encoder is not self.encoder:
            self.encoder = encoder
        if state["editor"] is not None:
            self.editor = LineEditor(self.columns)
            self.editor.restore(state["editor"])
        self.reported = {
            name: _encoder(value) if name == "encoder" else value
            for name, value in state["reported"].items()
        }

    def prefer(self, **values: Any) -> None:
        """Use these values of attributes, whatever the terminal says of itself from now on.

        Args:
            **values: by attribute; ``None`` goes back to what the terminal says.
        """
        for name, value in values.items():
            reported = self.reported.pop(name, getattr(self, name))
            setattr(self, name, reported if value is None else value)
            if value is not None:
                self.reported[name] = reported

    @property
    def window_columns(self) -> int:
        """The width that the terminal says it has, also if another one is preferred for text."""
        return int(self.reported.get("columns", self.columns))

    @property
    def ends_prompts(self) -> bool:
        """Whether a marked prompt is a line of its own: our page shows it apart, and Mudlet ends its line."""
        return self.prompts_apart or any(name.startswith("MUDLET") for name in self.types)

    @property
    def character_mode(self) -> bool:
        """Whether each key arrives by itself, and we show what is typed."""
        return self.editor is not None

    @property
    def encoding(self) -> str:
        """Python's name of the character set: ``"utf-8"``."""
        return self.encoder.charset

    @property
    def utf8(self) -> bool:
        """Whether every character of Unicode can be sent."""
        return self.encoder.charset == UTF_8

    def _update_profile(self) -> None:
        colours = 0 if self.screen_reader else self.colours
        profile = _profile(
            self.encoder,
            self.columns,
            colours,
            self.wrap,
            self.screen_reader,
            self.links,
            self.reflows,
            self.language,
        )
        object.__setattr__(self, "profile", profile)


def _plain(value: Any) -> Any:
    """An encoder as plain data; any other value as it is."""
    return (value.charset, value.network) if isinstance(value, Encoder) else value


def _encoder(plain: tuple[str, bool]) -> Encoder:
    charset, network = plain
    return telnet_encoder(charset) if network else Encoder(charset, network)


_IN_PROFILE = frozenset(
    {"encoder", "columns", "colours", "wrap", "screen_reader", "links", "reflows", "language"}
)
