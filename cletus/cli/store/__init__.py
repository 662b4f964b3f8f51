"""``cletus store``: list, show, export, import, migrate and verify stored data."""

from cletus.cli.store import listing, moving, upkeep
from cletus.cli.store.group import store

__all__ = ["listing", "moving", "store", "upkeep"]
