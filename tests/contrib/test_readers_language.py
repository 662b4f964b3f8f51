"""Nothing that contrib says reaches people in English, where there is a translation: it is played.

A text becomes plain English where it is wrapped, joined or formatted on its way. So applications run here with
a language in which every message is translated, and nothing that people are shown may be of the English.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from cletus.cli.templates import make
from cletus.testing import MemoryDoor, StepClock, Visitor, staged
from cletus.text.translation import OURS, catalogues

ROOT = Path(__file__).parents[2]
PASSWORD = "black water at night"
ACCENTS = str.maketrans("aeiouAEIOU", "äëïöüÄËÏÖÜ")


def messages() -> list[str]:
    with (OURS / "cletus.pot").open("rb") as file:
        ids = [message.id for message in read_po(file) if message.id]
    return [text for id_ in ids for text in ((id_,) if isinstance(id_, str) else id_)]


def translated(message: str) -> str:
    """The message in a language that is English with accents."""
    if not re.search(r"\{\w+[!:}]", message):
        return message.translate(ACCENTS)
    parts = []
    for literal, name, spec, conversion in string.Formatter().parse(message):
        parts.append(literal.translate(ACCENTS))
        if name is not None:
            conversion = f"!{conversion}" if conversion else ""
            parts.append(f"{{{name}{conversion}{':' + spec if spec else ''}}}")
    return "".join(parts)


def phrases(message: str) -> Iterator[str]:
    """What stands between the values of a message, where that is more than a word."""
    for part in re.split(r"\{[^{}]*\}|\n", message):
        if re.search(r"[a-z]{2,}\W+[a-z]{2,}|^[a-z]{4,}:", part.lower()):
            yield part.strip()


@pytest.fixture
def language(tmp_path: Path) -> Iterator[str]:
    catalogue = Catalog(locale="eo")
    with (OURS / "cletus.pot").open("rb") as file:
        for message in read_po(file):
            if isinstance(message.id, str) and message.id:
                catalogue.add(message.id, translated(message.id))
            elif message.id:
                catalogue.add(message.id, tuple(map(translated, message.id)))
    path = tmp_path / "locale" / "eo" / "LC_MESSAGES" / "all.mo"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_mo(file, catalogue)
    catalogues.use(tmp_path / "locale")
    yield "eo"
    catalogues.use()


def check(people: list[Visitor], folder: Path, least: int) -> None:
    """Many messages were shown, and none in English, but for what the application itself says."""
    shown = " ".join(" ".join(person.transcript for person in people).split())
    own = " ".join(
        path.read_text() for path in folder.rglob("*.*") if path.suffix in (".py", ".toml")
    )
    all_phrases = {phrase for message in messages() for phrase in phrases(message)}
    assert len({phrase for phrase in all_phrases if phrase.translate(ACCENTS) in shown}) >= least
    assert {phrase for phrase in all_phrases if phrase in shown and phrase not in own} == set()


MUD = (
    "look", "north", "kill rat", "get all", "i", "score", "help", "", "help look", "help zzz", "xyzzy", "get",
    "preferences", "preferences width 3", "preferences width 60", "preferences nothing", "alias", "alias x = say $1 $2",
    "x", "alias x", "tell bob", "tell nobody hello", "who", "drop all", "look at well", "look in well", "examine well",
    "south", "get well", "wear well", "eat bread", "report bob he shouts", "give all to bob", "go nowhere", "flee",
    "dig up A loft", "up", "close down", "open down", "undo", "find loft", "set here capacity -1", "set here nothing 1",
    "set here capacity 5", "describe", ".help", "A loft.", ".list", ".delete 9", ".", "rename Attic", "export marsh", "conflicts",
    "teleport square", "destroy a-loft", "link north nowhere", "unlink nowhere", "destroy xyzzy", "help dig",
    "reports", "reports 1", "settle 1 done", "record bob", "history bob", "hush bob 10m noise", "unhush bob", "unhush bob",
    "jail bob", "release bob", "kick ann", "ban bob 1h noise", "record", "unban bob", "ban nobody-known", "quit",
)  # fmt: skip


def test_an_evening_in_the_mud(tmp_path, language):
    folder = make("night_out", "mud", tmp_path)
    clock = StepClock()
    with staged("night_out", folder, clock, {"language": language}) as service:
        door = MemoryDoor(service)
        ann, bob = door.connect(), door.connect()
        for name, person in (("Ann", ann), ("Bob", bob)):
            person.says(name, "y", "short", PASSWORD, "another", PASSWORD, PASSWORD)
        for role in ("builder", "admin"):
            service.session.stores["user"].manager.get("ann").grant(role)
        for line in MUD:
            ann.says(line)
            clock.advance(3)
        check([ann, bob], folder / "night_out", least=80)


LANTERN = (
    "hello", ".look", ".who", ".help tell", ".help zzz", ".wave", ".wave at bob", ".hug", ".sulk bob", ".tell bob hi",
    ".tell zzz hi", ".write zzz", ".write bob lamps", "They burn.", ".help", ".list", ".delete 9", ".quit", ".write me lamps",
    "They burn.", ".", ".list", ".read 1", ".read 9", ".discard 1", ".list", ".create lamp", ".create lamp", ".join lamp",
    ".topic lamp Light", ".on lamp hello", ".private lamp", ".invite lamp bob", ".kick lamp bob", ".moderate lamp bob",
    ".part lamp", ".part lamp", ".close lamp", ".channels", ".password", "wrong", ".go zzz", ".out", ".ignore bob", ".away gone",
    ".finger bob", ".shutdown 5m", ".cancel", ".cancel", ".keys", ".keys add zzz", ".keys remove 7", ".pronouns zzz", ".width 3",
    ".charset zzz", ".screenreader", ".preferences", ".alias x = say $1 $2", ".x", ".role bob zzz", ".role bob moderator",
    ".dig up loft A loft", ".describe", "A loft.", ".", ".announce hello", ".reply hello", ".shout hello", ".shout hello",
    ".reload", ".finger zzz", ".register", ".quit",
)  # fmt: skip


def test_an_evening_in_the_lantern(language):
    clock = StepClock()
    with staged("example_service", ROOT, clock, {"language": language}) as service:
        door = MemoryDoor(service)
        ann, bob = door.connect(), door.connect()
        for name, person in (("Ann", ann), ("Bob", bob)):
            person.says(name, "y", "short", PASSWORD, "another", PASSWORD, PASSWORD, "")
        service.session.stores["user"].manager.get("ann").grant("admin")
        for line in LANTERN:
            ann.says(line)
            clock.advance(1)
        check([ann, bob], ROOT / "example_service", least=40)
