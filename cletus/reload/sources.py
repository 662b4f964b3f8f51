"""The application's source text, read once and kept: what a generation is made from.

Code is never taken from ``.pyc`` files, whose time stamps miss a second edit in the same second, and
no file is read again while a generation lives, so that its tracebacks quote what really runs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

from cletus.application import Application, Root
from cletus.errors import SourceError

#: Folders that never hold modules of the application.
_IGNORED = ("__pycache__", "node_modules")


class Unsettled(Exception):
    """A file changed while it was being read."""


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one module.

    Attributes:
        name: dotted module name.
        path: the file.
        is_package: whether it is a package's ``__init__.py``.
        data: the bytes as they stood on disk.
        digest: a hash of ``data``.
    """

    name: str
    path: Path
    is_package: bool
    data: bytes
    digest: bytes

    def line(self, number: int) -> str:
        """One of its lines, from 1, without white space around it; "" if there is none."""
        lines = self.data.decode(errors="replace").splitlines()
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""


@dataclass(frozen=True, slots=True)
class Sources:
    """All modules of the application at one instant, by dotted name."""

    modules: dict[str, Source]

    def digests(self) -> dict[str, bytes]:
        """Module name to digest: equal for equal content."""
        return {name: source.digest for name, source in self.modules.items()}

    def line(self, path: str, number: int) -> str:
        """A line of a file as it was read, from 1; "" if there is none."""
        for source in self.modules.values():
            if str(source.path) == path:
                return source.line(number)
        return ""

    def is_namespace(self, name: str) -> bool:
        """Whether this is a package only in so far as there are modules below it."""
        return any(module.startswith(name + ".") for module in self.modules)


def read(application: Application) -> Sources:
    """Read every module of the application.

    Raises:
        Unsettled: a file changed or vanished meanwhile; it is being saved just now.
        SourceError: a file cannot be read.
    """
    modules: dict[str, Source] = {}
    for root in application.roots:
        for name, path, is_package in _files(root):
            if is_package or name not in modules:
                modules[name] = _read(name, path, is_package)
    return Sources(modules)


def compiled(source: Source) -> CodeType:
    """The code of a module.

    Raises:
        SourceError: with the line at which it cannot be compiled.
    """
    try:
        return compile(source.data, str(source.path), "exec", dont_inherit=True)
    except SyntaxError as error:
        line = error.lineno or 0
        reason = f"{type(error).__name__}: {error.msg}"
        raise SourceError(source.path, reason, line, source.line(line)) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise SourceError(source.path, f"{type(error).__name__}: {error}") from None


class CodeCache:
    """Compiled modules by their content, so that only what has changed is compiled anew."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, Path, bytes], CodeType] = {}

    def code(self, source: Source) -> CodeType:
        """The code of a module. Raises ``SourceError`` as ``compiled`` does."""
        key = (source.name, source.path, source.digest)
        code = self._codes.get(key)
        if code is None:
            code = self._codes[key] = compiled(source)
        return code

    def keep_only(self, *kept: Sources) -> None:
        """Forget the code of all others."""
        wanted = {
            (source.name, source.path, source.digest)
            for sources in kept
            for source in sources.modules.values()
        }
        self._codes = {key: code for key, code in self._codes.items() if key in wanted}


def _files(root: Root) -> Iterator[tuple[str, Path, bool]]:
    """Each module of a root as (name, file, whether it is a package)."""
    if not root.is_package:
        yield root.name, root.path, False
        return
    seen: set[str] = set()
    for folder, folders, files in os.walk(root.path, followlinks=True):
        real = os.path.realpath(folder)
        # A link may lead back to a folder above it.
        folders[:] = (
            [] if real in seen else sorted(one for one in folders if _may_hold_modules(one))
        )
        seen.add(real)
        package = ".".join((root.name, *Path(folder).relative_to(root.path).parts))
        for file in sorted(files):
            stem, ending = os.path.splitext(file)
            if ending != ".py" or not stem.isidentifier():
                continue
            if stem == "__init__":
                yield package, Path(folder, file), True
            else:
                yield f"{package}.{stem}", Path(folder, file), False


def _may_hold_modules(folder: str) -> bool:
    return folder.isidentifier() and folder not in _IGNORED


def _read(name: str, path: Path, is_package: bool) -> Source:
    try:
        before = path.stat()
        data = path.read_bytes()
        after = path.stat()
    except FileNotFoundError:
        # Listed a moment ago: an editor is putting a new version in its place.
        raise Unsettled(str(path)) from None
    except OSError as error:
        raise SourceError(path, error.strerror or str(error)) from None
    if _stamp(before) != _stamp(after) or len(data) != after.st_size:
        raise Unsettled(str(path))
    return Source(name, path, is_package, data, hashlib.blake2b(data, digest_size=16).digest())


def _stamp(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
