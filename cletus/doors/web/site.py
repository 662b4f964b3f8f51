"""The files of the page, in memory: what is asked for is looked up in a table and never on the disk.

They come from the page's own folder and from the one that the setting ``web_folder`` names, whose
files take the place of others of the same name. ``look()`` notices that files were edited. Pages and
manifests have the name of the service where they say ``%NAME%``.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from twisted.logger import Logger

PAGE: Final = Path(__file__).parent / "page"

FILE_MAX: Final = 4 << 20
"""Bytes of one file; a larger one is left out, with a log line. All files are held in memory."""

FILES_MAX: Final = 500
"""Files of both folders together."""

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_PACKED = frozenset({".css", ".html", ".js", ".json", ".svg", ".txt", ".webmanifest"})

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; media-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

#: How the name of the service is written in a file of this type, where it says ``%NAME%``.
_NAMED: Final[dict[str, Callable[[str], str]]] = {
    ".html": html.escape,
    ".webmanifest": lambda name: json.dumps(name)[1:-1],
}

#: The header fields of every answer.
FIELDS: Final = (
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("Cache-Control", "no-cache"),
)

_log = Logger()


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent.

    Attributes:
        data: its bytes.
        packed: the same by gzip, or nothing if that does not make it smaller.
        etag: with its quotation marks.
        type: for Content-Type.
    """

    data: bytes = field(repr=False)
    packed: bytes = field(repr=False)
    etag: str
    type: str


class Site:
    """All files of the page by path: ``/app/main.js``; ``/`` is ``/index.html``.

    Args:
        folders: later ones win.
        name: tells what the service is called.

    Attributes:
        files: the table.
        version: changes with any file.
    """

    def __init__(self, *folders: Path, name: Callable[[], str] = lambda: "Cletus") -> None:
        self._folders = folders
        self._name = name
        self._named = ""
        self._stamps: dict[Path, tuple[int, int]] = {}
        self.files: dict[str, File] = {}
        self.version = ""
        self.look()

    def get(self, path: str) -> File | None:
        """The file of this path, or ``None``."""
        return self.files.get("/index.html" if path == "/" else path)

    def look(self) -> bool:
        """Read what has changed on the disk since the last look. Returns whether anything had."""
        stamps, paths = {}, {}
        for path, name in self._listed():
            try:
                status = path.stat()
            except OSError:
                continue
            stamps[path] = (status.st_mtime_ns, status.st_size)
            paths[name] = path
        name = self._name()
        if (stamps, name) == (self._stamps, self._named):
            return False
        changed = {
            path
            for path, stamp in stamps.items()
            if self._stamps.get(path) != stamp or (name != self._named and path.suffix in _NAMED)
        }
        self._stamps, self._named = stamps, name
        files = {name: self._file(name, path, path in changed) for name, path in paths.items()}
        self.files = {name: file for name, file in files.items() if file is not None}
        etags = "".join(f"{name}{file.etag}" for name, file in sorted(self.files.items()))
        self.version = hashlib.sha256(etags.encode()).hexdigest()[:16]
        return True

    def etags(self) -> dict[str, str]:
        """The version of each file by its path, for pages that are open."""
        return {name: file.etag for name, file in self.files.items()}

    def _listed(self) -> Iterator[tuple[Path, str]]:
        count = 0
        for folder in self._folders:
            for base, folders, names in os.walk(folder):
                folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
                for name in sorted(names):
                    path = Path(base, name)
                    if name.startswith(".") or path.suffix not in _TYPES:
                        continue
                    count += 1
                    if count > FILES_MAX:
                        return
                    yield path, "/" + path.relative_to(folder).as_posix()

    def _file(self, name: str, path: Path, changed: bool) -> File | None:
        if not changed and name in self.files:
            return self.files[name]
        try:
            with path.open("rb") as file:
                data = file.read(FILE_MAX + 1)
        except OSError as error:
            _log.warn("{path} cannot be read: {error}", path=str(path), error=str(error))
            return self.files.get(name)
        if len(data) > FILE_MAX:
            _log.warn(
                "{path} is left out: it is larger than {most} bytes", path=str(path), most=FILE_MAX
            )
            return None
        if path.suffix in _NAMED:
            data = data.replace(b"%NAME%", _NAMED[path.suffix](self._named).encode())
        packed = gzip.compress(data, 9, mtime=0) if path.suffix in _PACKED else b""
        etag = f'"{hashlib.sha256(data).hexdigest()[:20]}"'
        return File(data, packed if len(packed) < len(data) else b"", etag, _TYPES[path.suffix])
