"""People in a browser and at telnet, with The Lantern behind them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.e2e.harness import TIMEOUT, Caller, Talker
from tests.e2e.page import PASSWORD, STORED, Cable, Page, started


def test_browsers_and_telnet_talk_through_good_and_broken_edits(
    lantern: Talker, join: Callable[..., Page]
) -> None:
    ann, bob = join("Ann"), join("Bob")
    cas = Caller(lantern.port)
    cas.types("Cas", "y", PASSWORD, PASSWORD, "they")
    ann.tab.wait_for_selector("#here >> text=Cas")
    ann.types("hello all")
    bob.sees("Ann says: hello all")
    cas.sees("Ann says: hello all")
    talk = (lantern.folder / "example_service" / "talk.py").read_text()
    assert "says" in talk
    lantern.write("example_service/talk.py", talk.replace("says", "mumbles"))
    ann.tab.wait_for_selector("#author li.good")
    cas.types("good evening")
    ann.sees("Cas mumbles: good evening")
    lantern.write("example_service/talk.py", f"{talk}\ndef broken(:\n    pass\n")
    item = ann.tab.wait_for_selector("#author li.bad")
    assert "SyntaxError" in item.text_content()
    assert "example_service/talk.py" in item.text_content()
    assert item.query_selector("code").text_content() == "def broken(:"
    bob.types("still here?")
    ann.sees("Bob mumbles: still here?")
    cas.sees("Bob mumbles: still here?")
    lantern.write("example_service/talk.py", talk)
    ann.tab.wait_for_selector("#generation >> text=generation 2")
    assert ann.tab.locator("#aloud").inner_text().count("Refused, generation 1 goes on") == 1
    ann.tab.reload()
    assert ann.tab.locator("#reloads > li").count() == 3
    ann.tab.click("#rollback")
    ann.tab.wait_for_selector("#generation >> text=generation 3")
    cas.types("again as before")
    bob.sees("Cas mumbles: again as before")
    ann.tab.click("#rollback")
    ann.tab.wait_for_selector("#generation >> text=generation 4")
    cas.types("back to normal")
    bob.sees("Cas says: back to normal")
    cas.hang_up()


def test_a_browser_at_the_telnet_port_lands_on_the_page_and_other_programs_are_told(
    tmp_path: Path, at_end: ExitStack, join: Callable[..., Page]
) -> None:
    """However slow they are: on a busy machine, some tenths of a second may pass before they speak."""
    lantern = started(tmp_path, "--detect-delay", "20")
    at_end.callback(lantern.kill)
    page = join(url=f"http://127.0.0.1:{lantern.port}/")
    url = lantern.prints(r"Open (http://\S+)\n")[1]
    assert page.tab.url == url
    with pytest.raises(HTTPError) as error:
        urlopen(f"http://127.0.0.1:{lantern.port}/", timeout=TIMEOUT)
    assert error.value.code == 400
    assert url in error.value.read().decode()
    error.value.close()


def test_a_page_that_is_loaded_again_goes_on(join: Callable[..., Page]) -> None:
    dan, eve = join("Dan"), join("Eve")
    eve.types("before")
    dan.sees("Eve says: before")
    dan.tab.reload()
    eve.types("after")
    dan.sees("Eve says: after")
    assert dan.count("Eve says: before") == 1
    dan.types("I was gone for a moment")
    eve.sees("Dan says: I was gone for a moment")
    assert eve.tab.locator("#here").inner_text().count("Dan") == 1


def test_ten_cuts_lose_and_double_nothing(lantern: Talker, join: Callable[..., Page]) -> None:
    cable = Cable(int(lantern.prints(r"Open http://\S+:(\d+)/")[1]))
    fay, gil = join("Fay", f"http://127.0.0.1:{cable.port}/"), join("Gil")
    for turn in range(10):
        fay.types(f"sent before cut {turn}")
        cable.cut()
        gil.types(f"said meanwhile {turn}")
        fay.types(f"typed meanwhile {turn}")
        gil.sees(f"You say: said meanwhile {turn}")
        cable.mend()
        fay.sees(f"Gil says: said meanwhile {turn}")
        gil.sees(f"Fay says: typed meanwhile {turn}")
    for turn in range(10):
        assert gil.count(f"Fay says: sent before cut {turn}") == 1
        assert gil.count(f"Fay says: typed meanwhile {turn}") == 1
        assert fay.count(f"Gil says: said meanwhile {turn}") == 1
    cable.close()


def test_w17_passwords_are_kept_nowhere(join: Callable[..., Page]) -> None:
    """In no history, log or storage, also after the page was loaded again."""
    kim = join("Kim")
    kim.tab.reload()
    kim.tab.wait_for_selector("[data-stage=inside] #room:not([hidden])")
    kim.types("a line that is kept")
    kim.tab.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    stored = kim.tab.evaluate(STORED)
    assert "a line that is kept\r\n" in stored, "messages that may have to be sent again"
    assert "Choose a password" in stored
    assert PASSWORD not in stored + kim.tab.content()
    for _ in range(10):
        kim.tab.press("#entry", "ArrowUp")
        assert kim.tab.input_value("#entry") != PASSWORD


def test_w16_what_others_type_adds_no_markup(join: Callable[..., Page]) -> None:
    ida, jan = join("Ida"), join("Jan")
    for line in (
        "<b>bold</b> <img src=x onerror=alert(1)> <script>alert(1)</script>",
        "javascript:alert(1) data:text/html,x https://example.org/<b>",
        "\x1b]8;;javascript:alert(1)\x1b\\click\x1b]8;;\x1b\\ \x1b[31mred\x1b[0m",
    ):
        ida.types(line)
    ida.types("that was all")
    jan.sees("Ida says: that was all")
    assert "<img src=x onerror=alert(1)>" in jan.log()
    others = jan.tab.evaluate(
        "[...document.querySelectorAll('#log *, #channel-log *')].filter((e) => "
        "!['P', 'SPAN'].includes(e.tagName) && !(e.tagName === 'A' && /^https?:/.test(e.href)))"
        ".map((e) => e.outerHTML)"
    )
    assert others == []
