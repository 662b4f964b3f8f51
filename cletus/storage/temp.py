"""Stores that are never saved: ``class Fight(TempStoreMixin, Store)``."""

from __future__ import annotations


class TempStoreMixin:
    """Makes a store one whose objects cannot be saved.

    The storage document: "If you don't want to be able to save a store at all, use the
    TempStoreMixin mixin when defining the class." Such objects survive reloads and end with the
    service: ``save``, ``save_soon`` and ``load`` raise ``NotSavable``, and nothing is ever
    ``saved()``. The order among the bases does not matter.
    """
