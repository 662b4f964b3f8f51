"""Take the first picture of the README: ``python docs/session/page.py`` writes ``page.png`` beside itself.

It starts the Lantern in a folder of its own, lets a developer and two others talk in browsers without a
window (Chromium, driven by ``playwright``), edits the code while they do, and breaks it once. Nothing in
the picture is made up.
"""

from __future__ import annotations

import base64
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PASSWORD = "a lantern at night"
SIZE = {"width": 1120, "height": 680}
PATIENCE = 30.0


@contextmanager
def lantern(folder: Path) -> Iterator[str]:
    """Run a copy of the example in which everybody is a developer; the address of its page."""
    shutil.copytree(ROOT / "example_service", folder / "example_service")
    gmcp = folder / "example_service" / "gmcp.py"
    gmcp.write_text(gmcp.read_text().replace("is_developer,", "lambda _client: True,"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    command = [sys.executable, "-m", "cletus", "run", "example_service", "--port=0"]
    output = folder / "output.txt"
    with output.open("wb") as said:
        process = subprocess.Popen(
            [*command, f"--web-port={port}", "--store=memory:"],
            cwd=folder,
            stdout=said,
            stderr=said,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(r"Open (http://\S+)", output.read_text())):
            if time.monotonic() > deadline or process.poll() is not None:
                raise SystemExit(output.read_text())
            time.sleep(0.05)
        yield found[1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


class Person:
    """Somebody at the page."""

    def __init__(self, browser: Any, url: str, name: str) -> None:
        self.tab = browser.new_page(viewport=SIZE, color_scheme="dark")
        self.tab.goto(url)
        for question, answer, field in (
            ("name", name, "#entry"),
            ("Create it", "y", "#entry"),
            ("Choose a password", PASSWORD, "#secret"),
            ("Type it again", PASSWORD, "#secret"),
            ("Your pronouns", "they", "#entry"),
        ):
            self.tab.wait_for_selector(f"#question >> text={question}")
            self.types(answer, field)
        self.sees("Type .help")

    def types(self, line: str, field: str = "#entry") -> None:
        self.tab.fill(field, line)
        self.tab.press(field, "Enter")

    def sees(self, words: str) -> None:
        self.tab.wait_for_selector(f"#log >> text={words}")


#: Gives the colours of a picture, row by row.
PIXELS = """
async (data) => {
    const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${data}`)).blob());
    const paper = new OffscreenCanvas(image.width, image.height).getContext("2d");
    paper.drawImage(image, 0, 0);
    const pixels = paper.getImageData(0, 0, image.width, image.height).data, colours = [];
    for (let i = 0; i < pixels.length; i += 4) {
        colours.push((pixels[i] << 16) | (pixels[i + 1] << 8) | pixels[i + 2]);
    }
    return colours;
}
"""


def distance(one: int, other: int) -> int:
    """How different two colours are."""
    return sum(abs((one >> shift & 255) - (other >> shift & 255)) for shift in (16, 8, 0))


def png(width: int, colours: list[int]) -> bytes:
    """A picture of the 256 most frequent colours, a third as large as Chromium's own."""
    few = [colour & 0xFCFCFC | (colour & 0xFCFCFC) >> 6 & 0x030303 for colour in colours]
    palette = [colour for colour, _ in Counter(few).most_common(256)]
    nearest = {colour: min(palette, key=partial(distance, colour)) for colour in set(few)}
    index = {colour: palette.index(near) for colour, near in nearest.items()}
    rows = [few[at : at + width] for at in range(0, len(few), width)]
    data = b"".join(b"\0" + bytes(index[colour] for colour in row) for row in rows)

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(rows), 8, 3, 0, 0, 0))
    colour_table = chunk(b"PLTE", b"".join(colour.to_bytes(3, "big") for colour in palette))
    pixels = chunk(b"IDAT", zlib.compress(data, 9))
    return b"\x89PNG\r\n\x1a\n" + header + colour_table + pixels + chunk(b"IEND", b"")


def take(folder: Path) -> bytes:
    """The picture, as PNG."""
    talk = folder / "example_service" / "talk.py"
    with sync_playwright() as playwright, lantern(folder) as url:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        ann, bob, cas = (Person(browser, url, name) for name in ("Ann", "Bob", "Cas"))
        ann.sees("Cas")
        cas.types(".title tends the lamp")
        bob.types("Is anybody awake?")
        ann.sees("Bob says: Is anybody awake?")
        cas.types("Always. The lamp has to be lit.")
        ann.sees("Cas says: Always")
        source = talk.read_text()
        talk.write_text(source.replace("says: ", "murmurs: "))
        ann.tab.wait_for_selector("#author li.good")
        bob.types("Something has just changed.")
        ann.sees("Bob murmurs: Something")
        broken = talk.read_text().replace(
            "tell_everyone(text, by=event.user)", "tell_everyone(text, by="
        )
        talk.write_text(broken)
        ann.tab.wait_for_selector("#author li.bad")
        cas.types("Ann, was that you?")
        ann.sees("Cas murmurs: Ann, was")
        ann.types("It was. I broke the code, and you talk on.")
        ann.sees("You say: It was")
        picture = base64.b64encode(ann.tab.screenshot()).decode()
        colours = browser.new_page().evaluate(PIXELS, picture)
        browser.close()
    return png(SIZE["width"], colours)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        (HERE / "page.png").write_bytes(take(Path(name)))
    print(f"{HERE / 'page.png'}: {(HERE / 'page.png').stat().st_size} bytes")
