"""An evening in the MUD of the template, end to end: a process, 20 people by sockets, and 200 characters.

Its author edits code, some of it broken, adds an area, and edits its file while a builder builds in it.
At the end nobody was dropped, each thing is in one place, and everybody has heard what was said in their
room exactly once.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections import Counter
from contextlib import ExitStack
from itertools import product
from pathlib import Path

from tests.cli.templates.test_mud_evening import NAMES
from tests.e2e.harness import Talker, wait_until
from tests.e2e.mud import MOVES, THINGS, Mud

CHARACTERS, TURNS, TURNS_MAX = 200, 12, 60
#: What must have happened; without it, the evening goes on.
SHOWN = ("The rat dies.", "You fall.", "gets a leather bag", "is gone.", "Undone: ")
WORDS = (
    *(*MOVES, "look", "i", "score", "who", "kill rat", "kill eel", "flee", "say hello, marta"),
    *("xyzzy", "examine well", "alias l2 = look", "l2", "preferences", "look in bag"),
)
#: What a builder does wherever they are.
BUILDING = (
    *("dig up A loft {turn}", "rename Room {turn}", "close up", "open up", "undo", "find loft"),
    *("conflicts", "export marsh", "export village", "teleport pool", "teleport square"),
)
FEN = '[fen]\nname = "The fen"\ndescription = "Mist."\nexits = { south = "square" }\n'
HOUR = '\n\n@general.register\ndef hour(event: Receive) -> None:\n    """Tell the hour."""\n    event.user.write("It is hour 0.")\n'
BROKEN = ("def x(:\n", "1 / 0\n", "import nothing_of_this_name\n")
_ERROR = re.compile(r"^\S+ \S+ (?:error|critical): .*", re.MULTILINE)
_IN_ROOM = re.compile(rf"^({'|'.join(NAMES)})  +(.*?)  +\d+ *\r?$", re.MULTILINE)


class Author:
    """Edits the files of the MUD while people play; Ann, a builder, sees what comes of it."""

    def __init__(self, mud: Mud, talker: Talker) -> None:
        self._mud = mud
        self._talker = talker
        self._ann = mud.callers["Ann"]
        self.refused = 0

    def writes(self, file: str, text: str) -> None:
        """Save a file of the package."""
        self._talker.write(f"{self._mud.name}/{file}", text)

    def text(self, file: str) -> str:
        """What a file of the package says."""
        return (self._mud.folder / self._mud.name / file).read_text(encoding="utf-8")

    def edits(self, file: str, old: str, new: str) -> None:
        """Replace a text in a file."""
        self._talker.edit(f"{self._mud.name}/{file}", old, new)

    def breaks_and_mends(self, turn: int) -> None:
        """Save broken code, which is refused, and then what the next turn runs."""
        file, broken = ("fight.py", "characters.py", "people.py")[turn % 3], BROKEN[turn % 3]
        sound = self.text(file)
        self.refused += 1
        self.writes(file, sound + broken)
        self._talker.prints(" Reload refused", self.refused)
        self.writes(file, f"{sound}# mended in turn {turn}\n")
        self.edits("commands.py", f"It is hour {turn}.", f"It is hour {turn + 1}.")
        self.comes_true("hour", f"It is hour {turn + 1}.")

    def adds_an_area(self) -> None:
        """Import an area from a file; nobody comes there by walking."""
        self.writes("areas/fen.toml", FEN)
        self.edits("world.py", '"ruin")', '"ruin", "fen")')
        self.comes_true("find fen", "The fen")

    def edits_what_is_built(self, turn: int) -> None:
        """Export what was built, edit that file, and have it merged with what is built meanwhile."""
        ann = self._ann
        ann.types("teleport " + ("The fen" if turn == 0 else f"Fen {turn - 1}"))
        ann.types(f"dig {turn} Tower {turn}", "export fen")
        ann.sees("written to fen.toml")
        assert f"tower-{turn}" in tomllib.loads(self.text("areas/fen.toml"))
        ann.types(f"rename Fen {turn}")
        ann.sees(f"This room is called Fen {turn} now.")
        text = self.text("areas/fen.toml").replace("Mist.", f"Mist. {turn}.", 1)
        self.writes("areas/fen.toml", f'{text}\n[mound-{turn}]\nname = "Mound {turn}"\n')
        self.comes_true("look", f"Fen {turn}\r\nMist. {turn}.")
        self.comes_true(f"find mound-{turn}", f"Mound {turn}")

    def comes_true(self, line: str, answer: str) -> None:
        """Wait until Ann sees this when she types that."""

        def is_so() -> bool:
            self._ann.types(line, "xyzzy")
            return answer in self._ann.sees("There is no command xyzzy.")

        wait_until(is_so, f"{line}: {answer}", lambda: self._ann.screen[-2000:])


class Speech:
    """What everybody says in a turn, and who must hear it."""

    def __init__(self, turn: int, before: dict[str, str], after: dict[str, str]) -> None:
        self.turn = turn
        self.before = before
        self.after = after

    def check(self, lines: dict[str, Counter[str]]) -> int:
        """Each line of speech was heard as often as it must be; how many were to be heard by others.

        Nobody walks meanwhile, but some fall in a fight, and wake up elsewhere: they may have heard
        it in their old room, in the new one, or not at all.
        """
        heard = 0
        for speaker, hearer, part in product(NAMES, NAMES, (1, 2)):
            text = said(speaker, self.turn, part)
            line = f"You say: {text}" if speaker == hearer else f"{speaker} says: {text}"
            times = lines[hearer][line]
            rooms = {self.before[speaker], self.after[speaker]}
            both = {*rooms, self.before[hearer], self.after[hearer]}
            if speaker == hearer or len(both) == 1:
                assert times == 1, (hearer, line, times)
                heard += speaker != hearer
            elif rooms.isdisjoint({self.before[hearer], self.after[hearer]}):
                assert times == 0, (hearer, line, times)
            else:
                assert times <= 1, (hearer, line, times)
        return heard


def said(speaker: str, turn: int, part: int) -> str:
    """What somebody says, and nobody else ever does."""
    return f"{speaker} in turn {turn}, part {part}"


def rooms_of_all(mud: Mud) -> dict[str, str]:
    """Who is where."""
    ann = mud.callers["Ann"]
    ann.types("who", "xyzzy")
    rooms = dict(_IN_ROOM.findall(ann.sees("There is no command xyzzy.")))
    assert rooms.keys() == set(NAMES)
    return rooms


def people_the_marsh(mud: Mud, chance: random.Random) -> None:
    """Write so many characters into a file of the project, and let them be quick."""
    package = mud.folder / mud.name
    homes = ("square", "inn", "causeway", "pool", "gate", "vault")
    with (package / "areas" / "beasts.toml").open("a") as beasts:
        for number in range(CHARACTERS):
            home = chance.choice(homes)
            beasts.write(f'\n[crowd-{number}]\nname = "rat"\nhome = "room:{home}"\n')
            beasts.write("health = 3\nhealth_max = 3\nstrength = 9\n")
    for file, old, new in (
        ("characters.py", "tick_interval = 30.0", "tick_interval = 2.0"),
        ("characters.py", "return_delay = 120.0", "return_delay = 2.0"),
        ("fight.py", "ROUND = 2.0", "ROUND = 0.1"),
        ("commands.py", "\n\n@general.register\ndef who", f"{HOUR}\n\n@general.register\ndef who"),
    ):
        text = (package / file).read_text()
        assert old in text
        (package / file).write_text(text.replace(old, new))


def test_an_evening_with_twenty_people_and_two_hundred_characters(
    tmp_path: Path, at_end: ExitStack
) -> None:
    chance = random.Random(16)
    mud = Mud("played", tmp_path, at_end)
    people_the_marsh(mud, chance)
    talker = mud.start()
    for name in NAMES:
        mud.logs_in(name, is_new=True)
    for name in ("Ann", "Bob"):
        mud.command("user", "role", "played", name, "builder")
    ann, bob = mud.callers["Ann"], mud.callers["Bob"]
    author = Author(mud, talker)
    author.comes_true(f"find crowd-{CHARACTERS - 1}", "rat")
    author.adds_an_area()
    bob.types("e")
    bob.sees("Ask me about the marsh")
    speeches = []
    shown: set[str] = set()
    for turn in range(TURNS_MAX):
        if turn >= TURNS and len(shown) == len(SHOWN):
            break
        for name in NAMES[1:]:
            mud.callers[name].types(*chance.choices(WORDS, k=4))
        bob.types(*(act.format(turn=turn) for act in chance.sample(BUILDING, 2)))
        author.edits_what_is_built(turn)
        pit = ("get all", f"dig down Pit {turn}", "down", "drop all", "up", f"destroy pit-{turn}")
        ann.types("teleport square", *pit)
        mud.all_is_done()
        before = rooms_of_all(mud)
        for name, caller in mud.callers.items():
            caller.types(f"say {said(name, turn, 1)}")
        author.breaks_and_mends(turn)
        for name, caller in mud.callers.items():
            caller.types(f"say {said(name, turn, 2)}")
        mud.all_is_done()
        speeches.append(Speech(turn, before, rooms_of_all(mud)))
        screens = [caller.screen for caller in mud.callers.values()]
        shown = {text for text in SHOWN if any(text in screen for screen in screens)}
    author.comes_true("conflicts", "There are no conflicts.")
    author.edits("areas/fen.toml", f"Fen {len(speeches) - 2}", "The old fen")
    author.comes_true("conflicts", "fen, fen: name")
    mud.all_is_done()
    assert " disconnected" not in talker.output
    assert talker.stop() == 0
    for caller in mud.callers.values():
        assert "The service is going down. Goodbye!" in caller.sees_the_end()

    lines = {name: Counter(caller.screen.split("\r\n")) for name, caller in mud.callers.items()}
    assert sum(speech.check(lines) for speech in speeches) > TURNS * len(NAMES)
    assert shown == set(SHOWN), "the evening was too quiet to show anything"
    errors = _ERROR.findall(talker.output)
    assert all("Reload refused" in error for error in errors), errors
    assert mud.things() == THINGS
