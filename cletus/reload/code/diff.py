"""What a reload would change: two readings of the application's files, compared by content."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cletus.errors import SourceError
from cletus.reload.code.import_names import reachable
from cletus.reload.code.sources import Content, Sources

#: Python cannot unload compiled code, and most extensions break when they are loaded twice.
UNLOADABLE = (
    "this compiled code has changed, and cannot be loaded a second time into one process: "
    "restart the service, or put the old file back"
)


@dataclass(frozen=True, slots=True)
class Diff:
    """From the sources of the generation in force to those on disk.

    Attributes:
        sources: those on disk, which the new generation would be made from.
        changed: names of modules and data files whose content differs.
        added, removed: names of modules and data files.
        unloadable: C extensions whose content differs.
    """

    sources: Sources
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unloadable: tuple[Content, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return not (self.changed or self.added or self.removed)


def compare(running: Sources, on_disk: Sources) -> Diff:
    """Compare two readings of the application's files by content."""
    old, new = running.digests(), on_disk.digests()
    return Diff(
        on_disk,
        changed=tuple(sorted(name for name in old.keys() & new.keys() if old[name] != new[name])),
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        unloadable=tuple(
            extension
            for name, extension in on_disk.extensions.items()
            if name in running.extensions and extension.digest != running.extensions[name].digest
        ),
    )


def compile_all(diff: Diff, entries: Iterable[str] | None = None) -> None:
    """Compile every module from the text that was read, unless that was done before.

    Its lines are made, too: what is done here is not done while the service waits.

    Args:
        diff: has the texts.
        entries: names of the modules that will be imported. Broken files that nobody imports, such as
            a template or a test that is being written, are then ignored; ``None`` ignores none.

    Raises:
        SourceError: a module cannot be compiled (with file and line), or a C extension has changed.
    """
    for extension in diff.unloadable:
        raise SourceError(extension.path, UNLOADABLE)
    broken: dict[str, SourceError] = {}
    for name, source in diff.sources.modules.items():
        try:
            _ = source.lines, source.code
        except SourceError as error:
            broken[name] = error
    if broken:
        imported = broken if entries is None else reachable(diff.sources, entries)
        for name in filter(imported.__contains__, broken):
            raise broken[name]
