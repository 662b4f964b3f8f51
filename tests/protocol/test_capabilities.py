"""What a terminal's names and variables imply."""

from __future__ import annotations

import pytest

from cletus.protocol import capabilities as can

TRUE = can.TRUE_COLOUR


@pytest.mark.parametrize(
    ("types", "colours", "charset"),
    [
        (("TINTIN++", "XTERM-256COLOR", "MTTS 271"), TRUE, "utf-8"),
        (("PYMUD", "XTERM", "MTTS 783"), TRUE, "utf-8"),
        (("X", "Y", "MTTS 9"), 256, ""),
        (("X", "Y", "MTTS 1"), 16, ""),
        (("X", "Y", "MTTS 64"), 0, ""),
        (("XTERM-256COLOR",), 256, ""),
        (("XTERM",), 16, ""),
        (("ANSI", "VT100", "VT52", "VTNT"), 16, ""),
        (("TINYFUGUE", "ANSI-ATTR", "ANSI", "UNKNOWN"), 16, "ascii"),
        (("KILDCLIENT",), 256, ""),
        (("MUDLET",), TRUE, ""),
        (("DUMB",), 0, ""),
        (("UNKNOWN",), 0, ""),
        ((), 0, ""),
    ],
)
def test_names(types: tuple[str, ...], colours: int, charset: str) -> None:
    assert can.colours(types) == colours
    assert can.charset_of_types(types) == charset


@pytest.mark.parametrize(
    ("variables", "charset"),
    [
        ({"CHARSET": "ISO-8859-1", "LANG": "C.UTF-8"}, "ISO-8859-1"),
        ({"LANG": "de_DE.ISO-8859-15@euro"}, "ISO-8859-15"),
        ({"LC_ALL": "C.UTF-8", "LANG": "de_DE"}, "UTF-8"),
        ({"LC_CTYPE": "de_DE.ISO-8859-1", "LANG": "de_DE.UTF-8"}, "ISO-8859-1"),
        ({"LANG": "C"}, ""),
        ({}, ""),
    ],
)
def test_variables(variables: dict[str, str], charset: str) -> None:
    assert can.charset_of_environment(variables) == charset


def test_colorterm() -> None:
    assert can.colours_of_environment({"COLORTERM": "truecolor"}) == TRUE
    assert can.colours_of_environment({"COLORTERM": "yes"}) == 0


def test_windows_telnet_is_known_by_its_first_name() -> None:
    assert can.is_windows_telnet(("ANSI", "VT100"))
    assert not can.is_windows_telnet(("XTERM", "ANSI"))
    assert not can.is_windows_telnet(())
