"""What the page does with keys, with what is typed, with what is said, and with what is chosen in its settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.e2e.harness import wait_until
from tests.e2e.page import Page

ACTIVE = "document.activeElement.id || document.activeElement.closest('[id]')?.id"
PASTE = """(text) => {
    const data = new DataTransfer();
    data.setData("text/plain", text);
    const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
    document.querySelector("#entry").dispatchEvent(event);
}"""
HIDDEN = """(hidden) => {
    Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""
#: The last of 5,100 lines in a log of its own, and how many there are.
MANY_LINES = """async () => {
    const { Log } = await import("/app/log.js");
    const root = document.createElement("section"), settings = { names: true, aloud: "nothing" };
    const log = new Log(root, document.createElement("div"), document.createElement("button"),
        { names: () => new Set(), me: () => "", settings });
    for (let n = 1; n <= 5100; n++) log.text(`line ${n}\\n`);
    log.draw();
    return [root.lastElementChild.textContent, root.querySelectorAll(".line").length];
}"""

#: What is read aloud of a page of help at the width of a phone, of a picture, and of a table.
SENTENCES = """async () => {
    const { sentences } = await import("/app/log.js");
    return [
        ["  .kick <channel> <user>", "      Remove somebody from a", "      channel.", "Type .help"],
        ["        /|_|\\\\      a small place", "--- The lamp room ---", "Ann says: ..."],
        ["  lamps   yes  2", "  boats   no   1"],
    ].map(sentences);
}"""


def eventually(page: Page, expression: str) -> None:
    """Wait until something is true on the page."""
    wait_until(lambda: page.tab.evaluate(expression), expression, page.log)


def test_keys_lead_round_the_page(join: Callable[..., Page]) -> None:
    page = join("Kalle")
    keys = page.tab.keyboard
    page.tab.focus("#entry")
    parts = []
    while "entry" not in parts:
        keys.press("F6")
        parts.append(page.tab.evaluate(ACTIVE))
    assert parts[0] == "log"
    assert "panel" in parts
    keys.press("Shift+F6")
    assert page.tab.evaluate(ACTIVE) == parts[-2]
    keys.press("Escape")
    assert page.tab.evaluate(ACTIVE) == "entry"
    page.tab.focus("#log")
    keys.type("typed")
    assert page.tab.input_value("#entry") == "typed", "typing anywhere types"
    page.types("the latest line")
    page.sees("You say: the latest line")
    keys.press("Alt+1")  # as it stands; what is read by itself has a full stop behind it
    read = "[...aloud.children].map((paragraph) => paragraph.textContent)"
    eventually(page, f"{read}.includes('You say: the latest line')")


def test_what_is_read_aloud_are_sentences(join: Callable[..., Page]) -> None:
    assert join("Senta").tab.evaluate(SENTENCES) == [
        ".kick <channel> <user>. Remove somebody from a channel. Type .help.",
        "a small place. The lamp room. Ann says: ...",
        "lamps   yes  2. boats   no   1.",
    ]


def test_who_reads_on_above_is_told_how_many_lines_are_new(join: Callable[..., Page]) -> None:
    ole, pia = join("Ole"), join("Pia")
    for number in range(1, 4):
        ole.types(".help")
        wait_until(lambda: ole.count("Type .help and a name") == number, "help", ole.log)  # noqa: B023 - waited for
    ole.tab.keyboard.press("PageUp")
    eventually(ole, "log.scrollTop + log.clientHeight < log.scrollHeight - 40")
    at = ole.tab.evaluate("log.scrollTop")
    pia.types("meanwhile")
    ole.sees("Pia says: meanwhile")
    # Those of the tests before lose the connection meanwhile, and everybody is told.
    eventually(ole, "!newer.hidden && /^[1-9] new$/.test(newer.textContent)")
    assert ole.tab.evaluate("log.scrollTop") == at, "it stays where they read"
    ole.tab.click("#newer")
    eventually(ole, "newer.hidden && log.scrollTop + log.clientHeight >= log.scrollHeight - 1")


def test_what_is_typed_is_remembered_completed_and_asked_about(join: Callable[..., Page]) -> None:
    leo, quinn = join("Leopold"), join("Quinn")
    entry, keys = "#entry", quinn.tab.keyboard

    def value() -> Any:
        return quinn.tab.input_value(entry)

    for line in ("the first", "the second"):
        quinn.types(line)
        leo.sees(f"Quinn says: {line}")
    quinn.tab.fill(entry, "a draft")
    lines = []
    for key in ("ArrowUp", "ArrowUp", "ArrowDown", "ArrowDown"):
        keys.press(key)
        lines.append(value())
    assert lines == ["the second", "the first", "the second", "a draft"]

    quinn.tab.fill(entry, "hey Leo")
    keys.press("Tab")
    assert value() == "hey Leopold "
    quinn.tab.fill(entry, "hey @leo")
    quinn.tab.wait_for_selector("#choices:visible >> text=Leopold")
    keys.press("Escape")
    quinn.tab.fill(entry, ".sa")
    quinn.tab.wait_for_selector("#choices:visible small")
    keys.press("ArrowDown")
    keys.press("Enter")
    assert value() == ".say "

    quinn.tab.fill(entry, "")
    quinn.tab.evaluate(PASTE, "one\r\n  two\n")
    quinn.tab.click("#paste >> text=Send as one line")
    wait_until(lambda: value() == "one two", "the lines as one", value)
    quinn.tab.fill(entry, "")
    quinn.tab.evaluate(PASTE, "number one\nnumber two")
    quinn.tab.wait_for_selector("#paste >> text=Send 2 lines?")
    assert leo.count("number one") == 0
    quinn.tab.click("#paste >> text=Send line by line")
    leo.sees("Quinn says: number two")
    assert leo.count("Quinn says: number one") == 1

    quinn.tab.fill(entry, "\u6f22")
    quinn.tab.evaluate(
        "entry.dispatchEvent(new KeyboardEvent('keydown', "
        "{ key: 'Enter', isComposing: true, bubbles: true, cancelable: true }))"
    )
    assert value() == "\u6f22", "Enter belongs to the input method"


def test_lines_show_whose_they_are_and_tables_keep_their_shape(join: Callable[..., Page]) -> None:
    mia, ned = join("Mia"), join("Nedward")
    mia.types("mine")
    mia.sees("You say: mine")
    ned.types("Mia, do you hear me?")
    mia.sees("Mia, do you hear me?")
    own = "[...document.querySelectorAll('#log .own')].map((line) => line.textContent)"
    eventually(mia, f"{own}.includes('mine')")
    called = "#log .calls:has-text('Mia, do you hear me?')"
    mia.tab.wait_for_selector(f"{called} .name >> text=Nedward")
    assert mia.tab.get_attribute(called, "dir") == "auto"
    mia.types(".help")
    mia.tab.wait_for_selector("#log .drawn")
    mia.tab.set_viewport_size({"width": 320, "height": 640})
    eventually(mia, "log.scrollTop + log.clientHeight >= log.scrollHeight - 1")
    sizes = (
        "[...document.querySelectorAll('#log .drawn')]"
        ".map((line) => parseFloat(getComputedStyle(line).fontSize))"
    )
    eventually(mia, f"{sizes}.some((size) => size < 15) && {sizes}.every((size) => size >= 9.5)")
    assert mia.tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert mia.tab.evaluate(MANY_LINES) == ["line 5100", 5000]


def test_who_looks_away_finds_the_line_from_which_on_it_is_new(join: Callable[..., Page]) -> None:
    rosa, sven = join("Rosa"), join("Sven")
    rosa.tab.evaluate(HIDDEN, True)
    for line in ("you were away", "and still are"):
        sven.types(line)
        rosa.sees(f"Sven says: {line}")
    eventually(rosa, "document.title.startsWith('(')")
    following = "[...document.querySelectorAll('.marker ~ .line')].map((line) => line.textContent)"
    eventually(rosa, f"{following}.join().includes('you were away')")
    rosa.tab.evaluate(HIDDEN, False)
    eventually(rosa, "!document.title.startsWith('(')")


def test_channels_are_tabs_that_count_what_is_unread(join: Callable[..., Page]) -> None:
    tilda, uwe = join("Tilda"), join("Uwe")
    uwe.types(".create quilts")
    uwe.sees("quilts")
    tilda.types(".join quilts")
    tab = tilda.tab.locator("[role=tab]", has_text="quilts")
    tab.wait_for()
    uwe.types(".on quilts is anybody sewing?")
    tab.locator(".unread", has_text="1").wait_for()
    tab.click()
    tilda.tab.wait_for_selector("#channel-log >> text=is anybody sewing?")
    tab.locator(".unread").wait_for(state="detached")
    tilda.types("I am")
    uwe.tab.locator("[role=tab]", has_text="quilts").click()
    uwe.tab.wait_for_selector("#channel-log >> text=I am")


def test_what_is_chosen_stays_chosen(join: Callable[..., Page]) -> None:
    page = join("Vroni")
    page.tab.evaluate(
        "window.asked = 0; Notification.requestPermission = async () => { window.asked++; return 'granted'; }; 0"
    )
    page.tab.click("#settings-button")
    assert page.tab.evaluate("window.asked") == 0, (
        "notifications are asked for on their switch only"
    )
    page.tab.check("#settings >> text=Notify me")
    assert page.tab.evaluate("window.asked") == 1
    page.tab.select_option("#settings label:has-text('Letters') select", "typewriter")
    page.tab.select_option("#settings label:has-text('Read aloud') select", "nothing")
    page.tab.locator("#settings input[type=range]").fill("26")
    page.tab.click("#settings >> text=Done")
    page.tab.reload()
    page.tab.wait_for_selector("[data-stage=inside] #room:not([hidden])")
    root = "document.documentElement"
    assert page.tab.get_attribute("html", "data-letters") == "typewriter"
    assert page.tab.evaluate(f"getComputedStyle({root}).getPropertyValue('--size')") == "26px"
    before = page.tab.locator("#aloud p").count()
    page.types("not read aloud")
    page.sees("You say: not read aloud")
    page.tab.keyboard.press("Alt+1")  # what is asked for is read all the same, and comes after
    eventually(page, f"document.querySelectorAll('#aloud p').length > {before}")
    assert page.tab.locator("#aloud p").count() == before + 1
    page.tab.set_viewport_size({"width": 320, "height": 640})
    assert page.tab.evaluate(f"{root}.scrollWidth <= innerWidth")
