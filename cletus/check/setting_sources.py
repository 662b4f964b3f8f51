"""Settings that are unknown or of the wrong type, each with the line that names it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cletus.check.finding import Finding, Place, error, warning
from cletus.errors import SettingError
from cletus.renamed import SETTINGS
from cletus.service.service import Service
from cletus.settings.files import PREFIX, from_environment, from_folder


def read_settings(
    service: Service, folder: Path, environment: Mapping[str, str]
) -> Iterator[Finding]:
    """Give a service its settings one by one, and tell which of them it does not take.

    Args:
        service: it was just made.
        folder: the one beside the application.
        environment: ``os.environ``.
    """
    path = folder / "cletus.toml"
    if not path.exists():
        path = folder / "pyproject.toml"
    else:
        yield from _shadowed(folder)
    try:
        said: Any = from_folder(folder)
    except SettingError as wrong:
        yield error("setting-file", wrong.reason, "mend the file", Place(str(path)))
        said = {}
    if not isinstance(said, dict):
        what = f"tool.cletus is {said!r}, and should be a table"
        yield error("setting-file", what, "write it as: [tool.cletus]", Place(str(path)))
        said = {}
    for name, value in said.items():
        yield from _set(service, "file", name, value, _in_file(path, name))
    for name, value in from_environment(environment).items():
        place = Place(f"environment {PREFIX}{name.upper()}")
        yield from _set(service, "environment", name, value, place)


def _set(service: Service, source: str, name: str, value: Any, place: Place) -> Iterator[Finding]:
    if name in SETTINGS and name not in service.settings.__struct_fields__:
        todo = f"call it {SETTINGS[name]}; the old name goes with the next release"
        yield warning("setting-renamed", f"setting {name!r} has a new name", todo, place)
        name = SETTINGS[name]
    try:
        service.set(source, {name: value})
    except SettingError as wrong:
        todo = "see `cletus run --help` for all settings and what they take"
        yield error("setting", f"setting {name!r} {wrong.reason}", todo, place)


def _shadowed(folder: Path) -> Iterator[Finding]:
    project = folder / "pyproject.toml"
    try:
        said = tomllib.loads(project.read_text()).get("tool", {}).get("cletus")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, AttributeError):
        return
    if said:
        what = "[tool.cletus] is not looked at, since there is a cletus.toml beside it"
        line = _line(project, r"\[tool\.cletus\]")
        yield warning("setting-file", what, "have the settings in one of them", line)


def _in_file(path: Path, name: str) -> Place:
    return _line(path, rf"[\"']?{re.escape(name)}[\"']?\s*=")


def _line(path: Path, pattern: str) -> Place:
    text = path.read_text()
    start = (
        re.search(r"^\[tool\.cletus\]", text, re.MULTILINE) if path.stem == "pyproject" else None
    )
    found = re.compile(rf"^\s*{pattern}", re.MULTILINE).search(text, start.start() if start else 0)
    return Place(str(path), text.count("\n", 0, found.end()) + 1 if found else 0)
