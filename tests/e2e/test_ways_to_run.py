"""The ways to run an application; in each of them it reloads when it is edited."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.harness import REPOSITORY, Caller, Talker

#: Issue 2's "Public API", word for word but for its comments.
APP = """\
from cletus import Service, Client, events
service = Service()

@service.listen(events.Connect)
async def connect(event):
    name = await event.client.ask("What is your name? ")
    event.client.write(f"Hello, {name}")

@service.listen(events.Receive)
def receive(event):
    service.write_all(f"{event.data}", exclude=event.client)

if __name__ == "__main__":
    service.run(port=9000)
"""

WAYS = {
    "cletus run FILE": ("-m", "cletus", "run", "app.py"),
    "cletus run PATH": ("-m", "cletus", "run", "./app.py"),
    "cletus run MODULE": ("-m", "cletus", "run", "app"),
    "python FILE": ("app.py",),
    "python -m MODULE": ("-m", "app"),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_public_api_works_and_reloads(
    start: Callable[..., Talker],
    call: Callable[[Talker], Caller],
    tmp_path: Path,
    way: str,
) -> None:
    """The options override the port in the file; both people hear each other; each line once."""
    (tmp_path / "app.py").write_text(APP)
    talker = start(*WAYS[way], "--port=0", "--store=saved")
    alice, bob = call(talker), call(talker)
    for name, person in (("Alice", alice), ("Bob", bob)):
        person.sees("What is your name? ")
        person.types(name)
        person.sees(f"Hello, {name}\r\n")
    alice.types("good evening")
    assert bob.sees("good evening\r\n") == "good evening\r\n"

    talker.edit("app.py", '{event.data}"', '[{event.data}]"')
    talker.prints(r"Reloaded, generation 1: \S+ changed")
    alice.types("how are you?", "and you?")
    assert bob.sees("you?]\r\n[and you?]\r\n") == "[how are you?]\r\n[and you?]\r\n"
    assert alice.unread() == "", "nobody hears themselves"

    held = talker.output.count("old code is still alive")
    assert held == 0 or way.startswith("python"), "the first __main__ is held by its own frame"
    talker.edit("app.py", "]", ">")
    talker.prints("Reloaded, generation 2")
    alice.types("fine")
    assert bob.sees("fine>\r\n") == "[fine>\r\n"
    assert talker.output.count("old code is still alive") == held
    assert talker.stop() == 0


def test_a_conversation_that_waits_starts_again_in_the_new_code(
    start: Callable[..., Talker], call: Callable[[Talker], Caller], tmp_path: Path
) -> None:
    """With a word to the person, never silently."""
    (tmp_path / "app.py").write_text(APP)
    talker = start("app.py", "--port=0", "--store=saved")
    alice = call(talker)
    alice.sees("What is your name? ")
    talker.edit("app.py", "What is your name? ", "And you are? ")
    alice.sees("Let us start that again.")
    alice.sees("And you are? ")
    alice.types("Alice")
    alice.sees("Hello, Alice\r\n")


def test_a_module_in_a_package_that_is_run_by_python(
    start: Callable[..., Talker], call: Callable[[Talker], Caller], tmp_path: Path
) -> None:
    """``python -m talk.app``: the module that makes the service is run as ``__main__``."""
    talk = tmp_path / "talk"
    talk.mkdir()
    (talk / "__init__.py").write_text("")
    (talk / "words.py").write_text('HELLO = "Hello"\n')
    (talk / "app.py").write_text(
        APP.replace('f"Hello,', 'f"{words.HELLO},').replace(
            "from cletus import", "from talk import words\nfrom cletus import"
        )
    )
    talker = start("-m", "talk.app", "--port", "0", "--store", "saved")
    alice, bob = call(talker), call(talker)
    alice.sees("name? ")
    alice.types("Alice")
    alice.sees("Hello, Alice\r\n")
    talker.edit("talk/words.py", "Hello", "Well met")
    talker.prints(r"Reloaded, generation 1: talk\.words changed")
    bob.sees("again.)\r\nWhat is your name? ")
    bob.types("Bob")
    assert bob.sees("Bob\r\n") == "Well met, Bob\r\n"
    alice.types("once")
    assert bob.sees("once\r\n") == "once\r\n"
    alice.types("again")
    assert bob.sees("again\r\n") == "again\r\n", "each listener is there once"


@pytest.mark.parametrize(
    "way", [("-m", "example_service"), ("-m", "cletus", "run", "example_service")], ids=" ".join
)
def test_the_example_runs_and_reloads(
    start: Callable[..., Talker],
    call: Callable[[Talker], Caller],
    tmp_path: Path,
    way: tuple[str, ...],
) -> None:
    """As ``make run`` has it, and as a package that runs itself."""
    shutil.copytree(REPOSITORY / "example_service", tmp_path / "example_service")
    talker = start(*way, "--port", "0", "--store", "saved")
    alice = call(talker)
    alice.sees("T H E   L A N T E R N")
    alice.sees("? ")
    talker.edit("example_service/login.py", "T H E   L", "O U R   L")
    talker.prints(r"Reloaded, generation 1: example_service\.login changed")
    call(talker).sees("O U R   L A N T E R N")
    assert talker.stop() == 0
    assert "Traceback" not in talker.output


def test_settings_of_the_file_count_where_the_command_line_says_nothing(
    start: Callable[..., Talker], tmp_path: Path
) -> None:
    """``service.configure()``, then ``service.run()``, then the command line: the last one wins."""
    (tmp_path / "app.py").write_text(
        "from cletus import Service\n"
        "service = Service(store='one', line_max=1)\n"
        "service.configure(store='two', port=1, reload=False)\n"
        "service.run(store='three', port=2)\n"
    )
    talker = start("app.py", "--port", "0")
    assert talker.port > 2
    assert f"Storing in {tmp_path}/three\n" in talker.output
    assert "Reloading" not in talker.output


def test_no_reload(
    run: Callable[..., Talker], call: Callable[[Talker], Caller], tmp_path: Path
) -> None:
    """With --no-reload files are not watched; ``service.reload()`` does it when it is asked to."""
    (tmp_path / "app.py").write_text(
        APP.replace("def receive(event):", "def receive(event):\n    service.reload()")
    )
    talker = run("app.py", "--no-reload")
    alice = call(talker)
    alice.sees("name? ")
    alice.types("Alice")
    alice.sees("Hello, Alice\r\n")
    talker.edit("app.py", "Hello", "Well met")
    alice.types("please")
    talker.prints("Reloaded, generation 1: app changed")
    bob = call(talker)
    bob.sees("name? ")
    bob.types("Bob")
    bob.sees("Well met, Bob\r\n")
    assert "when its files change" not in talker.output


def test_help_lists_every_setting(start: Callable[..., Talker]) -> None:
    talker = start("-m", "cletus", "run", "--help")
    assert talker.ends() == 0
    for option in ("--host", "--port", "--store", "--no-reload", "--line-rate", "--output-max"):
        assert option in talker.output


def test_a_service_that_runs_itself_unguarded_can_be_run_by_cletus(
    run: Callable[..., Talker], tmp_path: Path
) -> None:
    """``service.run()`` at the end of a file, without the usual ``if``."""
    text = APP.replace('if __name__ == "__main__":\n    ', "").replace("port=9000", "line_max=99")
    (tmp_path / "app.py").write_text(f"{text}print('line_max', service.settings.line_max)\n")
    talker = run("app.py")
    assert talker.port
    assert "line_max 99" in talker.output


def test_a_store_that_is_used_while_the_application_is_imported(
    run: Callable[..., Talker], tmp_path: Path
) -> None:
    """The option --store is in force already."""
    (tmp_path / "app.py").write_text(
        "from cletus import Service\nfrom cletus.storage import Store, Field\n"
        "service = Service(store='elsewhere')\n"
        "class Room(Store):\n    service = service\n    name = Field('')\n"
        "Room('hall', name='The hall').save()\n"
    )
    talker = run("app.py")
    assert talker.port
    assert (tmp_path / "saved/room/hall.json").exists()
    assert not (tmp_path / "elsewhere").exists()
