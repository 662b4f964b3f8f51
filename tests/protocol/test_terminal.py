"""What is known of a terminal, and what is preferred to it."""

from __future__ import annotations

from cletus.protocol.charset import telnet_encoder
from cletus.protocol.terminal import Terminal


def test_a_preference_holds_whatever_the_terminal_says_later() -> None:
    terminal = Terminal(telnet_encoder())
    terminal.columns = 100
    terminal.prefer(columns=60)
    terminal.columns = 120
    assert (terminal.columns, terminal.window_columns) == (60, 120)
    terminal.prefer(columns=70)
    assert terminal.columns == 70


def test_what_the_terminal_says_holds_again_when_the_preference_is_taken_back() -> None:
    terminal = Terminal(telnet_encoder())
    terminal.prefer(columns=60, screen_reader=True)
    terminal.columns = 120
    terminal.prefer(columns=None, screen_reader=None)
    assert (terminal.columns, terminal.screen_reader) == (120, False)
    terminal.columns = 90
    assert terminal.columns == 90


def test_text_is_rendered_as_preferred() -> None:
    terminal = Terminal(telnet_encoder())
    terminal.colours = 256
    assert terminal.profile.colours == 256
    terminal.prefer(screen_reader=True)
    assert terminal.profile.colours == 0
    terminal.prefer(screen_reader=None)
    assert terminal.profile.colours == 256


def test_a_change_of_an_attribute_is_told() -> None:
    terminal = Terminal(telnet_encoder())
    changes: list[int] = []
    terminal.changed = lambda: changes.append(terminal.columns)
    terminal.columns = 100
    terminal.name = "Mudlet"
    assert changes[-2:] == [100, 100]
    assert "changed" not in terminal.snapshot()
