"""``cletus store``: look into stored data, move it, bring it up, and see that all of it can be used."""

from cletus.cli.store import listing, moving, upkeep
from cletus.cli.store.group import store

__all__ = ["listing", "moving", "store", "upkeep"]
