"""People in a real browser: Chromium, driven by playwright, with The Lantern behind it.

Skipped where there is no Chromium: ``.ci/install-clients`` installs Debian's.
"""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.e2e.harness import REPOSITORY, TIMEOUT, Caller, Talker, wait_until

PASSWORD = "correct horse battery"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
)  # fmt: skip - a list


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; each person has a context of their own in it."""
    api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no chromium: .ci/install-clients installs it")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def lantern(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talker]:
    """The example, in which everybody is told of reloads."""
    folder = tmp_path_factory.mktemp("web")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "example_service", folder / "example_service", ignore=ignored)
    gmcp = folder / "example_service" / "gmcp.py"
    gmcp.write_text(gmcp.read_text().replace("is_developer,", "lambda _client: True,"))
    admin = folder / "example_service" / "admin.py"
    everybody = ("admin.register(rollback)", "keeping.register(rollback)")
    admin.write_text(admin.read_text().replace(*everybody))
    options = ("--port=0", "--store=saved", "--web-port", str(free_port()))
    options += ("--users-accounts-per-hour=0",)  # all come from one address
    talker = Talker(folder, "-m", "cletus", "run", "example_service", *options)
    yield talker
    talker.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class Page:
    """Somebody at the page, who makes an account.

    Args:
        context: playwright's.
        url: of the page.
        name: new to the service.
    """

    def __init__(self, context: Any, url: str, name: str) -> None:
        self.tab = context.new_page()
        self.tab.set_default_timeout(TIMEOUT * 1000)
        self.errors: list[str] = []
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("console", self._console)
        self.tab.goto(url)
        self.asked("name")
        self.types(name)
        self.asked("Create it")
        self.types("y")
        for question in ("Choose a password", "Type it again"):
            self.asked(question)
            self.types(PASSWORD, "#secret")
        self.asked("Your pronouns")
        self.types("they")
        self.tab.wait_for_selector("[data-stage=inside] #room:not([hidden])")

    def _console(self, message: Any) -> None:
        if message.type == "error" and "net::ERR" not in message.text:
            self.errors.append(message.text)

    def asked(self, words: str, within: float = TIMEOUT) -> None:
        """Wait for a question with these words."""
        try:
            self.tab.locator("#question", has_text=words).wait_for(timeout=within * 1000)
        except Exception as error:
            seen = self.tab.inner_text("body")
            raise AssertionError(f"not asked for {words!r}. Seen:\n{seen}") from error

    def types(self, line: str, field: str = "#entry") -> None:
        self.tab.fill(field, line)
        self.tab.press(field, "Enter")

    def sees(self, words: str) -> None:
        wait_until(lambda: self.count(words), f"{words!r} on the page", self.log)

    def log(self) -> str:
        text: str = self.tab.evaluate("document.querySelector('#log').textContent")
        return text

    def count(self, words: str) -> int:
        return self.log().count(words)


class Cable:
    """A TCP proxy that can be cut, as a phone's network is.

    Args:
        port: where it leads.

    Attributes:
        port: its own.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self.is_up = True
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    def _run(self, target: Callable[..., None], *args: socket.socket) -> None:
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def cut(self) -> None:
        """Break all connections, and refuse new ones."""
        self.is_up = False
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self.is_up = True

    def close(self) -> None:
        self.cut()
        self._server.shutdown(socket.SHUT_RDWR)  # or accept() goes on
        for thread in self._threads:
            thread.join(TIMEOUT)
        for one in (self._server, *self._sockets):
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                if not self.is_up:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [near, far]
                for pair in ((near, far), (far, near)):
                    self._run(self._copy, *pair)

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def join(browser: Any, lantern: Talker) -> Iterator[Callable[..., Page]]:
    """Come in by the page as somebody new; at the end, no page has reported an error."""
    pages: list[Page] = []
    contexts: list[Any] = []

    def join(name: str, url: str = "") -> Page:
        context = browser.new_context()
        contexts.append(context)
        url = url or lantern.prints(r"Open (http://\S+)\n")[1]
        pages.append(Page(context, url, name))
        return pages[-1]

    yield join
    errors = [error for page in pages for error in page.errors]
    for context in contexts:
        context.close()
    assert errors == []


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


def test_the_newer_of_two_windows_has_the_visit(join: Callable[..., Page]) -> None:
    hal = join("Hal")
    with hal.tab.context.expect_page() as opened:
        # A window that is opened from another gets a copy of its session storage.
        hal.tab.evaluate("dispatchEvent(new PageTransitionEvent('pagehide')); window.open('/')")
    window = opened.value
    hal.tab.wait_for_selector("#notices >> text=another window")
    window.fill("#entry", "from the other window")
    window.press("#entry", "Enter")
    window.wait_for_selector("#log >> text=You say: from the other window")
    assert hal.count("from the other window") == 0


def test_passwords_are_kept_nowhere(join: Callable[..., Page]) -> None:
    """W17: in no history, log or storage, also after the page was loaded again."""
    kim = join("Kim")
    kim.tab.reload()
    kim.tab.wait_for_selector("[data-stage=inside] #room:not([hidden])")
    kim.tab.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    stored = kim.tab.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
    assert "Choose a password" in stored
    assert PASSWORD not in stored + kim.tab.content()
    for _ in range(10):
        kim.tab.press("#entry", "ArrowUp")
        assert kim.tab.input_value("#entry") != PASSWORD


def test_what_others_type_adds_no_markup(join: Callable[..., Page]) -> None:
    """W16."""
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
