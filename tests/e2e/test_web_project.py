"""A project of one's own in the browser: its name, its look edited live, its words, its sounds; search, user name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cletus.cli.templates import make
from cletus.doors.web.site import PAGE
from tests.e2e.harness import TIMEOUT, Talker, wait_until
from tests.e2e.page import PASSWORD, Page
from tests.engines import free_port

ACCENT = "getComputedStyle(document.documentElement).getPropertyValue('--accent').trim()"
#: A service of a dozen lines that plays what it is told to.
SOUNDS = """
from cletus import Service, events

service = Service()


@service.listen(events.Receive)
def receive(event):
    package, _, name = event.data.partition(" ")
    event.client.gmcp.send(f"Client.Media.{package}", {"name": name, "volume": 30, "key": "bell"})
    event.client.write(f"{package}: {name}")
"""


@pytest.fixture
def opened(
    browser: Any, start: Callable[..., Talker]
) -> Iterator[Callable[..., tuple[Talker, Any]]]:
    """Start a target and open its page."""
    contexts: list[Any] = []

    def opened(target: str, *options: str) -> tuple[Talker, Any]:
        port = str(free_port())
        talker = start(
            "-m", "cletus", "run", target, "--port=0", "--store=saved", "--web-port", port, *options
        )
        contexts.append(browser.new_context())
        contexts[-1].set_default_timeout(TIMEOUT * 1000)
        tab = contexts[-1].new_page()
        tab.goto(talker.prints(r"Open (http://\S+)\n")[1])
        return talker, tab

    yield opened
    for context in contexts:
        context.close()


def test_a_new_project_has_a_page_with_its_name_and_a_look_that_is_edited_live(
    opened: Callable[..., tuple[Talker, Any]], tmp_path: Path
) -> None:
    make("night_owl", "talker", tmp_path)
    talker, tab = opened("night_owl")
    tab.wait_for_selector("#question >> text=name")
    assert tab.title() == tab.inner_text("h1") == "Night owl"
    tab.fill("#entry", "half a na")
    tab.evaluate("window.same = true")
    before = tab.evaluate(ACCENT)
    talker.edit(
        "night_owl/web/theme.css", "--accent: light-dark(#94560a, #f2b65e)", "--accent: teal"
    )
    wait_until(lambda: tab.evaluate(ACCENT) == "teal", "the new look")
    assert before != "teal"
    assert tab.evaluate("window.same"), "it was not loaded again"
    assert tab.input_value("#entry") == "half a na"
    script = (PAGE / "app" / "words.js").read_text()
    talker.write("night_owl/web/app/words.js", script.replace('"Settings"', '"Einstellungen"'))
    tab.click("#notices >> text=Load it again")
    tab.wait_for_selector("#settings-button[aria-label=Einstellungen]")
    assert tab.input_value("#entry") == "half a na"
    assert tab.locator("#question").inner_text().startswith("What is your name")


def test_every_word_of_the_page_comes_from_its_table(
    opened: Callable[..., tuple[Talker, Any]], tmp_path: Path
) -> None:
    """With each word turned round, the page says nothing in English by itself."""
    (tmp_path / "web" / "app").mkdir(parents=True)
    script = (PAGE / "app" / "words.js").read_text()
    turned = re.sub(r': "([^"]*)"', lambda match: f': "¡{match[1]}!"', script)
    (tmp_path / "web" / "app" / "words.js").write_text(turned)
    (tmp_path / "app.py").write_text(SOUNDS)
    _, tab = opened("app.py", "--web-folder=web")
    tab.wait_for_selector("[data-stage=inside]")
    tab.click("#settings-button")
    shown = tab.evaluate(
        "[...document.querySelectorAll('button, label span, h2, [aria-label], [title]')].flatMap((e) =>"
        " [e.childElementCount ? '' : e.textContent, e.ariaLabel ?? '', e.title])"
    )
    assert [text for text in shown if text and not text.startswith("¡")] == []


def test_sounds_come_from_the_service_alone_and_only_for_those_who_want_them(
    opened: Callable[..., tuple[Talker, Any]], tmp_path: Path
) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "bell.mp3").write_bytes(b"ID3")
    (tmp_path / "app.py").write_text(SOUNDS)
    _, tab = opened("app.py", "--web-folder=web")
    tab.wait_for_selector("[data-stage=inside]")
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.evaluate(
        "() => { const Real = Audio; window.played = [];"
        " window.Audio = function (url) { const player = new Real(url); played.push(player); return player; } }"
    )

    def says(line: str) -> None:
        tab.fill("#entry", line)
        tab.press("#entry", "Enter")
        tab.wait_for_selector(f"#log >> text={line.replace(' ', ': ')}")

    says("Play bell.mp3")
    assert tab.evaluate("played.length") == 0, "sounds are off by default"
    tab.click("#settings-button")
    tab.get_by_label("A sound when").check()
    tab.keyboard.press("Escape")
    says("Play https://example.org/evil.mp3")
    says("Play ../bell.mp3")
    sources = tab.evaluate("played.map((player) => player.src)")
    assert sources == [f"{tab.url}evil.mp3", f"{tab.url}bell.mp3"]
    assert tab.evaluate("played.at(-1).volume") == 0.3
    with tab.expect_request("**/bell.mp3"):
        says("Play bell.mp3")
    tab.evaluate("played.at(-1).pause = () => { window.stopped = true }")
    says("Stop bell.mp3")
    assert tab.evaluate("window.stopped")
    assert not any("example.org" in url for url in asked)


def test_what_was_said_is_found_and_the_password_has_its_user_name(
    browser: Any, lantern: Talker
) -> None:
    url = lantern.prints(r"Open (http://\S+)\n")[1]
    context = browser.new_context()
    page = Page(context, url)
    for question, answer in (("name", "Sarah"), ("Create it", "y")):
        page.asked(question)
        page.types(answer)
    page.asked("Choose a password")
    form = page.tab.evaluate(
        "[...document.querySelector('#composer').elements].filter((e) => e.autocomplete)"
        ".map((e) => [e.autocomplete, e.value])"
    )
    assert ["username", "Sarah"] in form, "what a password manager keeps the password for"
    assert form.index(["username", "Sarah"]) < form.index(["current-password", ""])
    for question in ("Choose a password", "Type it again"):
        page.asked(question)
        page.types(PASSWORD, "#secret")
    page.asked("pronouns")
    page.types("they")
    page.tab.wait_for_selector("[data-stage=inside] #room:not([hidden])")
    for line in ("a Needle", "hay", "another needle", "hay again"):
        page.types(line)
    page.sees("You say: hay again")
    page.tab.keyboard.press("Control+Shift+F")
    page.tab.fill("#find-text", "NEEDLE")
    page.tab.wait_for_selector("#find-count >> text=4 found")
    assert page.tab.locator("#log .found").count() == 4
    page.tab.keyboard.press("Escape")
    assert page.tab.locator("#log .found").count() == 0
    assert page.tab.evaluate("document.activeElement.id") == "entry"
    assert page.errors == []
    context.close()
