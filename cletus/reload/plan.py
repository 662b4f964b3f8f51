"""What a reload would do: which modules differ, found without touching anything."""

from __future__ import annotations

from dataclasses import dataclass

from cletus.reload.sources import CodeCache, Sources


@dataclass(frozen=True, slots=True)
class Plan:
    """From the sources of the generation in force to those on disk.

    Attributes:
        sources: what the new generation would be made from.
        changed: names of modules whose text differs.
        added: names of modules that are new.
        removed: names of modules that are gone.
    """

    sources: Sources
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return not (self.changed or self.added or self.removed)


def make_plan(running: Sources, found: Sources) -> Plan:
    """Compare two readings of the application's sources by content."""
    old, new = running.digests(), found.digests()
    return Plan(
        found,
        changed=tuple(sorted(name for name in old.keys() & new.keys() if old[name] != new[name])),
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
    )


def check(plan: Plan, cache: CodeCache) -> None:
    """Compile every module from the text that was read.

    Raises:
        SourceError: one of them cannot be compiled; it names file and line.
    """
    for source in plan.sources.modules.values():
        cache.code(source)
