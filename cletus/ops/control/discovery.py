"""Notes that running services leave, so that they are found without importing their code.

The store of an application may be named on its command line, or in its code; and the code may be
broken just when one wants to know how its service is. So a service notes where its application is and
where its store is, in a folder of its user's: ``$XDG_RUNTIME_DIR/cletus``, or ``cletus-UID`` in the
folder for temporary files. A note that is lost costs nothing but an option ``--store``.
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

_NOTES_MAX: Final = 10_000  # a bound for reading a folder that something else has filled


class Note(msgspec.Struct, frozen=True):
    """One running service.

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
        """Of its file: the same for the same application on the same store."""
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
        # A service manager sets no XDG_RUNTIME_DIR for a service, and the shell of its operator has
        # one: so all places are looked into, and the first that is there is written to.
        runtime = (environment.get("XDG_RUNTIME_DIR", ""), f"/run/user/{os.getuid()}")
        places = [Path(one) / "cletus" for one in runtime if one and os.path.isdir(one)]
        own = Path(temporary or tempfile.gettempdir()) / f"cletus-{os.getuid()}"
        self._places = tuple(dict.fromkeys([*places, own]))

    def leave(self, note: Note) -> Path | None:
        """Write it, and remove those of processes that there are no more.

        Returns:
            its path; ``None`` if no place can be written to.
        """
        for place in self._places:
            with suppress(OSError):
                place.mkdir(mode=0o700, exist_ok=True)
                if not _is_private(place):
                    continue
                self._sweep(place)
                path = place / note.name
                with atomic_file(path) as file:
                    file.write(msgspec.json.encode(note))
                return path
        return None

    def stores_of(self, root: str) -> list[str]:
        """The store folders of services that run, or ran, this application."""
        real = os.path.realpath(root)
        notes = (note for place in self._places for _, note in _notes_in(place))
        return list(dict.fromkeys(n.store for n in notes if os.path.realpath(n.root) == real))

    def _sweep(self, place: Path) -> None:
        for path, note in _notes_in(place):
            if not is_running(note.pid):
                path.unlink(missing_ok=True)


def _notes_in(place: Path) -> Iterator[tuple[Path, Note]]:
    if not _is_private(place):
        return
    with suppress(OSError):
        for path in sorted(place.glob("*.json"))[:_NOTES_MAX]:
            with suppress(OSError, msgspec.MsgspecError):
                yield path, msgspec.json.decode(path.read_bytes(), type=Note)


def _is_private(place: Path) -> bool:
    """Whether it is ours alone: in the folder for temporary files anybody can make one of that name."""
    try:
        found = place.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
