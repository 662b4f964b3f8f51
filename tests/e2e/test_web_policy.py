"""What the browser itself enforces for the page: its Content-Security-Policy, and the Origin of WebSockets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import Talker, wait_until
from tests.e2e.page import Page

#: Whatever the policy stops is told by an event, and by no other means to the page itself.
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""
LINES = (
    "<b>bold</b> <img src=x onerror=alert(1)> <script>alert(1)</script>",
    'javascript:alert(1) data:text/html,x https://example.org/<b> http://example.org/"onclick=alert(1)',
    "\x1b]8;;javascript:alert(1)\x1b\\click\x1b]8;;\x1b\\ \x1b]8;;https://example.org/\x1b\\good\x1b]8;;\x1b\\",
    "\x1b]8;;https://example.org/\x1b\\never ended",
    "\x1b[38;2;1;2;3m\x1b[48;5;500mcolour\x1b[0m \x1b[2J\x1b[999;999Hmoved \x1b]0;title\x07",
    "\x1b[31;url(x)m \x1bPdevice\x1b\\ \x9b31mc1 \x00\x07\x08\x7f\u202eturned\u202c",
    "<style>*{display:none}</style><a href=javascript:alert(1)>x</a><svg onload=alert(1)>",
)
#: All that lines have added to the page and may not: anything but text, spans and links to the web.
STRANGE = """
[...document.querySelectorAll("#log *, #channel-log *, #here *, #elsewhere *, #aloud *, #room *, #question *")]
    .filter((e) => e.closest(".line, .day, .marker, .topic") && !["P", "SPAN"].includes(e.tagName)
        && !(e.tagName === "A" && /^https?:$/.test(e.protocol)))
    .map((e) => e.outerHTML)
"""
ATTRIBUTES = """
[...new Set([...document.querySelectorAll("#log *")].flatMap((e) => e.getAttributeNames()))]
"""


@pytest.fixture
def watched(browser: Any, lantern: Talker) -> Iterator[Callable[[str], Page]]:
    """Come in at a page that notes what its policy stops."""
    contexts: list[Any] = []

    def watched(name: str) -> Page:
        context = browser.new_context()
        context.add_init_script(WATCH)
        contexts.append(context)
        return Page(context, lantern.prints(r"Open (http://\S+)\n")[1], name)

    yield watched
    for context in contexts:
        context.close()


def test_w16_what_people_type_adds_text_spans_and_links_and_breaks_no_policy(
    watched: Callable[[str], Page],
) -> None:
    """Said, told, in a status and as a topic: wherever others' words stand on the page."""
    ida, jan = watched("Ida"), watched("Jan")
    for line in LINES:
        ida.types(line)
        ida.types(f".tell Jan {line}")
        ida.types(f".status {line}"[:80])
    ida.types("that was all")
    jan.sees("Ida says: that was all")
    for page in (ida, jan):
        assert page.tab.evaluate(STRANGE) == []
        names = {"class", "dir", "data-time", "data-fit", "style", "href", "target", "rel"}
        assert set(page.tab.evaluate(ATTRIBUTES)) <= names
        for link in page.tab.query_selector_all("#log a"):
            assert link.get_attribute("rel") == "noopener noreferrer nofollow"
        assert page.tab.evaluate("window.violations") == []
        assert page.errors == []
    assert "<img src=x onerror=alert(1)>" in jan.log()
    assert jan.tab.title() == "The Lantern"


def test_the_whole_page_breaks_no_policy(watched: Callable[[str], Page]) -> None:
    """Settings, search, the panel, the log saved, and all of it again after F5."""
    page = watched("Kit")
    for _ in range(2):
        page.tab.click("#settings-button")
        with page.tab.expect_download():
            page.tab.click("#save-log")
        page.tab.keyboard.press("Escape")
        page.tab.click("#theme-button")
        page.tab.keyboard.press("Control+Shift+F")
        page.tab.fill("#find-text", "lamp")
        page.tab.click("#find-close")
        page.types("\x1b[38;2;200;10;10mred\x1b[0m")
        page.sees("You say")
        assert page.tab.evaluate("window.violations") == []
        page.tab.reload()
        page.tab.wait_for_selector("[data-stage=inside] #room:not([hidden])")
    assert page.errors == []


@pytest.mark.parametrize(
    ("injected", "directive"),
    [
        (
            "const e = document.createElement('script'); e.text = 'window.ran = 1'; document.body.append(e)",
            "script-src-elem",
        ),
        (
            "document.body.setAttribute('onclick', 'window.ran = 1'); document.body.click()",
            "script-src-attr",
        ),
        (
            "document.body.insertAdjacentHTML('beforeend', '<img src=/none.png onerror=\"window.ran = 1\">')",
            "script-src-attr",
        ),
        (
            "const e = document.createElement('script'); e.src = 'https://example.org/x.js'; document.body.append(e)",
            "script-src-elem",
        ),
        (
            "const e = document.createElement('img'); e.src = 'https://example.org/x.png'; document.body.append(e)",
            "img-src",
        ),
        (
            "const e = document.createElement('iframe'); e.src = 'data:text/html,x'; document.body.append(e)",
            "frame-src",
        ),
        ("new WebSocket('ws://127.0.0.1:1/')", "connect-src"),
        ("fetch('https://example.org/').catch(() => {})", "connect-src"),
        (
            "const e = document.createElement('base'); e.href = 'https://example.org/'; document.head.append(e)",
            "base-uri",
        ),
        (
            "const e = document.createElement('form'); e.action = 'https://example.org/'; document.body.append(e); e.submit()",
            "form-action",
        ),
    ],
)  # fmt: skip - a table
def test_what_gets_into_the_page_all_the_same_does_not_run(
    watched: Callable[[str], Page], injected: str, directive: str
) -> None:
    """Should a mistake of ours let markup in, the browser stops what it would do."""
    page = watched("")
    page.tab.evaluate(f"() => {{ {injected} }}")
    wait_until(lambda: page.tab.evaluate("window.violations.length > 0"), "a violation")
    assert directive in page.tab.evaluate("window.violations")
    assert page.tab.evaluate("window.ran") is None


def test_eval_does_not_run(watched: Callable[[str], Page]) -> None:
    """In the page's own world: what playwright evaluates is exempt, a timer of it is not."""
    page = watched("")
    page.tab.evaluate("() => { setTimeout('window.ran = 1', 0) }")
    wait_until(lambda: page.tab.evaluate("window.violations.length > 0"), "a violation")
    assert page.tab.evaluate("window.ran") is None


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[str]:
    """A site of somebody else's, at another origin of this machine."""
    (tmp_path / "index.html").write_text("<!doctype html><title>elsewhere</title>")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


OPENED = """
(url) => new Promise((done) => {
    const socket = new WebSocket(url, ["telnet.mudstandards.org", "session.cletus"]);
    socket.onopen = () => done("open");
    socket.onclose = ({ code }) => done(code);
})
"""


def test_w01_a_page_of_another_origin_cannot_open_the_websocket(
    browser: Any, lantern: Talker, foreign: str
) -> None:
    """Nor read a file, nor show the page in a frame; our own page can open it."""
    url = lantern.prints(r"Open (http://\S+)\n")[1]
    socket_url = url.replace("http", "ws", 1) + "ws"
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(url)
    assert tab.evaluate(OPENED, socket_url) == "open"
    tab.goto(foreign)
    assert tab.evaluate(OPENED, socket_url) == 1006
    read = "(url) => fetch(url).then(() => 'read', () => 'refused')"
    assert tab.evaluate(read, f"{url}status") == "refused"
    framed = """(url) => new Promise((done) => {
        const frame = document.createElement("iframe");
        frame.onload = () => done(frame.contentWindow.length);
        frame.src = url;
        document.body.append(frame);
    })"""
    tab.evaluate(framed, url)
    (frame,) = (frame for frame in tab.frames if frame is not tab.main_frame)
    assert frame.query_selector("#entry") is None, "frame-ancestors 'none'"
    context.close()
