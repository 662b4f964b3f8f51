"""What a terminal can do, judging by what it says about itself.

The sources are the telnet notes (section 1) and the MTTS standard. In doubt the answer is the lower
one: a missing colour does no harm, but an escape sequence does on a screen that shows it as text.
"""

from __future__ import annotations

import re

MONOCHROME, COLOURS_16, COLOURS_256, TRUE_COLOUR = 0, 16, 256, 1 << 24

MTTS_ANSI = 1
MTTS_UTF_8 = 4
MTTS_256 = 8
MTTS_SCREEN_READER = 64
MTTS_TRUE_COLOUR = 256

_MTTS = re.compile(r"MTTS (\d{1,6})")

# MUD clients that have colours and do not say so.
_CLIENTS = {
    "MUDLET": TRUE_COLOUR,
    "TINTIN++": COLOURS_256,
    "KILDCLIENT": COLOURS_256,
    "MUSHCLIENT": COLOURS_256,
    "CMUD": COLOURS_256,
    "ZMUD": COLOURS_16,
    "ATLANTIS": COLOURS_256,
    "POTATO": COLOURS_256,
    "BLIGHTMUD": TRUE_COLOUR,
    "PYMUD": COLOURS_256,
    "TINYFUGUE": COLOURS_16,
}
_TRUE_COLOUR = re.compile(r"TRUECOLOR|DIRECT|24BIT|KITTY|ALACRITTY|GHOSTTY|WEZTERM|FOOT")
_ANSI = re.compile(
    r"(XTERM|ANSI|VT[1-5]|LINUX|SCREEN|TMUX|RXVT|KONSOLE|GNOME|PUTTY|CYGWIN|VTNT|ITERM|ETERM)"
)

# As terminfo names them. A MUD client gives its own name first (telnet notes, section 1).
_TERMINAL = re.compile(
    r"(XTERM|ANSI$|VT\d|VTNT$|LINUX|SCREEN|TMUX|RXVT|KONSOLE|GNOME|PUTTY|CYGWIN|ITERM|ETERM|VTE|ST-|FOOT"
    r"|KITTY|ALACRITTY|GHOSTTY|WEZTERM|CONTOUR)"
)

# Terminals that know OSC 8 and have a name of their own. VTE and others call themselves XTERM-256COLOR,
# as do many that do not know it.
_LINKS = re.compile(r"KITTY|GHOSTTY|WEZTERM|FOOT|ALACRITTY|ITERM|KONSOLE|CONTOUR")

#: Its Debian build strips the eighth bit, so that nothing but ASCII arrives (telnet notes).
_ASCII_ONLY = ("TINYFUGUE",)


def mtts(types: tuple[str, ...]) -> int | None:
    """The MTTS bits among the names of a terminal, or ``None`` if there are none."""
    matches = [match for name in types if (match := _MTTS.fullmatch(name))]
    return int(matches[0][1]) if matches else None


def colours(types: tuple[str, ...]) -> int:
    """How many colours a terminal of these names (upper-case) shows."""
    bits = mtts(types)
    if bits is not None:
        if bits & MTTS_TRUE_COLOUR:
            return TRUE_COLOUR
        if bits & MTTS_256:
            return COLOURS_256
        return COLOURS_16 if bits & MTTS_ANSI else MONOCHROME
    return max(map(_colours_of, types), default=MONOCHROME)


def _colours_of(name: str) -> int:
    client = next((client for client in _CLIENTS if name.startswith(client)), None)
    if client is not None:
        return _CLIENTS[client]
    if _TRUE_COLOUR.search(name):
        return TRUE_COLOUR
    if "256COLOR" in name:
        return COLOURS_256
    return COLOURS_16 if _ANSI.match(name) else MONOCHROME


def colours_of_environment(variables: dict[str, str]) -> int:
    """How many colours these variables promise (``COLORTERM=truecolor``, MTTS, TERMINAL_TYPE)."""
    if variables.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return TRUE_COLOUR
    return colours(types_of_environment(variables))


def types_of_environment(variables: dict[str, str]) -> tuple[str, ...]:
    """What these variables say in the way of TERMINAL-TYPE (the MNES standard)."""
    types = [variables["TERMINAL_TYPE"].upper()] if "TERMINAL_TYPE" in variables else []
    if "MTTS" in variables:
        types.append(f"MTTS {variables['MTTS']}")
    return tuple(types)


def links(types: tuple[str, ...]) -> bool:
    """Whether a terminal of these names (upper-case) knows links (OSC 8). MTTS has no bit for them."""
    return any(map(_LINKS.search, types))


def charset_of_types(types: tuple[str, ...]) -> str:
    """The character set that these names imply, or an empty string."""
    bits = mtts(types)
    if bits is not None:
        return "utf-8" if bits & MTTS_UTF_8 else ""
    return "ascii" if any(name.startswith(_ASCII_ONLY) for name in types) else ""


def charset_of_environment(variables: dict[str, str]) -> str:
    """The character set that these variables name, as the peer spells it, or an empty string."""
    if "CHARSET" in variables:
        return variables["CHARSET"]
    locale = next(filter(None, map(variables.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "")
    charset = locale.partition(".")[2].partition("@")[0]
    return charset or charset_of_types(types_of_environment(variables))


def is_terminal(types: tuple[str, ...]) -> bool:
    """Whether these are the names of a terminal behind a plain telnet program, and not a MUD client."""
    return bool(types) and mtts(types) is None and all(map(_TERMINAL.match, types))


def is_windows_telnet(types: tuple[str, ...]) -> bool:
    """Whether this may be Windows telnet, which must not be asked for its environment."""
    return types[:1] == ("ANSI",)
