"""Settings from the file beside the application, and from the environment."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cletus.errors import SettingError
from cletus.settings.toml_position import position_of

#: Environment variables with this prefix are settings.
PREFIX = "CLETUS_"


def from_folder(folder: Path) -> dict[str, Any]:
    """The settings in ``cletus.toml``, or else in ``[tool.cletus]`` of ``pyproject.toml``.

    Args:
        folder: the one with the application's file or package.

    Raises:
        SettingError: the file cannot be read, or is not TOML.
    """
    own = _table(folder / "cletus.toml")
    if own is not None:
        return own
    project = _table(folder / "pyproject.toml") or {}
    settings: dict[str, Any] = project.get("tool", {}).get("cletus", {})
    return settings


def file_in(folder: Path) -> Path:
    """The file that ``from_folder`` reads. If there is none, where it would be looked for first."""
    own, project = folder / "cletus.toml", folder / "pyproject.toml"
    try:
        if not own.exists() and "[tool.cletus" in project.read_text(errors="replace"):
            return project
    except OSError:
        pass
    return own


def position_in(folder: Path, name: str) -> str:
    """Where a setting stands in the file that ``from_folder`` reads: ``cletus.toml, line 3, column 1``."""
    path = file_in(folder)
    table = () if path.name == "cletus.toml" else ("tool", "cletus")
    try:
        position = position_of(path.read_text(encoding="utf-8", errors="replace"), *table, name)
    except OSError:
        position = ""
    return f"{path.name}, {position}" if position else path.name


def from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings in ``CLETUS_*`` variables of ``os.environ``; lists are separated by commas."""
    return {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }


def _table(path: Path) -> dict[str, Any] | None:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(path.name, f"cannot be read: {error}", source=str(path)) from None
