"""People in a real browser: Chromium, driven by playwright, with The Lantern behind it.

Its fixtures are in ``conftest.py``, for all tests of the page.

Skipped where there is no Chromium: ``.ci/install-clients`` installs Debian's.
"""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import REPOSITORY, TIMEOUT, Talker, wait_until
from tests.engines import free_port

PASSWORD = "correct horse battery"
#: Everything that the browser keeps, with the bytes of kept messages as text.
STORED = """
JSON.stringify([{...sessionStorage}, {...localStorage}])
    .replace(/\\[(\\d+(?:,\\d+)*)\\]/g, (_, list) => String.fromCharCode(...list.split(',')))
"""
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
    talker = started(tmp_path_factory.mktemp("web"))
    yield talker
    talker.kill()


def started(folder: Path, *options: str) -> Talker:
    """Start a copy of the example in which everybody is told of reloads; the caller ends it."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "example_service", folder / "example_service", ignore=ignored)
    gmcp = folder / "example_service" / "gmcp.py"
    gmcp.write_text(gmcp.read_text().replace("is_developer,", "lambda _client: True,"))
    admin = folder / "example_service" / "admin.py"
    everybody = ("admin.register(rollback)", "keeping.register(rollback)")
    admin.write_text(admin.read_text().replace(*everybody))
    options = ("--port=0", "--store=saved", "--web-port", str(free_port()), *options)
    # All are newcomers of one address.
    options += ("--users-accounts-per-hour=0", "--screen-lines-per-address=0")
    options += ("--screen-lines-of-newcomers=0", "--screen-lines-per-room=0")
    return Talker(folder, "-m", "cletus", "run", "example_service", *options)


class Page:
    """Somebody at the page.

    Args:
        context: playwright's.
        url: of the page; it is opened.
        name: new to the service, to make an account with; without one, the first question is left open.
        tab: one that is open already.

    Attributes:
        errors: what the browser has complained about.
    """

    def __init__(self, context: Any, url: str, name: str = "", *, tab: Any = None) -> None:
        self.tab = context.new_page() if tab is None else tab
        self.tab.context.set_default_timeout(TIMEOUT * 1000)
        self.errors: list[str] = []
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("console", self._console)
        if tab is None:
            self.tab.goto(url)
            self.asked("name")
        if name:
            self.comes_in(name)

    def comes_in(self, name: str) -> None:
        """Make an account."""
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
        is_a_cut = (
            "net::ERR" in message.text or "closed before receiving a handshake" in message.text
        )
        if message.type == "error" and not is_a_cut:
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
        carried: bytes that have come from there.
    """

    def __init__(self, port: int) -> None:
        self.carried = 0
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

    def lead_to(self, port: int) -> None:
        """New connections go there."""
        self._to = port

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
                try:
                    far = socket.create_connection(("127.0.0.1", self._to))
                except OSError:  # nobody is there
                    near.close()
                    continue
                self._sockets += [near, far]
                self._run(self._copy, near, far)
                self._run(self._copy_and_count, far, near)

    def _copy_and_count(self, source: socket.socket, target: socket.socket) -> None:
        self._copy(source, target, counts=True)

    def _copy(self, source: socket.socket, target: socket.socket, counts: bool = False) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self.carried += len(data) * counts
                target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def join(browser: Any, lantern: Talker) -> Iterator[Callable[..., Page]]:
    """Come in by the page as somebody new; at the end, no page has reported an error."""
    pages: list[Page] = []
    contexts: list[Any] = []

    def join(name: str = "", url: str = "") -> Page:
        context = browser.new_context()
        contexts.append(context)
        url = url or lantern.prints(r"Open (http://\S+)\n")[1]
        pages.append(Page(context, url, name))
        return pages[-1]

    yield join
    errors = [error for page in pages for error in page.errors]
    for context in contexts:
        context.close()
    assert errors == [], errors
