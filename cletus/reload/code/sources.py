"""The application's source text, read once and kept: what a generation is made from.

Code is never taken from ``.pyc`` files, whose time stamps miss a second edit in the same second, and
no file is read again while a generation lives, so that its tracebacks quote what really runs.

All files are looked at, read, and looked at again: what moved meanwhile is being saved just now.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import CodeType

from cletus.errors import SourceError
from cletus.reload.watch.file_tree import File, FileTree, FileType
from cletus.reload.watch.survey import Stamp, stamp_of

#: What is said of files that do not come to rest.
UNSETTLED = "it is missing, or keeps changing; save it once more"
#: How often, and how many seconds apart, ``read_now`` tries.
_TRIES, _BETWEEN = 10, 0.05


class Unsettled(Exception):
    """A file changed while it was being read, or is missing for the moment.

    Attributes:
        path: the file or folder.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(path)


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
class Content:
    """A file whose content is compared, and not kept: a C extension or data.

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
    """All files of the application at one instant.

    Attributes:
        modules: by dotted name.
        extensions: C extensions among the modules, by dotted name.
        files: the data files that the setting ``reload_patterns`` names.
        stamps: path of each file that was read to its stamp at that time.
    """

    modules: dict[str, Source]
    extensions: dict[str, Content] = field(default_factory=dict)
    files: dict[str, Content] = field(default_factory=dict)
    stamps: dict[str, Stamp] = field(default_factory=dict, compare=False)

    def digests(self) -> dict[str, bytes]:
        """Name to digest, of modules and all else: equal for equal content."""
        everything: Iterable[Source | Content] = (
            *self.modules.values(),
            *self.extensions.values(),
            *self.files.values(),
        )
        return {one.name: one.digest for one in everything}

    def line(self, path: str, number: int) -> str:
        """A line of a file as it was read, from 1; "" if there is none."""
        for source in self.modules.values():
            if str(source.path) == path:
                return source.line(number)
        return ""

    def is_namespace(self, name: str) -> bool:
        """Whether this is a package only in so far as there are modules below it."""
        return any(module.startswith(name + ".") for module in (*self.modules, *self.extensions))


def read(tree: FileTree) -> Sources:
    """Read every file of the application.

    Raises:
        Unsettled: a file changed or vanished meanwhile; it is being saved just now.
        SourceError: a file or folder cannot be read.
    """
    before = _look(tree)
    contents = {path: _bytes(path) for path in before}
    after = _look(tree)
    if before != after:
        moved = before.keys() ^ after.keys() or {p for p in before if before[p] != after[p]}
        raise Unsettled(str(min(moved)))
    sources = _sources((file, contents[path]) for path, (file, _) in before.items())
    return replace(sources, stamps={str(path): stamp for path, (_, stamp) in before.items()})


def read_now(tree: FileTree) -> Sources:
    """Read for somebody who cannot come back later, such as the start: a few tries, half a second.

    Raises:
        SourceError: a file or folder cannot be read, or the files keep changing.
    """
    for _ in range(_TRIES):
        try:
            return read(tree)
        except Unsettled as error:
            moving = error.path
            time.sleep(_BETWEEN)
    raise SourceError(Path(moving), UNSETTLED)


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


def _look(tree: FileTree) -> dict[Path, tuple[File, Stamp]]:
    """The stamp of every file, in the order of the walk."""
    found: dict[Path, tuple[File, Stamp]] = {}
    for _, top in tree.folders(_cannot_list):
        for folder in top.walk():
            for file in folder.files:
                stamp = stamp_of(file.path)
                if stamp is None:
                    # Listed a moment ago: an editor is putting a new version in its place.
                    raise Unsettled(str(file.path))
                found[file.path] = file, stamp
    return found


def _cannot_list(error: OSError) -> None:
    """A folder that is gone may be on its way to being replaced; one that is locked is not."""
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


def _sources(read_files: Iterator[tuple[File, bytes]]) -> Sources:
    """Sort the files. Where several claim one module's name, the one that Python would take has it."""
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
            modules[file.name] = Source(file.name, file.path, file.is_package, data, digest)
    for name in extensions.keys() & modules.keys():
        # A package comes before an extension, an extension before a module (importlib.machinery).
        del (extensions if modules[name].is_package else modules)[name]
    return Sources(modules, extensions, files)


class History:
    """What can be gone back to, the latest last."""

    def __init__(self) -> None:
        self._kept: list[Sources] = []

    @property
    def latest(self) -> Sources | None:
        """The sources of the generation before; ``None`` if none are kept."""
        return self._kept[-1] if self._kept else None

    def committed(self, before: Sources, now: Sources, *, keep: int) -> tuple[Sources, ...]:
        """A generation was committed. Going back is not something to go back to.

        Args:
            before: what ran until then.
            now: what runs from then on.
            keep: how many to keep; 0 keeps all.

        Returns:
            All that are kept.
        """
        if self._kept and self._kept[-1] is now:
            self._kept.pop()
        elif before.digests() != now.digests():
            self._kept.append(before)
        del self._kept[: max(0, len(self._kept) - keep) if keep else 0]
        return tuple(self._kept)
