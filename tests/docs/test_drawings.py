"""The drawings in the pages are those that the script draws."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from drawings import DRAWINGS

from tests.docs.conftest import DOCS


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_file_is_up_to_date(name: str) -> None:
    """``python docs/drawings.py`` draws it anew."""
    drawn = DRAWINGS[name]().svg()
    assert (DOCS / name).read_text() == drawn
    ElementTree.fromstring(drawn)
