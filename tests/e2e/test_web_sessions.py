"""A session in the page goes on over everything: a cut, F5, another window, a reload, a restart.

Also in the middle of a login, whose password is typed hidden, and of the editor: exactly once in both directions.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import Caller, Talker, wait_until
from tests.e2e.page import PASSWORD, STORED, Cable, Page, started

HIDE = "dispatchEvent(new PageTransitionEvent('pagehide'))"


def gone_on(page: Page) -> Page:
    """Wait until it has what the page before it was in the middle of: until then it hears no event."""
    wait_until(page.log, "a page that goes on", page.tab.content)
    return page


def loaded_again(page: Page) -> Page:
    """F5."""
    page.tab.reload()
    return gone_on(page)


def other_window(page: Page, *, hide: bool = True) -> Page:
    """A window that is opened from one that was hidden gets a copy of its session storage, and takes over."""
    with page.tab.context.expect_page() as opened:
        page.tab.evaluate(f"{HIDE if hide else ''}; window.open('/')")
    page.tab.wait_for_selector("#notices >> text=another window")
    return gone_on(Page(page.tab.context, "", tab=opened.value))


def taken_back(page: Page) -> Page:
    """A window that was taken over goes on, as after F5."""
    with page.tab.expect_navigation():
        page.tab.click("#notices >> text=Go on here")
    return page


def cut(cable: Cable) -> Callable[[Page], Page]:
    """A cut that is mended at once: what is typed next may find it or not."""

    def cut(page: Page) -> Page:
        cable.cut()
        cable.mend()
        return page

    return cut


def good_reload(lantern: Talker) -> Callable[[Page], Page]:
    """An edit that is taken."""

    def good_reload(page: Page) -> Page:
        edits = lantern.reloads
        text = (lantern.folder / "example_service" / "talk.py").read_text()
        lantern.write("example_service/talk.py", f"{text}\nEDIT = {edits}\n")
        lantern.prints(r" Reloaded, generation ", times=edits + 1)
        return page

    return good_reload


def refused_reload(lantern: Talker) -> Callable[[Page], Page]:
    """An edit that is refused, and taken back."""

    def refused_reload(page: Page) -> Page:
        refused = lantern.output.count("Reload refused")
        talk = lantern.folder / "example_service" / "talk.py"
        text = talk.read_text()
        lantern.write("example_service/talk.py", f"{text}\ndef broken(:\n")
        lantern.prints(r"Reload refused", times=refused + 1)
        nothing = lantern.output.count("Nothing to reload")
        lantern.write("example_service/talk.py", text)
        lantern.prints(r"Nothing to reload", times=nothing + 1)
        return page

    return refused_reload


def restarted(lantern: Talker) -> Callable[[Page], Page]:
    """Another process takes over. The page comes to it by itself."""

    def restarted(page: Page) -> Page:
        restarts = lantern.output.count("Restarted, process")
        lantern.gets(signal.SIGUSR2)
        lantern.prints("Restarted, process", times=restarts + 2)  # both processes say so
        return page

    return restarted


@pytest.fixture
def cable(lantern: Talker) -> Iterator[Cable]:
    cable = Cable(int(lantern.prints(r"Open http://\S+:(\d+)/")[1]))
    yield cable
    cable.close()


@pytest.fixture(params=["cut", "F5", "window", "reload", "refused"])
def disturb(request: pytest.FixtureRequest, lantern: Talker, cable: Cable) -> Any:
    """Something that happens to a page, which returns the page to go on in."""
    return {
        "cut": cut(cable),
        "F5": loaded_again,
        "window": other_window,
        "reload": good_reload(lantern),
        "refused": refused_reload(lantern),
    }[request.param]


def test_a_login_goes_on_where_it_was_and_its_password_is_kept_nowhere(
    lantern: Talker,
    cable: Cable,
    join: Callable[..., Page],
    disturb: Callable[[Page], Page],
    request: pytest.FixtureRequest,
) -> None:
    name = "Nan" + "".join(letter for letter in request.node.callspec.id if letter.isalpha())
    page = join(url=f"http://127.0.0.1:{cable.port}/")
    for question, answer in (("name", name), ("Create it", "y")):
        page = disturb(page)
        page.asked(question)
        page.types(answer)
    for question in ("Choose a password", "Type it again"):
        page.asked(question)
        page = disturb(page)
        page.asked(question)
        assert page.tab.locator("#secret").get_attribute("type") == "password"
        assert not page.tab.locator("#entry").is_visible()
        page.types(PASSWORD, "#secret")
        page = disturb(page)
        page.tab.evaluate(HIDE)
        stored = page.tab.evaluate(STORED)
        assert "Choose a password" in stored
        assert PASSWORD not in stored + page.tab.content()
    page.asked("Your pronouns")
    page = disturb(page)
    page.types("they")
    page.tab.wait_for_selector("[data-stage=inside] #room:not([hidden])")
    assert page.count(f"Welcome, {name}!") == 1
    assert page.count("Choose a password") == 1
    # The password has come through once and whole.
    caller = Caller(lantern.port)
    caller.types(name, PASSWORD)
    caller.sees(f"Welcome back, {name}.")
    caller.hang_up()


def test_s1_a_letter_is_written_over_all_of_it_each_line_once(
    lantern: Talker, cable: Cable, join: Callable[..., Page]
) -> None:
    bob, ann = join("Oto"), join("Ona", f"http://127.0.0.1:{cable.port}/")
    ann.types(".write Oto The evening")
    ann.asked("1>")
    lines = []
    disturbances = (
        cut(cable),
        loaded_again,
        good_reload(lantern),
        other_window,
        refused_reload(lantern),
        restarted(lantern),
        loaded_again,
        cut(cable),
        restarted(lantern),
    )
    for number, disturb in enumerate(disturbances, 1):
        lines.append(f"This is line number {number}.")
        ann.types(lines[-1])
        ann.tab.fill("#entry", "half a")
        ann = disturb(ann)
        ann.asked(f"{number + 1}>")
        assert ann.tab.input_value("#entry") == "half a", "a draft survives"
    ann.types(".")
    ann.sees("Your letter to Oto is sent.")
    bob.types(".read 1")
    bob.sees(lines[-1])
    letter = bob.log().partition("The evening")[2]
    assert [letter.count(line) for line in lines] == [1] * len(lines)
    assert sorted(lines, key=letter.find) == lines
    assert ann.errors == []


def test_what_could_not_be_kept_for_a_page_is_counted_and_said(
    browser: Any, tmp_path: Path, at_end: ExitStack
) -> None:
    talker = started(tmp_path, "--resume-max=2000")
    at_end.callback(talker.kill)
    url = talker.prints(r"Open (http://\S+)\n")[1]
    cable = Cable(int(url.rsplit(":", 1)[1].strip("/")))
    at_end.callback(cable.close)
    context = browser.new_context()
    at_end.callback(context.close)
    ann, bob = Page(context, f"http://127.0.0.1:{cable.port}/", "Ann"), Page(context, url, "Bob")
    ann.types("hello")
    bob.sees("Ann says: hello")
    cable.cut()
    for number in range(60):
        bob.types(f"said while Ann is away, {number:02}")
    bob.sees("You say: said while Ann is away, 59")
    cable.mend()
    ann.sees("Bob says: said while Ann is away, 59")
    notice = ann.tab.wait_for_selector("#notices >> text=could not be kept").inner_text()
    seen = [
        number for number in range(60) if ann.count(f"said while Ann is away, {number:02}") == 1
    ]
    assert seen == list(range(seen[0], 60)), "the oldest go first"
    lost = int(notice.split()[0])
    # What programs are told is among them; it comes for itself where the service has time for a turn in between.
    assert seen[0] <= lost <= 2 * 60


def test_a_page_opens_without_a_network_and_says_what_did_not_arrive(
    cable: Cable, join: Callable[..., Page]
) -> None:
    """F5 while offline: the page comes from its service worker; a password that waited is not in the storage."""
    page = join(url=f"http://127.0.0.1:{cable.port}/")
    page.tab.evaluate("navigator.serviceWorker.ready.then(() => true)")
    wait_until(
        lambda: page.tab.evaluate("navigator.serviceWorker.controller !== null"), "its worker"
    )
    for question, answer in (("name", "Petra"), ("Create it", "y")):
        page.asked(question)
        page.types(answer)
    page.asked("Choose a password")
    cable.cut()
    page.types(PASSWORD, "#secret")
    page.tab.reload()
    page.tab.wait_for_selector("#notices >> text=The connection broke")
    assert page.tab.locator("#secret").is_visible()
    assert PASSWORD not in page.tab.evaluate(STORED) + page.tab.content()
    cable.mend()
    page.tab.wait_for_selector("#notices >> text=1 of the lines that you typed did not arrive")
    for question in ("Choose a password", "Type it again"):
        page.asked(question)
        page.types(PASSWORD, "#secret")
    page.asked("Your pronouns")


def test_what_was_typed_while_the_service_was_started_again_is_no_answer_to_its_question(
    browser: Any, tmp_path: Path, at_end: ExitStack
) -> None:
    talker = started(tmp_path)
    at_end.callback(talker.kill)
    url = talker.prints(r"Open (http://\S+)\n")[1]
    context = browser.new_context()
    at_end.callback(context.close)
    page = Page(context, url, "Ria")
    talker.stop()
    page.tab.wait_for_selector("#notices >> text=The service has stopped")
    page.types("Is anybody there?")
    again = Talker(talker.folder, *talker.process.args[1:])  # type: ignore[misc]  # as it was started
    at_end.callback(again.kill)
    page.tab.wait_for_selector("#notices >> text=The service was started again")
    page.tab.wait_for_selector("#notices >> text=1 of the lines that you typed did not arrive")
    page.asked("name")
    assert page.tab.get_attribute("body", "data-stage") == "door"
    assert page.tab.locator("#room").is_hidden()
    page.types("Ria")
    page.asked("Your password")
    page.types(PASSWORD, "#secret")
    page.sees("Welcome, Ria! This is visit number 2.")
    assert page.errors == []


def test_w19_the_newer_of_two_windows_has_the_session_and_the_older_can_take_it_back(
    join: Callable[..., Page],
) -> None:
    """Each has all that was said, once: also what the other has received after it was saved."""
    hal, eve = join("Hal"), join("Eve")
    hal.tab.evaluate(HIDE)
    eve.types("after Hal was hidden")
    hal.sees("Eve says: after Hal was hidden")
    window = other_window(hal, hide=False)
    window.sees("Eve says: after Hal was hidden")
    window.types("from the other window")
    window.sees("You say: from the other window")
    assert hal.count("from the other window") == 0
    hal.types("typed meanwhile")
    taken_back(hal)
    window.tab.wait_for_selector("#notices >> text=another window")
    hal.sees("You say: typed meanwhile")
    hal.types("and back")
    hal.sees("You say: and back")
    assert window.count("and back") == 0
    for line in (
        "Eve says: after Hal was hidden",
        "You say: from the other window",
        "You say: typed meanwhile",
        "You say: and back",
    ):
        assert hal.count(line) == 1
    assert hal.tab.locator("#notices >> text=could not be kept").count() == 0


def test_a_window_that_was_closed_leaves_what_it_has_to_the_one_before(
    join: Callable[..., Page],
) -> None:
    ida = join("Ida")
    window = other_window(ida)
    window.types("in the other window")
    window.sees("You say: in the other window")
    window.tab.close()
    taken_back(ida)
    ida.sees("You say: in the other window")
    assert ida.count("You say: in the other window") == 1
