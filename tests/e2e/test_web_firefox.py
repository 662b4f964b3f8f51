"""The page in Firefox; skipped where there is none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.e2e.firefox import Firefox
from tests.e2e.harness import Caller, Talker
from tests.e2e.page import PASSWORD, STORED, Cable

COUNT = "document.querySelector('#log').textContent.split({words!r}).length - 1"


def test_somebody_comes_in_talks_is_cut_off_loads_again_and_loses_nothing(
    lantern: Talker, at_end: ExitStack, tmp_path: Path, ran: Callable[[str], None]
) -> None:
    firefox = Firefox(tmp_path)
    at_end.callback(firefox.close)
    cable = Cable(int(lantern.prints(r"Open http://\S+:(\d+)/")[1]))
    at_end.callback(cable.close)
    firefox.opens(f"http://127.0.0.1:{cable.port}/")
    for question, answer in (("name", "Ute"), ("Create it", "y")):
        firefox.sees(question, "#question")
        firefox.types(answer)
    for question in ("Choose a password", "Type it again"):
        firefox.sees(question, "#question")
        assert firefox.evaluate("document.activeElement.type") == "password"
        firefox.types(PASSWORD)
    firefox.sees("Your pronouns", "#question")
    firefox.types("they")
    firefox.sees("The lamp room", "#room")

    cas = Caller(lantern.port)
    at_end.callback(cas.hang_up)
    cas.types("Cas", "y", PASSWORD, PASSWORD, "they")
    firefox.sees("Cas", "#here")
    firefox.types("good evening")
    cas.sees("Ute says: good evening")
    cable.cut()
    cas.types("said while you were away")
    cas.sees("You say: said while you were away")
    firefox.types("typed meanwhile")
    cable.mend()
    cas.sees("Ute says: typed meanwhile")
    firefox.sees("Cas says: said while you were away", "#log")
    firefox.loads_again()
    cas.types("and after F5")
    firefox.sees("Cas says: and after F5", "#log")
    firefox.types("still here")
    cas.sees("Ute says: still here")
    for words in (
        "Cas says: said while you were away",
        "You say: typed meanwhile",
        "Cas says: and",
    ):
        assert firefox.evaluate(COUNT.format(words=words)) == 1, words
    firefox.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    assert PASSWORD not in firefox.evaluate(STORED)
    complaints = [text for text in firefox.errors if "establish a connection" not in text]
    assert [
        text for text in complaints if "interrupted while the page was loading" not in text
    ] == []
    ran("firefox")
