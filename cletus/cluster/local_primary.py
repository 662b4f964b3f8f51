"""The door of the primary of ``--workers``, which a restart hands to another process."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred

from cletus import events
from cletus.client.client import Client
from cletus.cluster.checkpoint import SavedDigests
from cletus.cluster.gateway_door import GatewayDoor
from cletus.cluster.local import LocalBus, adopt
from cletus.doors.telnet.protocol import name_of
from cletus.errors import CletusError
from cletus.service.interfaces import Left, Purpose
from cletus.service.service import Service
from cletus.service.succession import hub_descriptor
from cletus.settings.settings import Settings
from cletus.storage.backends.urls import state_folder_of

#: Settings that are the primary's alone.
_PRIMARY_ONLY: Final = frozenset(
    {"store", "workers", "control", "metrics_port", "metrics_host", "reload", "reactor"}
)


class LocalDoor(GatewayDoor):
    """All gateways of this machine. It fulfils ``MovableDoor``: the socket to the parent is handed on.

    Args:
        service: its people are at gateways.

    Attributes:
        gateways_listen: called with ``listening`` (addresses) and ``urls`` when all of them listen.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.gateways_listen: Callable[[Mapping[str, Any]], None] = lambda _words: None
        self.bus = LocalBus(self._told, self._parent_gone)
        super().__init__(
            service,
            self.bus,
            epoch=0,
            lease=service.settings.gateway_lease,
            backlog=service.settings.cluster_backlog,
            fenced=service.stop,
            claim=lambda _after: self.bus.claim(0),
            patience=0.0,
            session_interval=service.settings.session_interval,
        )

    def _told(self, words: Mapping[str, Any]) -> None:
        if "listening" in words:
            self.gateways_listen(words)

    def _parent_gone(self) -> None:
        """The gateways end as well, so nobody's connection has to be waited for."""
        self.lose_everybody()
        self.service.stop()

    def open(self) -> Deferred[None]:
        """As ``GatewayDoor.open``."""
        descriptor = hub_descriptor()
        adopt(self.service.reactor, descriptor, self.bus)
        os.close(descriptor)
        self.service.listen(events.PostStart)(self._started)
        return super().open()

    def _started(self, _event: events.PostStart) -> None:
        """Gateways may come."""
        self.bus.tell_parent(settings=settings_of(self.service), pid=os.getpid())
        if self.has_resumed:
            self.service.fire(events.TakenOver(self.service, False))

    def _restarted(self, _event: events.PostRestart) -> None:
        """Go on keeping the state at the parent, for a primary that is started after a crash."""
        if self.service.settings.session_interval:
            pieces = self.bus.session()
            pieces.addCallback(
                lambda pieces: self._keep_state(SavedDigests(self.service.session.writer), pieces)
            ).addErrback(self._failed)

    # -- to another process -----------------------------------------------------------------

    def finish_reading(self) -> None:
        """As ``MovableDoor.finish_reading``: half a message is handed on."""

    def leave(self) -> list[Left]:
        """As ``MovableDoor.leave``."""
        ledger, people = self.leave_ledger(), self.leave_people()
        descriptor, state = self.bus.leave_socket()
        return [Left(Purpose.LISTENING, descriptor, {"bus": state, "ledger": ledger}), *people]

    def stay(self) -> None:
        """As ``MovableDoor.stay``."""

    def left(self) -> None:
        """As ``MovableDoor.left``."""
        self.take_no_more()
        self.bus.left_socket()

    def take_over(self, left: Left, client: Mapping[str, Any] | None) -> Client | None:
        """As ``MovableDoor.take_over``."""
        if client is not None:
            return self.resume_person(left.state, client)
        self.bus.resume_socket(self.service.reactor, left.descriptor, left.state["bus"])
        self.resume(left.state["ledger"])
        self.bus.tell_parent(pid=os.getpid())
        self.service.listen(events.PostRestart)(self._restarted)
        return None


def settings_of(service: Service) -> dict[str, Any]:
    """The settings for gateways, as far as somebody has set them."""
    settings = service.settings
    names = {field.name for field in msgspec.structs.fields(Settings)} - _PRIMARY_ONLY
    values: dict[str, Any] = {
        name: getattr(settings, name) for name in sorted(names) if service.sources.is_set(name)
    }
    values["name"] = name_of(service)
    host_key = _host_key_of(service)
    if host_key:
        values["ssh_host_key"] = host_key
    plain: dict[str, Any] = msgspec.to_builtins(values)
    return plain


def _host_key_of(service: Service) -> str:
    """The file of the SSH host key in the store's folder, which all gateways share; "" if it is not needed."""
    settings = service.settings
    has_ssh = settings.ssh_port or any(entry.startswith("ssh:") for entry in settings.listen)
    folder = state_folder_of(settings.store, service.sources.folder)
    if not has_ssh or not folder or settings.ssh_host_key:
        return ""
    with suppress(ImportError, CletusError):  # a gateway says what is wrong
        host_key = resolve_name("cletus.doors.ssh.host_key")
        path = Path(folder) / host_key.NAME
        host_key.host_key(path, create=True)
        return str(path)
    return ""
