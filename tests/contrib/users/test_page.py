"""docs/contrib/users.md is true: its code is an application, and its session goes as printed."""

from __future__ import annotations

import re
from pathlib import Path

from cletus.reload.load import load
from cletus.testing import Person, start_in_memory

PAGE = Path(__file__).parents[3] / "docs" / "contrib" / "users.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(kind):
    return [text for name, text in BLOCK.findall(PAGE.read_text()) if name == kind]


def test_the_page_does_as_it_says(tmp_path):
    """Prompts stand at the end of a line on the screen, and in the page on a line of their own."""
    app = tmp_path / "lantern.py"
    app.write_text("\n".join(blocks("python")))
    service = load(str(app), tmp_path)
    clock = start_in_memory(service)
    people = {}
    (session,) = blocks("session")
    try:
        for line in session.splitlines():
            name, colon, typed = line.partition(": ")
            if colon and name in ("ann", "bob"):
                person = people.get(name) or people.setdefault(name, Person(service, clock))
                person.new_text()
                person.types(typed)
                clock.pump([0.1] * 3)
                answer = [one.rstrip() for one in person.new_text().splitlines() if one.strip()]
            else:
                assert line in answer
    finally:
        service.stop()
        clock.advance(10)
    assert len(people) == 2
