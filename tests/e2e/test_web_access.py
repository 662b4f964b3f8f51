"""The page for everybody: axe-core finds no violation in any state, and what is painted can be read.

axe-core comes from npm, by ``.ci/install-clients``; without it the tests skip.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import REPOSITORY, Talker
from tests.e2e.page import Page

AXE = REPOSITORY / "build" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
#: Where to put pictures of each state, for people who work on the page; none by default.
PICTURES = os.environ.get("PAGE_PICTURES", "")
#: WCAG 2.2 AA (1.4.3 asks for a contrast of 4.5), and what axe's authors recommend beside it.
RULES = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']"
#: Resolves when the page has fitted itself to a new size.
PAINTED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
SIZES = {"desk": (1280, 800), "phone": (390, 844), "narrow": (320, 640)}
EVENING = (
    "good evening, all",
    "have you seen https://example.org/lamps/?by=night yet?",
    ":lights the big lamp and hums",
    "Bea, look at this: \x1b[31mred\x1b[0m and \x1b[1;34mblue\x1b[0m and \x1b[38;2;90;90;20mmoss\x1b[0m",
    ".who",
    ".help",
    ".look",
    ".shout the soup is ready",
    "a long line, " + "which goes on and on as some people like to, " * 6,
)


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core."""
    if not AXE.is_file():
        pytest.skip("no axe-core: .ci/install-clients installs it with npm")
    return AXE.read_text(encoding="utf-8")


class Looks:
    """Looks at a page in each size and theme."""

    def __init__(self, axe: str, tab: Any) -> None:
        self._axe = axe
        self._tab = tab

    def at(self, state: str) -> None:
        """Check the page as it is now, which is called ``state``."""
        for theme in ("dark", "light"):
            self._tab.emulate_media(color_scheme=theme, reduced_motion="reduce")
            for size, (width, height) in SIZES.items():
                self._tab.set_viewport_size({"width": width, "height": height})
                self._tab.evaluate(PAINTED)
                name = f"{state}-{size}-{theme}"
                if PICTURES:
                    self._tab.screenshot(path=Path(PICTURES, f"{name}.png"))
                assert self._violations() == [], name
                wide = "document.documentElement.scrollWidth <= innerWidth"
                assert self._tab.evaluate(wide), f"{name}: it scrolls sideways"

    def _violations(self) -> list[str]:
        if not self._tab.evaluate("'axe' in window"):
            self._tab.evaluate(self._axe)
        found: list[str] = self._tab.evaluate(
            f"axe.run(document, {{runOnly: {RULES}}}).then((result) => result.violations.flatMap("
            "(rule) => rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 200)} "
            "${node.any[0]?.message ?? ''}`)))"
        )
        return found


@pytest.fixture
def visit(browser: Any, lantern: Talker, axe: str) -> Iterator[Callable[[], tuple[Any, Looks]]]:
    """Open the page; closed at the end."""
    contexts: list[Any] = []

    def visit() -> tuple[Any, Looks]:
        contexts.append(browser.new_context())
        tab = contexts[-1].new_page()
        return tab, Looks(axe, tab)

    yield visit
    for context in contexts:
        context.close()


def test_the_door_and_its_questions(
    lantern: Talker,
    visit: Callable[[], tuple[Any, Looks]],
) -> None:
    tab, looks = visit()
    tab.goto(lantern.prints(r"Open (http://\S+)\n")[1])
    tab.wait_for_selector("#question >> text=name")
    looks.at("door")
    for line in ("Abe", "y"):
        tab.fill("#entry", line)
        tab.press("#entry", "Enter")
    tab.wait_for_selector("#secret:visible")
    looks.at("password")


def test_an_evening_in_every_state(
    browser: Any,
    lantern: Talker,
    visit: Callable[[], tuple[Any, Looks]],
) -> None:
    url = lantern.prints(r"Open (http://\S+)\n")[1]
    context = browser.new_context()
    ann, bea = Page(context, url, "Anselm"), Page(context, url, "Bea")
    looks = Looks(AXE.read_text(encoding="utf-8"), bea.tab)
    for line in EVENING:
        (bea if line.startswith(".") else ann).types(line)
    ann.sees("a long line")
    bea.sees("which goes on")
    looks.at("evening")
    talk = (lantern.folder / "example_service" / "talk.py").read_text()
    lantern.write("example_service/talk.py", f"{talk}\nLAMPS = 3\n")
    bea.tab.wait_for_selector("#author li.good", state="attached")
    lantern.write("example_service/talk.py", f"{talk}\ndef broken(:\n    pass\n")
    bea.tab.wait_for_selector("#author li.bad", state="attached")
    assert (
        bea.tab.evaluate("document.querySelector('#panel').querySelector('.bad code').offsetTop")
        < 300
    )
    bea.tab.set_viewport_size({"width": 390, "height": 844})
    assert bea.tab.get_attribute("#panel-button", "data-news") == "bad"
    bea.tab.click("#panel-button")
    assert bea.tab.get_attribute("#panel-button", "data-news") is None
    looks.at("author")
    bea.tab.set_viewport_size({"width": 390, "height": 844})
    bea.tab.click("#log", position={"x": 5, "y": 5})
    assert bea.tab.get_attribute("body", "data-panel") == "closed"
    lantern.write("example_service/talk.py", talk)
    bea.tab.fill("#entry", ".")
    bea.tab.type("#entry", "s")
    bea.tab.wait_for_selector("#choices:visible")
    looks.at("choices")
    bea.tab.press("#entry", "Escape")
    bea.tab.fill("#entry", "")
    bea.tab.keyboard.press("Control+Shift+F")
    bea.tab.fill("#find-text", "lamp")
    looks.at("search")
    bea.tab.click("#find-close")
    bea.tab.click("#settings-button")
    looks.at("settings")
    bea.tab.keyboard.press("Escape")
    bea.types(".create lamps")
    bea.tab.locator("[role=tab]", has_text="lamps").click()
    bea.types("is anybody here?")
    bea.tab.wait_for_selector("#channel-log >> text=is anybody here?")
    looks.at("channel")
    context.close()
    assert bea.errors == []
