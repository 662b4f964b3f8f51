"""A single file and the modules beside it are one application."""

from __future__ import annotations

from pathlib import Path

import pytest

from cletus.reload.load import load
from cletus.testing import Person, start_in_memory
from tests.reload.conftest import Running

BOT = """
from cletus import Service
service = Service()
import bot_models, bot_commands
"""
MODELS = """
from cletus.storage import Field, Store
from bot import service
class Player(Store):
    service = service
    score = Field(0)
"""
COMMANDS = """
from cletus import events
from bot import service
from bot_models import Player
@service.listen(events.Receive)
def receive(event):
    player = Player.manager.get("ann") or Player("ann")
    player.score += 1
    event.client.write(f"score {player.score}")
"""


class Bot:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write(bot=BOT, bot_models=MODELS, bot_commands=COMMANDS)
        self.service = load("bot.py", folder)
        self.app = Running("bot", self.service, start_in_memory(self.service))
        self.ann = Person(self.service, self.app.clock)

    def write(self, **texts: str) -> None:
        for name, text in texts.items():
            (self.folder / f"{name}.py").write_text(text)

    def reload(self, **texts: str) -> str:
        """Save files, and reload; the report."""
        self.write(**texts)
        reports: list[object] = []
        self.service.reload().addCallback(reports.append)
        for _ in range(10):
            self.app.clock.advance(0.1)
        return str(reports[0])


@pytest.fixture
def bot(tmp_path):
    bot = Bot(tmp_path)
    yield bot
    bot.service.stop()
    bot.app.clock.advance(10)


def test_an_edit_of_a_module_beside_the_file_is_reloaded(bot):
    assert bot.ann.types("x") == "score 1\n"
    report = bot.reload(bot_commands=COMMANDS.replace("score {", "SCORE {"))
    assert "bot_commands changed" in report
    assert bot.ann.types("x") == "SCORE 2\n"


def test_an_edit_of_the_file_keeps_what_the_modules_beside_it_have_registered(bot):
    assert bot.ann.types("x") == "score 1\n"
    report = bot.reload(bot=BOT + "# more\n")
    assert "is gone" not in report
    assert bot.ann.types("x") == "score 2\n"


def test_a_new_import_brings_a_module_in_and_a_removed_one_takes_it_out(bot):
    extra = "from cletus import events\nfrom bot import service\n"
    extra += (
        "@service.listen(events.Receive)\ndef receive(event):\n    event.client.write('extra')\n"
    )
    assert "bot_extra added" in bot.reload(bot=BOT + "import bot_extra\n", bot_extra=extra)
    assert bot.ann.types("x") == "score 1\nextra\n"
    assert "bot_extra changed" in bot.reload(bot_extra=extra.replace("'extra'", "'more'"))
    assert bot.ann.types("x") == "score 2\nmore\n"
    assert "bot_extra removed" in bot.reload(bot=BOT)
    assert bot.ann.types("x") == "score 3\n"


def test_a_refused_edit_brings_nothing_in(bot):
    before = bot.service.session.application
    assert "Reload refused" in bot.reload(bot=BOT + "import bot_extra\n", bot_extra="1 / 0")
    assert bot.service.session.application == before
    assert bot.ann.types("x") == "score 1\n"


@pytest.mark.parametrize(("pattern", "reloads"), [("bot_stamp.py", 2), ("stamp.txt", 1)])
def test_what_a_module_body_writes_is_not_reloaded_for_ever(tmp_path, pattern, reloads):
    """It might be somebody's edit in the same moment, so it must come again twice to be known.

    From then on a module is taken once more, since its former text was imported; data is not.
    """
    (tmp_path / "bot_stamp.py").write_text("text = 0\n")
    text = BOT + f"import time, pathlib, bot_stamp\npathlib.Path(__file__).with_name('{pattern}')"
    text += ".write_text(f'text = {time.time_ns()}')\n"
    (tmp_path / "bot_models.py").write_text(MODELS)
    (tmp_path / "bot_commands.py").write_text(COMMANDS)
    (tmp_path / "bot.py").write_text(text)
    service = load("bot.py", tmp_path)
    clock = start_in_memory(service, reload_patterns=("*.txt",))
    try:
        (tmp_path / "bot.py").write_text(text + "# an edit\n")
        for _ in range(8):
            service.reloader._files_changed()
            for _ in range(10):
                clock.advance(0.1)
        assert service.session.generation == 3
        (tmp_path / "bot.py").write_text(text + "# another edit\n")
        for _ in range(8):
            service.reloader._files_changed()
            for _ in range(10):
                clock.advance(0.1)
        assert service.session.generation == 3 + reloads
    finally:
        service.stop()
        clock.advance(10)
