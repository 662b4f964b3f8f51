"""The first thing that README.md shows: the page during an edit, by a script that can be run again."""

from __future__ import annotations

import re
import struct
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_first_picture_is_small_and_has_the_script_that_takes_it() -> None:
    readme = (ROOT / "README.md").read_text()
    name = re.findall(r"!\[.*?\]\((.*?)\)", readme)[0]
    script = re.findall(r"Taken by `python (\S+)`", readme)[0]
    picture = (ROOT / name).read_bytes()
    assert (ROOT / script).parent == (ROOT / name).parent
    assert len(picture) < 100_000
    assert struct.unpack(">II", picture[16:24]) == (1120, 680)
