"""Import an application over its stored data, and change none of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from cletus.reload.load import apply_settings, load
from cletus.service.service import Service
from cletus.storage import Backend, Writer, backend_for
from cletus.storage.backends.read_only import ReadOnlyBackend


class ReadOnlyLoader:
    """Imports an application that can read its documents during the import, but not change them.

    Attributes:
        service: as soon as the application has created it.
    """

    def __init__(self) -> None:
        self.service: Service | None = None
        self._backend: Backend | None = None

    def load(self, target: str, options: Mapping[str, Any]) -> Service:
        """Raises ``CletusError`` as ``load()`` does."""
        return load(target, Path.cwd(), partial(self._configure, options=options))

    def backend(self, service: Service) -> Backend:
        """The backend of the settings, once they are known."""
        if self._backend is None:
            self._backend = backend_for(service.settings)
        return self._backend

    def _configure(self, service: Service, options: Mapping[str, Any]) -> None:
        self.service = service
        apply_settings(service, options=options)
        if not service.session.is_open:
            service.session.open_with(partial(self._open, service))

    def _open(self, service: Service) -> Writer:
        backend = ReadOnlyBackend(self.backend(service))
        backend.open()
        return Writer(backend, service.clock, service.run_in_thread)
