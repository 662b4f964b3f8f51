"""Load all saved objects of a store when the service starts."""

from __future__ import annotations

from typing import Any

from cletus import events


def load_at_start(store_cls: type[Any]) -> None:
    """Have all saved objects of a store active from ``PreStart`` on. Call it when the class is made.

    What cannot be read is left out, as ``manager.saved`` does.
    """

    def load(_: events.PreStart) -> None:
        active = store_cls.manager.active()
        for key, obj in store_cls.manager.saved().items():
            if key not in active:
                store_cls.manager.add_active(obj)

    store_cls.service.listen(events.PreStart)(load)
