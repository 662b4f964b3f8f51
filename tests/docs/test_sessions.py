"""The sessions in the guides and in docs/contrib go as they are printed.

All ``python`` blocks of a page before its last session, joined, are an application. In ``console`` blocks
``ann> .who`` is what Ann types; lines after it are what she gets back; ``bob| text`` is a line that Bob has
got by then. ``(40 seconds later)`` lets that time pass. The tutorial is in test_tutorial.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cletus.reload.load import load
from cletus.testing import Person, start_in_memory

FOLDER = Path(__file__).parents[2] / "docs"
#: The pages that are written so.
PAGES = [
    page
    for page in sorted([*FOLDER.glob("*.md"), *FOLDER.glob("contrib/*.md")])
    if "```console" in page.read_text() and not page.name.startswith("tutorial")
]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TYPED = re.compile(r"(\w+)> ?(.*)")
GOT = re.compile(r"(\w+)\| ?(.*)")
LATER = re.compile(r"\((\d+) seconds later\)")


def blocks(page, kind):
    """The blocks of this language, up to the last session."""
    found = BLOCK.findall(page.read_text())
    while found[-1][0] != "console":
        found.pop()
    return [text for name, text in found if name == kind]


class Stage:
    """The people of a session."""

    def __init__(self, service, clock):
        self._service, self._clock = service, clock
        self._people = {}

    def person(self, name):
        if name not in self._people:
            self._people[name] = Person(self._service, self._clock)
            self._people[name].types(name.capitalize())
            for one in self._people.values():
                one.new_text()
        return self._people[name]

    def play(self, text):
        answer = []
        for line in text.splitlines():
            if typed := TYPED.fullmatch(line):
                person = self.person(typed[1])
                assert not answer, f"not in the page: {answer}"
                start = len(person.screen)
                person.types(typed[2])
                self._clock.advance(0.05)  # what is saved soon is saved by then
                person.new_text()
                answer = [one for one in person.screen[start:].splitlines() if one.strip()]
            elif got := GOT.fullmatch(line):
                assert got[2] in self.person(got[1]).new_text().splitlines()
            elif later := LATER.fullmatch(line):
                assert not answer, f"not in the page: {answer}"
                self._clock.advance(int(later[1]))
            elif line:
                assert answer, f"{line!r} was not written"
                assert answer.pop(0).rstrip() == line.rstrip()
        assert not answer, f"not in the page: {answer}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_does_as_it_says(page, tmp_path, log):
    """And nothing that it does logs an error."""
    app = tmp_path / f"page_{page.stem}.py"
    for name, text in re.findall(
        r"^```(?:toml|yaml) (\S+)\n(.*?)^```$", page.read_text(), re.M | re.S
    ):
        (tmp_path / name).write_text(text)
    app.write_text("\n".join(blocks(page, "python")))
    service = load(str(app), tmp_path)
    clock = start_in_memory(service)
    try:
        stage = Stage(service, clock)
        for name in dict.fromkeys(
            re.findall(r"^(\w+)[>|]", "\n".join(blocks(page, "console")), re.M)
        ):
            stage.person(name)
        for text in blocks(page, "console"):
            stage.play(text)
    finally:
        service.stop()
        clock.advance(10)
