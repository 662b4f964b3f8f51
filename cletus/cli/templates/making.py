"""Create an application from a template: a folder with a package, its tests, and a Makefile.

The folder and the package in it have the same name; it replaces the name that the package has in the
template, wherever that occurs.
"""

from __future__ import annotations

import keyword
import re
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from cletus.cli.templates.requirement import DISTRIBUTION, requirement
from cletus.errors import TemplateError

#: Each template, and the name of its package.
TEMPLATES: Final = {
    "echo": "example_echo",
    "chat": "example_chat",
    "talker": "example_service",
    "mud": "example_mud",
}

#: The name of the package in the files that all templates share.
_SHARED: Final = "example_package"

#: What people call the service: in the files that all templates share, and the example.
_TITLES: Final = ("Example Package", "The Lantern")

#: How the example names itself; a new project does so in its settings.
_CONFIGURED: Final = 'name="The Lantern", '

#: Names of folders beside the package.
_TAKEN: Final = frozenset({"tests", "store", "build", "dist"})

#: A Python identifier that is also a name for a distribution (PEP 508).
_NAME: Final = re.compile(r"[A-Za-z]([A-Za-z0-9_]*[A-Za-z0-9])?")

#: Files that are copied; others are left behind by tools. ``ruff.toml`` is for our repository.
_COPIED: Final = re.compile(r"Makefile|gitignore|(?!ruff\.toml)\w[\w.-]*\.(py|toml|md|css)")

#: A folder for each template, and ``project`` with the files that they share.
_DATA: Final = Path(__file__).with_name("data")


def make(name: str, template: str, folder: Path) -> Path:
    """Create an application from a template; returns its new folder.

    Args:
        name: of the package, and of the folder that contains it and its tests.
        template: one of ``TEMPLATES``.
        folder: where to create that folder.

    Raises:
        TemplateError: the name is not valid for a package, or is taken; nothing is overwritten.
        OSError: the files cannot be written; none of them are left.
    """
    _check(name)
    target = folder / name
    if target.exists() or target.is_symlink():
        raise TemplateError(f"{target} exists already: choose another name, or move it away")
    _check_free(name)
    target.mkdir(parents=True)
    try:
        for source, path in _files(template):
            _copy(source, target / _renamed(path, name, template), name, template)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return target


def _check(name: str) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise TemplateError(
            f"{name!r} is not a name for a package: use letters (a to z), digits and _, as in my_talker"
        )
    if name in _TAKEN:
        raise TemplateError(
            f"{name!r} is the name of a folder beside the package: choose another name"
        )


def _check_free(name: str) -> None:
    """A package with the name of another module would hide it, or be hidden by it."""
    try:
        exists = name in sys.stdlib_module_names or find_spec(name) is not None
    except (ImportError, ValueError):  # it exists, in a strange state
        exists = True
    if exists:
        raise TemplateError(f"Python has a module {name!r} already: choose another name")


def _files(template: str) -> Iterator[tuple[Path, Path]]:
    """The files of a template, and the path of each in the new folder."""
    roots = [(_DATA / "project", Path()), (_DATA / template, Path())]
    if template == "talker":
        roots.append((_example(), Path(TEMPLATES[template])))
    for root, path in roots:
        for source in sorted(root.rglob("*")):
            if _COPIED.fullmatch(source.name):
                yield source, path / source.relative_to(root)


def _example() -> Path:
    """The example service, which is the talker: shipped in the package, or beside it in a checkout."""
    name = TEMPLATES["talker"]
    shipped = _DATA / "talker" / name
    return shipped if shipped.is_dir() else Path(__file__).parents[3] / name


def _renamed(path: Path, name: str, template: str) -> Path:
    if path.name == "gitignore":  # with its dot, it would apply to the templates themselves
        return path.with_name(".gitignore")
    return Path(_named(str(path), name, template))


def _named(text: str, name: str, template: str) -> str:
    title = name.replace("_", " ").capitalize()
    for title_there in _TITLES:
        text = text.replace(_CONFIGURED, "").replace(title_there, title)
    return text.replace(TEMPLATES[template], name).replace(_SHARED, name)


def _copy(source: Path, target: Path, name: str, template: str) -> None:
    text = _named(source.read_text(encoding="utf-8"), name, template)
    if source.name == "Makefile":
        text = text.replace("?= python3", f"?= {_python()}")
    elif source.name == "pyproject.toml":
        for extra in ("", "testing"):
            plain = f"{DISTRIBUTION}[{extra}]" if extra else DISTRIBUTION
            text = text.replace(f'"{plain}"', f'"{requirement(extra)}"')
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def _python() -> str:
    """The command for the Python that runs this: its name, if a shell finds just this one by it."""
    for name in ("python3", "python"):
        path = shutil.which(name)
        # Not resolved: in a virtual environment, it is a link to the Python of the system.
        if path is not None and Path(path) == Path(sys.executable):
            return name
    return sys.executable
