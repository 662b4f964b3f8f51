"""The rooms stand on the ladder: imports point down, and nobody reaches for another's underscore."""

from __future__ import annotations

from pathlib import Path

import pytest

import cletus
from tests.architecture import House


def test_no_module_of_ours_breaks_a_rule() -> None:
    """The rules are in ``tests/architecture.py``; a violation names its place."""
    violations = House(Path(cletus.__file__).parent).violations()
    assert not violations, "\n" + "\n".join(violations)


def test_the_top_of_the_package_can_be_seen_at_a_glance() -> None:
    """A newcomer meets at most 25 names: the rooms, and what they all stand on."""
    folder = Path(cletus.__file__).parent
    entries = {path.name for path in folder.iterdir()} - {"__pycache__", "py.typed"}
    assert len(entries) <= 25, sorted(entries)


# -- the checker itself: each rule catches what is planted against it, and lets by what it should ----


def planted(folder: Path, files: dict[str, str]) -> list[str]:
    """The violations of a small package of these files."""
    package = folder / "cletus"
    for name, text in {"__init__.py": "", "errors.py": "", **files}.items():
        file = package / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        if file.parent != package and not (file.parent / "__init__.py").exists():
            (file.parent / "__init__.py").write_text("")
    return House(package).violations()


#: A package in which every rule is kept, for planting a violation in it.
SOUND = {
    "events.py": "", "client/client.py": "", "service/service.py": "", "service/lifecycle.py": "",
    "cli/run.py": "", "logs/context.py": "", "protocol/text.py": "", "storage/keys.py": "",
    "reload/diff.py": "", "doors/telnet.py": "", "contrib/users.py": "", "settings/files.py": "", "testing/app.py": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("errors.py", "from cletus import events", "cletus.errors:1 imports cletus.events, which"),
        ("errors.py", "import cletus.service", "points up"),
        ("logs/context.py", "from cletus.client import Client", "points up"),
        ("client/client.py", "from cletus.service.service import Service", "points up"),
        ("client/client.py", "from cletus import events", "points up"),
        ("storage/keys.py", "from cletus.client import Client", "points up"),
        ("reload/diff.py", "from cletus.contrib.users import User", "points up"),
        ("testing/app.py", "import cletus.contrib.users", "points up"),
        ("contrib/users.py", "import cletus.cli.run", "points up"),
        ("service/service.py", "from cletus import reload", "points up"),
        ("client/client.py", "if True:\n    import cletus.service.service", "points up"),
        (
            "client/client.py",
            "try:\n    import cletus.service\nexcept ImportError: pass",
            "points up",
        ),
        (
            "client/client.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import cletus.service.service",
            "points up",
        ),
        ("events.py", "import cletus.service.service", "points up"),
        (
            "events.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import cletus.service.lifecycle",
            "points up",
        ),
        ("protocol/text.py", "import cletus.settings.files", "do not import each other"),
        ("doors/telnet.py", "from cletus.reload import diff", "do not import each other"),
        (
            "doors/telnet.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import cletus.reload.diff",
            "do not import each other",
        ),
        ("cli/run.py", "def f():\n    from cletus import errors", "inside a function"),
        (
            "cli/run.py",
            "class A:\n    async def f(self):\n        import cletus.errors",
            "inside a",
        ),
        ("cli/run.py", "from cletus.errors import _secret", "which is private"),
        ("service/service.py", "from twisted.internet import reactor", "passed in"),
        ("service/service.py", "import twisted.internet.reactor", "passed in"),
        ("service/service.py", "def f():\n    from twisted.internet import reactor", "passed in"),
        ("cli/run.py", "from twisted.internet import reactor", "passed in"),
        ("storage/keys.py", "from twisted.internet import task", "knows no reactor"),
        ("protocol/text.py", "from twisted.internet.protocol import Protocol", "knows no reactor"),
        ("utils.py", "", "a drawer"),
        ("storage/helpers.py", "", "a drawer"),
        ("mystery.py", "", "mystery is on no rung"),
    ],
)
def test_a_violation_is_found(tmp_path: Path, file: str, text: str, words: str) -> None:
    assert planted(tmp_path / "sound", SOUND) == []
    violations = planted(tmp_path / "unsound", {**SOUND, file: text})
    assert any(words in violation for violation in violations), violations


@pytest.mark.parametrize(
    "definition",
    ["_schema = 1", "def _schema(): ...", "class A:\n    def f(self):\n        self._schema = 1"],
)
def test_reaching_for_an_underscore_of_another_module_is_found(
    tmp_path: Path, definition: str
) -> None:
    files = {
        **SOUND,
        "storage/keys.py": definition,
        "doors/telnet.py": "def f(x):\n    x._schema.y()",
    }
    (violation,) = planted(tmp_path, files)
    assert violation == "cletus.doors.telnet:2 reaches for _schema, another module's"


@pytest.mark.parametrize(
    "files",
    [
        {
            "client/client.py": "import cletus.client.input",
            "client/input.py": "from cletus.client import client",
        },
        {
            "client/client.py": "import cletus.client.input",
            "client/input.py": "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from cletus.client import client",
        },
        {
            "storage/__init__.py": "from cletus.storage.keys import key",
            "storage/keys.py": "from cletus.storage import Store",
        },
        {
            "service/service.py": "import cletus.service.session",
            "service/session.py": "import cletus.service.timers",
            "service/timers.py": "import cletus.service.service",
        },
    ],
)
def test_a_cycle_is_found(tmp_path: Path, files: dict[str, str]) -> None:
    (violation,) = planted(tmp_path, files)
    assert violation.startswith("a cycle: ")
    assert violation.count(" -> ") == len(files)


@pytest.mark.parametrize(
    "files",
    [
        {
            "service/service.py": "from cletus import client, errors\nfrom .session import Session",
            "service/session.py": "",
            "client/client.py": "",
        },
        {  # the one exception, as it stands
            "events.py": "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    import cletus.service.service",
            "service/service.py": "import cletus.events\nimport cletus.service.lifecycle",
            "service/lifecycle.py": "from typing import TYPE_CHECKING\nimport cletus.events\n"
            "if TYPE_CHECKING:\n    import cletus.service.service",
        },
        {"cli.py": "def run():\n    from twisted.internet import reactor"},
        {"storage/keys.py": "from twisted.internet.defer import Deferred"},
        {"service/service.py": "from cletus.version import __version__", "version.py": ""},
        {"service/service.py": "def f():\n    import json"},
        {"doors/telnet.py": "class A:\n    _x = 1\ndef f(a):\n    return a._x"},
        {"doors/telnet.py": "import os\ndef f():\n    os._exit(1)"},
        {
            "storage/__init__.py": "from cletus.storage import keys",
            "storage/keys.py": "from cletus.storage import schema",
            "storage/schema.py": "",
        },
    ],
)
def test_what_is_sound_is_let_by(tmp_path: Path, files: dict[str, str]) -> None:
    assert planted(tmp_path, files) == []
