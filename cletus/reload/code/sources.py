"""The application's source text, read once and kept: what a generation is made from.

No file is read again while a generation is in force, so that its tracebacks quote the text that runs.

The stamps of all files are taken, the files are read, and the stamps are taken again. A file whose
stamp has changed is being saved at this moment: half of it may have been read, and half a module often
compiles.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.util import cache_from_source, decode_source
from pathlib import Path
from types import CodeType
from typing import Any

from cletus.errors import SourceError
from cletus.reload.watch.file_tree import File, FileTree, FileType
from cletus.reload.watch.survey import Stamp, stamp_of
from cletus.service.application import Application
from cletus.service.siblings import names_in

#: The error for files that do not settle.
UNSETTLED = "it is missing, or keeps changing; save it once more"
#: How often ``read_now`` tries, and the seconds in between.
_TRIES, _INTERVAL = 10, 0.05


class Unsettled(Exception):
    """A file changed while it was being read, or is missing for the moment.

    Attributes:
        path: the file or folder.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(path)


@dataclass(frozen=True)
class Source:
    """The text of one module; its code, and what else is made of it, is made once and kept with it.

    Attributes:
        name: dotted module name.
        path: the file.
        is_package: whether it is a package's ``__init__.py``.
        data: its bytes.
        digest: a hash of ``data``.
    """

    name: str
    path: Path
    is_package: bool
    data: bytes
    digest: bytes

    @cached_property
    def code(self) -> CodeType:
        """Its code. Raises ``SourceError`` as ``compiled`` does."""
        return compiled(self)

    @cached_property
    def lines(self) -> list[str]:
        """Its lines, with their ends; none if it is not in the encoding that it states."""
        try:
            return decode_source(self.data).splitlines(keepends=True)
        except (SyntaxError, UnicodeDecodeError):
            return []

    @cached_property
    def imports(self) -> frozenset[str]:
        """The dotted names that its import statements may import; see ``names_in``."""
        package = self.name if self.is_package else self.name.rpartition(".")[0]
        return names_in(self.data, package)

    @cached_property
    def folder(self) -> str:
        """The path of the folder that it is in."""
        return str(self.path.parent)

    @cached_property
    def bytecode(self) -> str:
        """The path where Python would keep its code."""
        return cache_from_source(str(self.path))

    def __reduce__(self) -> Any:
        """Code cannot be pickled."""
        return Source, (self.name, self.path, self.is_package, self.data, self.digest)

    def is_same(self, other: Source | None) -> bool:
        """Whether the other one has the same text, of the same file."""
        # Two paths are compared part by part, which takes longer than all else here.
        return self is other or (
            other is not None
            and self.digest == other.digest
            and str(self.path) == str(other.path)
            and self.name == other.name
        )

    def line(self, number: int) -> str:
        """A line by its number, from 1, stripped; "" if there is none."""
        lines = self.data.decode(errors="replace").splitlines()
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""


@dataclass(frozen=True, slots=True)
class Content:
    """A file of which only a hash is kept: a C extension or data.

    Attributes:
        name: dotted module name; for data the path from the root's parent: ``talker/rooms.toml``.
        path: the file.
        digest: a hash of its bytes.
    """

    name: str
    path: Path
    digest: bytes


@dataclass(frozen=True, slots=True)
class Sources:
    """All files of the application at one moment.

    Attributes:
        modules: by dotted name.
        extensions: C extensions among the modules, by dotted name.
        files: the data files that the setting ``reload_patterns`` names.
        stamps: path of each file to its stamp at that moment.
        application: whose files they are; an empty one if they were not read.
        is_earlier: whether the files have changed since, as in a rollback.
    """

    modules: dict[str, Source]
    extensions: dict[str, Content] = field(default_factory=dict)
    files: dict[str, Content] = field(default_factory=dict)
    stamps: dict[str, Stamp] = field(default_factory=dict, compare=False)
    application: Application = field(default=Application(), compare=False)
    is_earlier: bool = field(default=False, compare=False)

    def earlier(self) -> Sources:
        """These sources, to go back to; modules that have come since may be added to them."""
        return replace(self, modules=dict(self.modules), is_earlier=True)

    def digests(self) -> dict[str, bytes]:
        """Name to digest, of all files: equal for equal content."""
        files: Iterable[Source | Content] = (
            *self.modules.values(),
            *self.extensions.values(),
            *self.files.values(),
        )
        return {file.name: file.digest for file in files}

    def line(self, path: str, number: int) -> str:
        """A line of a file as it was read, from 1; "" if there is none."""
        for source in self.modules.values():
            if str(source.path) == path:
                return source.line(number)
        return ""

    def is_namespace(self, name: str) -> bool:
        """Whether this is a package without an ``__init__.py``, that is, there are modules below it."""
        return any(module.startswith(name + ".") for module in (*self.modules, *self.extensions))


def source_in(folder: str, name: str) -> Source | None:
    """The module of this dotted name that a file in this folder holds now; ``None`` without a file."""
    base = Path(folder, name.rpartition(".")[2])
    for path, is_package in ((base / "__init__.py", True), (base.with_suffix(".py"), False)):
        with suppress(OSError):
            data = path.read_bytes()
            return Source(
                name, path, is_package, data, hashlib.blake2b(data, digest_size=16).digest()
            )
    return None


def read(tree: FileTree, former: Sources | None = None) -> Sources:
    """Read every file of the application.

    Args:
        tree: says which these are.
        former: sources of which those that have not changed are used again, with their code.

    Raises:
        Unsettled: a file changed or vanished during the reading.
        SourceError: a file or folder cannot be read.
    """
    before = _look(tree)
    contents = {path: _bytes(path) for path in before}
    after = _look(tree)
    if before != after:
        moved = before.keys() ^ after.keys() or {p for p in before if before[p] != after[p]}
        raise Unsettled(str(min(moved)))
    known = {} if former is None else former.modules
    sources = _sources(((file, contents[path]) for path, (file, _) in before.items()), known)
    stamps = {str(path): stamp for path, (_, stamp) in before.items()}
    return replace(sources, stamps=stamps, application=tree.application)


def read_now(tree: FileTree) -> Sources:
    """Read, and try again at once if files are being saved, for at most half a second; it blocks.

    Raises:
        SourceError: a file or folder cannot be read, or the files keep changing.
    """
    for _ in range(_TRIES):
        try:
            return read(tree)
        except Unsettled as error:
            moving = error.path
            time.sleep(_INTERVAL)
    raise SourceError(Path(moving), UNSETTLED)


def compiled(source: Source) -> CodeType:
    """The code of a module.

    Raises:
        SourceError: it cannot be compiled; with the line.
    """
    try:
        return compile(source.data, str(source.path), "exec", dont_inherit=True)
    except SyntaxError as error:
        line = error.lineno or 0
        reason = f"{type(error).__name__}: {error.msg}"
        raise SourceError(source.path, reason, line, source.line(line)) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise SourceError(source.path, f"{type(error).__name__}: {error}") from None


def _look(tree: FileTree) -> dict[Path, tuple[File, Stamp]]:
    """The stamp of every file, in the order of the walk."""
    files: dict[Path, tuple[File, Stamp]] = {}
    for _, top in tree.folders(_cannot_list):
        for folder in top.walk():
            for file in folder.files:
                stamp = stamp_of(file.path)
                if stamp is None:
                    # It was listed a moment ago: an editor is replacing it.
                    raise Unsettled(str(file.path))
                files[file.path] = file, stamp
    for file in tree.further_files():
        stamp = stamp_of(file.path)
        if stamp is not None:
            files[file.path] = file, stamp
    return files


def _cannot_list(error: OSError) -> None:
    """A missing folder may be about to be replaced; an unreadable one stays so."""
    path = str(error.filename)
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        raise Unsettled(path) from None
    raise SourceError(Path(path), error.strerror or str(error)) from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise Unsettled(str(path)) from None
    except OSError as error:
        raise SourceError(path, error.strerror or str(error)) from None


def _sources(read_files: Iterator[tuple[File, bytes]], known: Mapping[str, Source]) -> Sources:
    """Sort the files. If several have the same module name, take the one that Python would import."""
    modules: dict[str, Source] = {}
    extensions: dict[str, Content] = {}
    files: dict[str, Content] = {}
    for file, data in read_files:
        digest = hashlib.blake2b(data, digest_size=16).digest()
        if file.type is FileType.DATA:
            files[file.name] = Content(file.name, file.path, digest)
        elif file.type is FileType.EXTENSION:
            extensions[file.name] = Content(file.name, file.path, digest)
        elif file.is_package or file.name not in modules:
            source = Source(file.name, file.path, file.is_package, data, digest)
            former = known.get(file.name)
            modules[file.name] = former if former and source.is_same(former) else source
    for name in extensions.keys() & modules.keys():
        # A package comes before an extension, an extension before a module (importlib.machinery).
        del (extensions if modules[name].is_package else modules)[name]
    return Sources(modules, extensions, files)


class History:
    """The sources of earlier generations, for ``rollback``; the latest last."""

    def __init__(self) -> None:
        self._kept: list[Sources] = []

    @property
    def latest(self) -> Sources | None:
        """The sources of the generation before; ``None`` if none are kept."""
        return self._kept[-1] if self._kept else None

    def committed(self, before: Sources, now: Sources, *, differ: bool, keep: int) -> None:
        """Remember the former sources. A rollback forgets them instead.

        Args:
            before: of the generation that was in force.
            now: of the generation in force.
            differ: whether their content differs.
            keep: how many to keep; 0 keeps all.
        """
        if self._kept and now.is_earlier:
            self._kept.pop()
        elif differ:
            self._kept.append(before)
        del self._kept[: max(0, len(self._kept) - keep) if keep else 0]
