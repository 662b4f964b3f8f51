"""What Python keeps of data files is not older than the files after a reload."""

from __future__ import annotations

import gettext
import linecache
import struct
from pathlib import Path

import pytest

from tests.reload.code.test_modules import reload_files

TALK = """
    import gettext, linecache
    from pathlib import Path
    HERE = Path(__file__).parent
    translate = gettext.translation("talk", HERE / "locale", ["de"]).gettext
    def motto():
        return linecache.getline(str(HERE / "motto.txt"), 1)
    FIRST = motto()
"""


def catalogue(text: str) -> bytes:
    """A .mo file with a translation of ``hello`` (GNU gettext manual, 10.3)."""
    header = b"Content-Type: text/plain; charset=UTF-8\n"
    pairs = ((b"", header), (b"hello", text.encode()))
    table, strings, offset = [], b"", 28 + 8 * 2 * len(pairs)
    for column in zip(*pairs, strict=True):
        for part in column:
            table += [len(part), offset + len(strings)]
            strings += part + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, offset)
    return head + struct.pack(f"<{len(table)}I", *table) + strings


@pytest.fixture
def app(run, tmp_path):
    folder = tmp_path / "app0"
    (folder / "locale/de/LC_MESSAGES").mkdir(parents=True)
    write(folder, "hallo", "first\n")
    app = run({"reload_patterns": ["*.mo", "*.txt"]}, talk=TALK)
    app.folder = folder
    return app


def write(folder: Path, greeting: str, motto: str) -> None:
    (folder / "locale/de/LC_MESSAGES/talk.mo").write_bytes(catalogue(greeting))
    (folder / "motto.txt").write_text(motto)


def test_an_edited_catalogue_of_translations_is_read_again(app):
    assert app.module("talk").translate("hello") == "hallo"
    write(app.folder, "servus", "another\n")
    assert reload_files(app).ok
    assert app.module("talk").translate("hello") == "servus"
    assert app.module("talk").FIRST == "another\n"


def test_a_refused_reload_leaves_what_was_read(app):
    write(app.folder, "servus", "another\n")
    (app.folder / "core.py").write_text("1 / 0\n")
    assert not reload_files(app).ok
    again = gettext.translation("talk", app.folder / "locale", ["de"])
    assert again.gettext("hello") == "hallo"


def test_what_belongs_to_others_is_kept(app, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("text\n")
    linecache.getline(str(other), 1)
    assert reload_files(app).ok
    assert str(other) in linecache.cache
