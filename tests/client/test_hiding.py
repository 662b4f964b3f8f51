"""Whether a terminal shows what is typed; it is told no oftener than it must be."""

from __future__ import annotations

import pytest

from cletus.client.output import Hiding


class Terminal:
    """Notes what it is told; a letter says what is done: hide, show, end of turn."""

    def __init__(self) -> None:
        self.told: list[bool] = []
        self.hiding = Hiding(self._tell)

    def _tell(self, hidden: bool) -> bytes:
        self.told.append(hidden)
        return b"1" if hidden else b"0"

    def does(self, letters: str) -> str:
        sent = b""
        for letter in letters:
            if letter == "h":
                sent += self.hiding.hide()
            elif letter == "s":
                self.hiding.show()
            else:
                sent += self.hiding.at_end()
        return sent.decode()


@pytest.mark.parametrize(
    ("letters", "sent"),
    [
        ("e", ""),
        ("se", ""),
        ("h", "1"),
        ("hee", "1"),
        ("hse", "10"),
        ("hsee", "10"),
        ("hshe", "1"),
        ("hshese", "10"),
        ("hshsee", "10"),
        ("hsehse", "1010"),
        ("hhse", "10"),
    ],
)
def test_a_terminal_is_told_what_changes_and_nothing_else(letters: str, sent: str) -> None:
    """It shows again at the end of the turn, unless the next line is hidden as well."""
    assert Terminal().does(letters) == sent


def test_who_has_not_hidden_has_nothing_to_show() -> None:
    """So that no newline is sent for one that was seen."""
    hiding = Terminal().hiding
    assert not hiding.show()
    hiding.hide()
    assert hiding.show()
    assert not hiding.show()
