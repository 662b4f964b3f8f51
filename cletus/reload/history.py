"""The sources of earlier generations, for going back."""

from __future__ import annotations

from cletus.reload.code.sources import Sources


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
