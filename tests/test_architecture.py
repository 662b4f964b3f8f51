"""The house stands as the design draws it: imports point down, parts are small and named."""

from __future__ import annotations

from pathlib import Path

import pytest

import cletus
from tests.architecture import House


def test_the_house_stands_as_the_design_draws_it() -> None:
    """The rules are in ``tests/architecture.py``; a violation names its place."""
    violations = House(Path(cletus.__file__).parent).violations()
    assert not violations, "\n" + "\n".join(violations)


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


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("errors.py", "from cletus import events", "cletus.errors:1 imports cletus.events, which"),
        ("errors.py", "import cletus.service", "points up"),
        ("client.py", "from cletus.service import Service", "points up"),
        ("storage/keys.py", "from cletus.client import Client", "points up"),
        ("reload/plan.py", "from cletus.contrib.users import User", "points up"),
        ("contrib/users.py", "import cletus.testing", "points up"),
        ("service.py", "from . import reload", "points up"),
        ("client.py", "if True:\n    from cletus.service import Service", "points up"),
        ("client.py", "try:\n    import cletus.service\nexcept ImportError: pass", "points up"),
        (
            "client.py",
            "if TYPE_CHECKING:\n    pass\nelse:\n    import cletus.service",
            "points up",
        ),
        ("storage/keys.py", "from cletus.protocol import text", "know nothing of each other"),
        ("protocol/text.py", "import cletus.storage", "know nothing of each other"),
        ("doors/telnet.py", "from cletus.reload import plan", "know nothing of each other"),
        (
            "storage/keys.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import cletus.protocol",
            "know nothing of each other",
        ),
        ("service.py", "def f():\n    from cletus import errors", "inside a function"),
        (
            "service.py",
            "class A:\n    async def f(self):\n        import cletus.errors",
            "inside a",
        ),
        ("service.py", "from cletus.errors import _secret", "which is private"),
        ("service.py", "from twisted.internet import reactor", "passed in"),
        ("service.py", "import twisted.internet.reactor", "passed in"),
        ("service.py", "def f():\n    from twisted.internet import reactor", "passed in"),
        ("cli.py", "from twisted.internet import reactor", "passed in"),
        ("storage/keys.py", "from twisted.internet import task", "knows no reactor"),
        ("protocol/text.py", "from twisted.internet.protocol import Protocol", "knows no reactor"),
        ("utils.py", "", "a drawer"),
        ("storage/helpers.py", "", "a drawer"),
        ("mystery.py", "", "mystery is on no rung"),
        ("service.py", "\n" * 401, "401 lines are more than 400"),
        ("service.py", "class A:\n" + "    x = 1\n" * 400, "cletus.service.A: 401 lines"),
    ],
)
def test_a_violation_is_found(tmp_path: Path, file: str, text: str, words: str) -> None:
    others = {
        "events.py": "", "client.py": "", "service.py": "", "cli.py": "",
        "storage/keys.py": "", "protocol/text.py": "", "reload/plan.py": "", "doors/telnet.py": "",
        "contrib/users.py": "", "testing/person.py": "",
    }  # fmt: skip
    assert planted(tmp_path / "sound", others) == []
    violations = planted(tmp_path / "unsound", {**others, file: text})
    assert any(words in violation for violation in violations), violations


@pytest.mark.parametrize(
    "files",
    [
        {"client.py": "import cletus.session", "session.py": "from cletus import client"},
        {
            "storage/__init__.py": "from cletus.storage.keys import key",
            "storage/keys.py": "from cletus.storage import Store",
        },
        {
            "client.py": "import cletus.session",
            "session.py": "import cletus.timers",
            "timers.py": "import cletus.client",
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
            "service.py": "from cletus import client, errors\nfrom .client import Client",
            "client.py": "",
        },
        {"session.py": "import cletus.client", "client.py": ""},
        {
            "client.py": "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from cletus.service import Service",
            "service.py": "from cletus.client import Client",
        },
        {
            "client.py": "import typing\nif typing.TYPE_CHECKING:\n    import cletus.service",
            "service.py": "import cletus.client",
        },
        {"cli.py": "def run():\n    from twisted.internet import reactor"},
        {"storage/keys.py": "from twisted.internet.defer import Deferred"},
        {"service.py": "from cletus.version import __version__", "version.py": ""},
        {"service.py": "def f():\n    import json"},
        {
            "storage/__init__.py": "from cletus.storage import keys",
            "storage/keys.py": "from cletus.storage import layout",
            "storage/layout.py": "",
        },
    ],
)
def test_what_is_sound_is_let_by(tmp_path: Path, files: dict[str, str]) -> None:
    assert planted(tmp_path, files) == []
