"""The home that the settings name, opened, with its writer in front."""

from __future__ import annotations

from cletus.meters import Meters
from cletus.settings.settings import Settings
from cletus.storage.backends.urls import backend_for
from cletus.storage.backends.writer import Clock, InThread, Writer


def open_writer(settings: Settings, clock: Clock, in_thread: InThread, meters: Meters) -> Writer:
    """Open the home.

    Args:
        settings: those of stores say where it is and how it saves.
        clock: the reactor.
        in_thread: as for ``Writer``.
        meters: count what is saved.

    Raises:
        StoreUnusable: it cannot be opened.
    """
    backend = backend_for(settings)
    backend.open()
    interval, group_max = settings.store_interval, settings.store_group_max
    return Writer(backend, clock, in_thread, interval, group_max, meters)
