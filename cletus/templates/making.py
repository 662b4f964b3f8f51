"""Making an application of a template: a folder with a package, its tests, and how to run both.

The folder and the package in it have one name; in the template the package has a name of its own,
which is replaced wherever it stands.
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

from cletus.errors import TemplateError

#: Each template, and what its package is called in it.
TEMPLATES: Final = {
    "echo": "example_echo",
    "chat": "example_chat",
    "talker": "example_service",
}

#: What the package is called in the files that all of them share.
_SHARED: Final = "example_package"

#: What lies beside the package.
_TAKEN: Final = frozenset({"tests", "store", "build", "dist"})

#: A Python identifier that is also a name for a distribution (PEP 508).
_NAME: Final = re.compile(r"[A-Za-z]([A-Za-z0-9_]*[A-Za-z0-9])?")

#: What is copied; tools leave other files behind. ``ruff.toml`` is for our repository.
_COPIED: Final = re.compile(r"Makefile|gitignore|(?!ruff\.toml)\w[\w.-]*\.(py|toml|md)")

#: A folder for each template, and ``project`` with what they share.
_DATA: Final = Path(__file__).with_name("data")


def make(name: str, template: str, folder: Path) -> Path:
    """Write an application of one's own.

    Args:
        name: of the package, and of the folder that it is put into with its tests.
        template: one of ``TEMPLATES``.
        folder: where to put that folder.

    Returns:
        The new folder.

    Raises:
        TemplateError: the name is no name for a package, or it is taken; nothing is written over.
        OSError: the files cannot be written; what had been written is gone again.
    """
    _check(name)
    target = folder / name
    if target.exists() or target.is_symlink():
        raise TemplateError(f"{target} is there already: choose another name, or move it away")
    _check_free(name)
    target.mkdir(parents=True)
    try:
        for source, place in _files(template):
            _copy(
                source,
                target / _renamed(place, name, template),
                name,
                template,
            )
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return target


def _check(name: str) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise TemplateError(
            f"{name!r} is no name for a package: letters (a to z), digits and _, such as my_talker"
        )
    if name in _TAKEN:
        raise TemplateError(
            f"{name!r} is what the folder beside the package is called; say another"
        )


def _check_free(name: str) -> None:
    """A package of the name of another module would hide it, or be hidden by it."""
    try:
        is_there = name in sys.stdlib_module_names or find_spec(name) is not None
    except (ImportError, ValueError):  # it is there, and in a strange state
        is_there = True
    if is_there:
        raise TemplateError(f"Python has a module {name!r} already: choose another name")


def _files(template: str) -> Iterator[tuple[Path, Path]]:
    """The files of a template, and where each belongs in the new folder."""
    roots = [(_DATA / "project", Path()), (_DATA / template, Path())]
    if template == "talker":
        roots.append((_example(), Path(TEMPLATES[template])))
    for root, place in roots:
        for source in sorted(root.rglob("*")):
            if _COPIED.fullmatch(source.name):
                yield source, place / source.relative_to(root)


def _example() -> Path:
    """The example service, which is the talker: as it ships with Cletus, or beside it in a checkout."""
    name = TEMPLATES["talker"]
    shipped = _DATA / "talker" / name
    return shipped if shipped.is_dir() else Path(__file__).parents[2] / name


def _renamed(place: Path, name: str, template: str) -> Path:
    if place.name == "gitignore":  # with its dot, it would rule over the templates themselves
        return place.with_name(".gitignore")
    return Path(_named(str(place), name, template))


def _named(text: str, name: str, template: str) -> str:
    return text.replace(TEMPLATES[template], name).replace(_SHARED, name)


def _copy(source: Path, target: Path, name: str, template: str) -> None:
    text = _named(source.read_text(encoding="utf-8"), name, template)
    if source.name == "Makefile":
        text = text.replace("?= python3", f"?= {_python()}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def _python() -> str:
    """What a shell calls the Python that runs this: by its name, if that finds just this one."""
    for name in ("python3", "python"):
        found = shutil.which(name)
        # Not resolved: in a virtual environment, it is a link to the one that everybody has.
        if found is not None and Path(found) == Path(sys.executable):
            return name
    return sys.executable
