"""What a reload would do: which modules differ, found without touching anything."""

from __future__ import annotations

from dataclasses import dataclass

from cletus.errors import SourceError
from cletus.reload.code.sources import CodeCache, Content, Sources

#: Python has no way to unload compiled code, and most extensions break when they are loaded twice.
UNLOADABLE = (
    "this compiled code has changed, and cannot be loaded a second time into one process: "
    "restart the service, or put the old file back"
)


@dataclass(frozen=True, slots=True)
class Diff:
    """From the sources of the generation in force to those on disk.

    Attributes:
        sources: what the new generation would be made from.
        changed: names of modules (and of data files) whose content differs.
        added: names of those that are new.
        removed: names of those that are gone.
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


def compare(running: Sources, found: Sources) -> Diff:
    """Compare two readings of the application's sources by content."""
    old, new = running.digests(), found.digests()
    return Diff(
        found,
        changed=tuple(sorted(name for name in old.keys() & new.keys() if old[name] != new[name])),
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        unloadable=tuple(
            extension
            for name, extension in found.extensions.items()
            if name in running.extensions and extension.digest != running.extensions[name].digest
        ),
    )


def compile_all(plan: Diff, cache: CodeCache) -> None:
    """Compile every module from the text that was read.

    Raises:
        SourceError: one of them cannot be compiled; it names file and line. Or a C extension has
            changed.
    """
    for extension in plan.unloadable:
        raise SourceError(extension.path, UNLOADABLE)
    for source in plan.sources.modules.values():
        cache.code(source)
