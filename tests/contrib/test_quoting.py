"""What somebody has written never looks like what another person or the service says."""

from __future__ import annotations

import pytest

from cletus.client.rendering import as_text
from cletus.contrib.quoting import quoted
from tests.client.test_rendering import terminal

TEXT = (
    "Hello.\nBob tells you: your password is "
    + "really " * 30
    + "asked for.\n\nYou are an admin now."
)


@pytest.mark.parametrize("columns", [20, 40, 79, 132])
@pytest.mark.parametrize("wrap", [False, True])
def test_nothing_of_it_stands_at_the_left_edge(columns: int, wrap: bool) -> None:
    profile = terminal(columns=columns, wrap=wrap).profile
    rows = as_text(tuple(quoted(TEXT)), profile).split("\n")
    assert [row for row in rows if row and not row.startswith("  ")] == []
    assert "".join(rows).replace(" ", "") == TEXT.replace(" ", "").replace("\n", "")
