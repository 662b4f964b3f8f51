"""Settings that are unknown or have a value of the wrong type, each with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cletus.check.finding import Finding, Location, error, warning
from cletus.errors import SettingError
from cletus.renamed import SETTINGS
from cletus.service.service import Service
from cletus.settings.files import PREFIX, from_environment, from_folder


def read_settings(
    service: Service, folder: Path, environment: Mapping[str, str]
) -> Iterator[Finding]:
    """Give a service its settings one by one, with a finding for each that it refuses.

    Args:
        service: a new one.
        folder: the one with the settings file.
        environment: ``os.environ``.
    """
    path = folder / "cletus.toml"
    if not path.exists():
        path = folder / "pyproject.toml"
    else:
        yield from _shadowed(folder)
    try:
        settings: Any = from_folder(folder)
    except SettingError as wrong:
        yield error("setting-file", wrong.reason, "mend the file", Location(str(path)))
        settings = {}
    if not isinstance(settings, dict):
        message = f"tool.cletus is {settings!r}, and should be a table"
        yield error("setting-file", message, "write it as: [tool.cletus]", Location(str(path)))
        settings = {}
    for name, value in settings.items():
        yield from _set(service, "file", name, value, _in_file(path, name))
    for name, value in from_environment(environment).items():
        location = Location(f"environment {PREFIX}{name.upper()}")
        yield from _set(service, "environment", name, value, location)


def _set(
    service: Service, source: str, name: str, value: Any, location: Location
) -> Iterator[Finding]:
    if name in SETTINGS and name not in service.settings.__struct_fields__:
        todo = f"call it {SETTINGS[name]}; the old name goes with the next release"
        yield warning("setting-renamed", f"setting {name!r} has a new name", todo, location)
        name = SETTINGS[name]
    try:
        service.set(source, {name: value})
    except SettingError as wrong:
        todo = "see `cletus run --help` for all settings and what they take"
        yield error("setting", f"setting {name!r} {wrong.reason}", todo, location)


def _shadowed(folder: Path) -> Iterator[Finding]:
    project = folder / "pyproject.toml"
    try:
        settings = tomllib.loads(project.read_text()).get("tool", {}).get("cletus")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, AttributeError):
        return
    if settings:
        message = "[tool.cletus] is ignored, since there is a cletus.toml beside it"
        line = _line(project, r"\[tool\.cletus\]")
        yield warning("setting-file", message, "keep the settings in one of them", line)


def _in_file(path: Path, name: str) -> Location:
    return _line(path, rf"[\"']?{re.escape(name)}[\"']?\s*=")


def _line(path: Path, pattern: str) -> Location:
    text = path.read_text()
    start = (
        re.search(r"^\[tool\.cletus\]", text, re.MULTILINE) if path.stem == "pyproject" else None
    )
    match = re.compile(rf"^\s*{pattern}", re.MULTILINE).search(text, start.start() if start else 0)
    return Location(str(path), text.count("\n", 0, match.end()) + 1 if match else 0)
