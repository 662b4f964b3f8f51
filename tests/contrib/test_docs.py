"""The pages of docs/contrib are true: their code runs, and their sessions go as they are printed.

All ``python`` blocks of a page, joined, are an application. In ``console`` blocks ``ann> .who`` is
what Ann types; lines after it are what she gets back; ``bob| text`` is a line that Bob has got by then.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cletus.reload.load import load
from cletus.testing import Person, start_in_memory

FOLDER = Path(__file__).parents[2] / "docs" / "contrib"
#: The pages that are written so.
PAGES = [page for page in sorted(FOLDER.glob("*.md")) if "```console" in page.read_text()]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TYPED = re.compile(r"(\w+)> ?(.*)")
GOT = re.compile(r"(\w+)\| ?(.*)")


def blocks(page, kind):
    return [text for name, text in BLOCK.findall(page.read_text()) if name == kind]


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
            elif line:
                assert answer, f"{line!r} was not written"
                assert answer.pop(0).rstrip() == line.rstrip()
        assert not answer, f"not in the page: {answer}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_does_as_it_says(page, tmp_path):
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
