"""Numbers of things, in words."""

from __future__ import annotations


def counted(count: int, singular: str) -> str:
    """``1 document``, ``1,234 documents``."""
    return f"{count:,} {singular}{'' if count == 1 else 's'}"
