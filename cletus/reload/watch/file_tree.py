"""The files of an application: its modules, and the data files that its settings name.

Reading, scanning and watching all use this module, so that they cannot disagree about it.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from cletus.errors import SettingError
from cletus.service.application import Application, Root

#: Folders that never hold files of the application, whatever the patterns say.
_FOREIGN = ("__pycache__", "node_modules")
#: The file that marks a folder as a virtual environment (PEP 405).
_ENVIRONMENT = "pyvenv.cfg"


class FileType(enum.Enum):
    """How the application uses a file."""

    MODULE = "module"
    EXTENSION = "C extension"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class File:
    """A file that belongs to the application.

    Attributes:
        kind: what it is.
        name: dotted module name; for data the path from the root's parent: ``talker/rooms.toml``.
        path: its path, with links not resolved.
        is_package: whether it is a package's ``__init__.py``.
    """

    type: FileType
    name: str
    path: Path
    is_package: bool = False


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that may hold such files.

    Attributes:
        path: its path, with links not resolved.
        files: those in it that belong to the application.
        folders: those in it that may hold such files; links to a folder above are left out.
        is_whole: whether everything below it is listed here (except ``__pycache__``) and reached
            without links; only then can it be watched recursively.
    """

    path: Path
    files: tuple[File, ...]
    folders: tuple[Folder, ...] = ()
    is_whole: bool = True

    def walk(self) -> Iterator[Folder]:
        """This folder and all below it."""
        yield self
        for folder in self.folders:
            yield from folder.walk()


def check_patterns(patterns: Iterable[str]) -> None:
    """Find patterns that cannot match any file of an application.

    Raises:
        SettingError: a pattern is absolute, leaves the application's folder, or is empty.
    """
    for pattern in patterns:
        parts = pattern.split("/")
        if not all(parts) or ".." in parts or "." in parts or "\\" in pattern:
            reason = (
                f"has the pattern {pattern!r}: a pattern is the name of a file, such as *.toml, or"
            )
            reason += " a path inside the application's folder, such as data/*.json"
            raise SettingError("reload_patterns", reason)


#: Called with the error of a folder that cannot be listed; it may raise.
Problem = Callable[[OSError], None]


@dataclass(frozen=True, slots=True)
class FileTree:
    """The application's files.

    Attributes:
        application: whose.
        patterns: of data files: ``*.toml`` at any depth, or, with a slash, a path from the
            application's folder: ``data/*.json``. A star also matches slashes.
        excluded: folders to leave out, such as the one in which stores are saved.
        single: further files, by their paths: the settings file. They may be missing.
    """

    application: Application
    patterns: tuple[str, ...] = ()
    excluded: tuple[Path, ...] = ()
    single: tuple[Path, ...] = ()

    def further_files(self) -> Iterator[File]:
        """The single files that exist."""
        for path in self.single:
            if path.is_file():
                yield File(FileType.DATA, path.name, path)

    def folders(self, problem: Problem) -> Iterator[tuple[Root, Folder]]:
        """Each root of the application with its folder, as they are now.

        A package's ``__init__.py`` and a single file are listed even if they are missing: reading
        them then reports it.
        """
        for root in self.application.roots:
            tree = _Walk(self, root, problem)
            yield root, tree.of_package() if root.is_package else tree.of_file()

    def matters(self, path: str) -> bool:
        """Whether an event at this path may concern one of the files, or a folder with such files.

        Only the name counts, since the file may be gone by now. So the answer is true too often, but
        never false for a file of the application.
        """
        name = os.path.basename(path)
        if "__pycache__" in path or name.startswith(".") or name.endswith("~"):
            return False
        if name in {single.name for single in self.single}:
            return True
        if any(_is_below(path, str(excluded)) for excluded in self.excluded):
            return False
        return (
            "." not in name  # a folder, perhaps
            or _code_type(name) is not None
            or any(fnmatchcase(name, pattern.rpartition("/")[2]) for pattern in self.patterns)
        )

    def is_data(self, relative: str) -> bool:
        """Whether the patterns name a file, given its path from the application's folder."""
        name = relative.rpartition("/")[2]
        return any(
            fnmatchcase(relative if "/" in pattern else name, pattern) for pattern in self.patterns
        )


class _Walk:
    """The walk over one root."""

    def __init__(self, tree: FileTree, root: Root, problem: Problem) -> None:
        self._tree = tree
        self._root = root
        self._problem = problem
        self._excluded = {os.path.realpath(folder) for folder in tree.excluded}

    def of_package(self) -> Folder:
        root = self._root
        tree = self._folder(root.path, root.name, "", frozenset())
        init = File(FileType.MODULE, root.name, root.path / "__init__.py", True)
        if init in tree.files:
            return tree
        return Folder(tree.path, (*tree.files, init), tree.folders, tree.is_whole)

    def of_file(self) -> Folder:
        """The folder of a single file is not the application's: in it, only files that patterns name count."""
        root = self._root
        folder = root.path.parent
        files = [File(FileType.MODULE, root.name, root.path)]
        folders = []
        starts = {pattern.split("/")[0] for pattern in self._tree.patterns if "/" in pattern}
        for entry in self._entries(folder):
            if entry.name in starts and self._is_walked(entry):
                real = os.path.realpath(folder)
                path = folder / entry.name
                folders.append(self._folder(path, None, entry.name + "/", frozenset((real,))))
            elif _is_file(entry) and entry.name != root.path.name:
                file = self._data(folder, "", entry.name)
                files += [file] if file is not None else []
        return Folder(folder, tuple(files), tuple(folders), is_whole=False)

    def _folder(
        self, path: Path, package: str | None, relative: str, above: frozenset[str]
    ) -> Folder:
        """A folder and all below it.

        Args:
            path: of the folder.
            package: its dotted name, ``None`` if it cannot hold modules.
            relative: its path from the application's folder, empty or ending in a slash.
            above: the real paths of the folders above it.
        """
        files: list[File] = []
        folders: list[Folder] = []
        whole = True
        above |= {os.path.realpath(path)}
        for entry in self._entries(path):
            name = entry.name
            if not _is_folder(entry):
                file = self._file(path, package, relative, entry)
                files += [file] if file is not None else []
                continue
            below = f"{package}.{name}" if package is not None and name.isidentifier() else None
            walked = below is not None or self._tree.patterns
            if walked and self._is_walked(entry, above):
                folder = self._folder(path / name, below, f"{relative}{name}/", above)
                folders.append(folder)
                whole = whole and folder.is_whole and not entry.is_symlink()
            else:
                whole = whole and name == "__pycache__"
        return Folder(path, tuple(files), tuple(folders), whole)

    def _file(
        self, path: Path, package: str | None, relative: str, entry: os.DirEntry[str]
    ) -> File | None:
        if not _is_file(entry):
            return None
        name = entry.name
        stem = name.partition(".")[0]
        file_type = _code_type(name) if package is not None else None
        if file_type is None:
            return self._data(path, relative, name)
        if file_type is FileType.MODULE and stem == "__init__":
            return File(file_type, str(package), path / name, True)
        return File(file_type, f"{package}.{stem}", path / name)

    def _data(self, path: Path, relative: str, name: str) -> File | None:
        if name.startswith(".") or not self._tree.is_data(relative + name):
            return None
        root = self._root.path
        holder = root.name if self._root.is_package else root.parent.name
        return File(FileType.DATA, f"{holder}/{relative}{name}", path / name)

    def _entries(self, path: Path) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(path) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self._problem(error)
            return []

    def _is_walked(self, entry: os.DirEntry[str], above: frozenset[str] = frozenset()) -> bool:
        if entry.name.startswith(".") or entry.name in _FOREIGN:
            return False
        real = os.path.realpath(entry.path)
        if real in above or real in self._excluded:
            return False
        return not os.path.exists(os.path.join(entry.path, _ENVIRONMENT))


def _code_type(name: str) -> FileType | None:
    """How Python would import a file of this name; ``None`` if it would not."""
    stem, dot, ending = name.partition(".")
    if not stem.isidentifier():
        return None
    if ending == "py":
        return FileType.MODULE
    return FileType.EXTENSION if dot + ending in EXTENSION_SUFFIXES else None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Not broken links, such as the locks of Emacs, nor pipes, which would block the reading."""
    try:
        return entry.is_file()
    except OSError:  # a link to itself
        return False


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
