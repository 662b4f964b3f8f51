"""Find the stores of running services without importing their code.

The store of an application may be named on its command line or in its code, and the code may be broken
just when an operator asks for the status. So each service leaves a note with the paths of its
application and its store in a folder of its user: ``$XDG_RUNTIME_DIR/cletus``, or ``cletus-UID`` in the
folder for temporary files. If a note is lost, the operator must give ``--store``.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from cletus.storage.backends.atomic_file import atomic_file
from cletus.storage.backends.folder_lock import is_running

_NOTES_MAX: Final = 10_000  # in case that something else has filled the folder


class Note(msgspec.Struct, frozen=True):
    """Where a running service is.

    Attributes:
        root: the path of its application: a package's folder, or a file.
        store: the path of its store folder.
        pid: its process.
    """

    root: str
    store: str
    pid: int

    @property
    def name(self) -> str:
        """The name of its file: the same for the same application on the same store."""
        text = f"{self.root}\0{self.store}"
        return f"{hashlib.sha256(os.fsencode(text)).hexdigest()[:32]}.json"


class Notes:
    """The notes of this user.

    Args:
        environment: ``os.environ``; for ``XDG_RUNTIME_DIR``.
        temporary: the folder for temporary files; by default the system's.
    """

    def __init__(
        self, environment: Mapping[str, str] = os.environ, temporary: str | None = None
    ) -> None:
        # A service manager does not set XDG_RUNTIME_DIR for a service, while the shell of its operator
        # has it: so all folders are read, and the first that exists is written to.
        runtime = (environment.get("XDG_RUNTIME_DIR", ""), f"/run/user/{os.getuid()}")
        folders = [Path(path) / "cletus" for path in runtime if path and os.path.isdir(path)]
        own = Path(temporary or tempfile.gettempdir()) / f"cletus-{os.getuid()}"
        self._folders = tuple(dict.fromkeys([*folders, own]))

    def leave(self, note: Note) -> Path | None:
        """Write a note, and remove those of processes that have ended.

        Returns:
            its path; ``None`` if no folder can be written to.
        """
        for folder in self._folders:
            with suppress(OSError):
                folder.mkdir(mode=0o700, exist_ok=True)
                if not _is_private(folder):
                    continue
                self._sweep(folder)
                path = folder / note.name
                with atomic_file(path) as file:
                    file.write(msgspec.json.encode(note))
                return path
        return None

    def stores_of(self, root: str) -> list[str]:
        """The store folders of services that run, or ran, this application."""
        real = os.path.realpath(root)
        notes = (note for folder in self._folders for _, note in _notes_in(folder))
        return list(dict.fromkeys(n.store for n in notes if os.path.realpath(n.root) == real))

    def _sweep(self, folder: Path) -> None:
        for path, note in _notes_in(folder):
            if not is_running(note.pid):
                path.unlink(missing_ok=True)


def _notes_in(folder: Path) -> Iterator[tuple[Path, Note]]:
    if not _is_private(folder):
        return
    with suppress(OSError):
        for path in sorted(folder.glob("*.json"))[:_NOTES_MAX]:
            with suppress(OSError, msgspec.MsgspecError):
                yield path, msgspec.json.decode(path.read_bytes(), type=Note)


def _is_private(folder: Path) -> bool:
    """Whether only we can use it: in the folder for temporary files, anybody can create that name."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    return is_ours and not status.st_mode & 0o077
