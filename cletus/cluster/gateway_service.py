"""The service of a gateway process: doors, and no application."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred

from cletus.service.interfaces import Attachment, Components, Door
from cletus.service.report import ReloadReport
from cletus.service.service import Service
from cletus.settings.settings import Settings


class NoReloader:
    """A gateway has no code to reload."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def start(self) -> None:
        """Nothing is watched."""

    def stop(self) -> None:
        """Nothing was watched."""

    def request(self) -> Deferred[ReloadReport]:
        """There is no way to ask."""
        raise NotImplementedError

    def rollback(self) -> Deferred[ReloadReport]:
        """As above."""
        raise NotImplementedError


def gateway_service(
    doors: Callable[[Any], Iterable[Door]],
    attachments: Callable[[Any], Iterable[Attachment]] = lambda _service: (),
    settings_class: type[Settings] = Settings,
    **settings: Any,
) -> Service:
    """A service without an application, for ``Relay``.

    Args:
        doors: as for ``Components``.
        attachments: as for ``Components``.
        settings_class: of its settings.
        **settings: as for ``Service``. Nothing is stored, whatever they say.
    """

    def run(_service: Any, _settings: Any) -> None:
        raise NotImplementedError

    components = Components(doors=doors, reloader=NoReloader, run=run, attachments=attachments)
    return Service(settings_class, components=components, **{**settings, "store": "memory:"})
