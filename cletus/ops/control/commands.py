"""The commands of a control socket, a function each. They return JSON values.

Other packages add commands by entry points of the group ``cletus.control``: an ``async def`` that takes
the service and the arguments of the request.
"""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

import msgspec
import twisted

from cletus.client.client import Client
from cletus.errors import CallTimedOut, ServiceStateError
from cletus.service.restart_report import RestartReport
from cletus.service.service import Service
from cletus.storage.backends.urls import shown
from cletus.version import __version__

Value = dict[str, Any] | list[dict[str, Any]] | str

GROUP: Final = "cletus.control"

_UNSAVED_MAX: Final = 10  # of the documents that could not be saved, which may be all there are
_NAME_MAX: Final = 80  # characters of a name that a person has chosen, to fit a table


async def status(service: Service) -> Value:
    """The state of the service. ``docs/operating.md`` has the names and units."""
    session = service.session
    reload, restart_report = service.last_reload, service.last_restart
    unsaved = session.writer.unsaved if session.is_open else []
    cluster = service.lifecycle.cluster
    return {
        "name": name_of(service),
        "pid": os.getpid(),
        "state": service.state.value,
        "generation": session.generation,
        "started": service.started_at,
        "uptime": service.lifecycle.uptime,
        "doors": list(service.addresses),
        "clients": len(service.clients),
        "stores": {
            store.__name__: len(store.manager.active())
            for store in sorted(session.stores.values(), key=lambda store: store.__name__)
        },
        "store": shown(service.settings.store),
        "unsaved": [str(failure.error) for failure in unsaved[:_UNSAVED_MAX]],
        "unsaved_count": len(unsaved),
        "application": [str(root.path) for root in session.application.roots],
        "reload": None if reload is None else report_of(reload),
        "restart": None if restart_report is None else restart_report_of(restart_report),
        "cluster": None if cluster is None else await cluster.members(),
        "memory": _memory(),
        "versions": {
            "cletus": __version__,
            "twisted": twisted.__version__,
            "python": platform.python_version(),
        },
    }


async def who(service: Service) -> Value:
    """All clients, in the order in which they connected."""
    now, wall = service.clock.seconds(), time.time()
    return [
        {
            "id": client.id,
            "name": _name_of(client),
            "door": client.door,
            "address": client.address,
            "tls": client.terminal.tls,
            "idle": now - client.last_input_at,
            "since": wall - (now - client.connected_at),
            "terminal": client.terminal.name,
            "columns": client.terminal.columns,
            "rows": client.terminal.rows,
            "encoding": client.terminal.encoding,
        }
        for client in service.clients
    ]


async def reload(service: Service) -> Value:
    """Reload at the next safe point, even if no file has changed; returns the report."""
    return report_of(await service.reload())


async def rollback(service: Service) -> Value:
    """Return to the code before the last reload; returns the report."""
    return report_of(await service.rollback())


async def restart(service: Service, check: bool = False, force: bool = False) -> Value:
    """Replace the process; returns the report, right before this one ends."""
    restarter = service.lifecycle.restarter
    if restarter is None:
        return restart_report_of(await service.restart(check=check, force=force))
    return restart_report_of(await restarter.request(check=check, force=force))


async def handover(service: Service) -> Value:
    """Let another process of the cluster take this one's place; returns before that happens."""
    cluster = service.lifecycle.cluster
    if cluster is None:
        raise ServiceStateError("the service is one process; to renew it, use cletus restart")
    left = await cluster.hand_over()
    return {"pid": os.getpid(), "clients": len(service.clients), "left": left}


async def shutdown(service: Service) -> Value:
    """Stop in order; returns when that is done."""
    await service.stop()
    return {"pid": os.getpid()}


@dataclass(frozen=True, slots=True)
class Command:
    """One of the ``COMMANDS``.

    Attributes:
        run: called with the service and the arguments of the request.
        outlives: whether the client stays connected while the service stops.
    """

    run: Callable[..., Coroutine[Any, Any, Value]]
    outlives: bool = False


COMMANDS: Final = {
    "status": Command(status),
    "who": Command(who),
    "reload": Command(reload),
    "rollback": Command(rollback),
    "restart": Command(restart),
    "handover": Command(handover),
    "shutdown": Command(shutdown, outlives=True),
}


def find_command(name: str) -> Command | None:
    """The command of this name, ours or that of another package."""
    command = COMMANDS.get(name)
    if command is None:
        for entry in entry_points(group=GROUP, name=name):
            return Command(entry.load())
    return command


def report_of(report: Any) -> dict[str, Any]:
    """A ``ReloadReport`` as a JSON value, with its text."""
    facts: dict[str, Any] = msgspec.to_builtins(report, enc_hook=str)
    return {**facts, "ok": report.ok, "pause": report.pause, "text": str(report)}


def restart_report_of(report: RestartReport) -> dict[str, Any]:
    """A ``RestartReport`` as a JSON value, with its text."""
    facts: dict[str, Any] = msgspec.to_builtins(report, enc_hook=str)
    return {**facts, "ok": report.ok, "text": str(report)}


def name_of(service: Service) -> str:
    """The setting ``name`` of the service, or else the name of its application."""
    roots = service.session.application.roots
    if service.settings.name or not roots:
        return service.settings.name
    root = roots[0]
    return root.path.stem if root.name == "__main__" else root.name


def _name_of(client: Client) -> str:
    """The name that the application gives to a client, if any."""
    for owner in (client.user, client):
        for attribute in ("name", "key"):
            try:
                value = getattr(owner, attribute, None)
            except (Exception, CallTimedOut):  # noqa: BLE001 - it may be a property of the application
                value = None
            if isinstance(value, str) and value:
                return value[:_NAME_MAX]
    return ""


def _memory() -> int:
    """Resident bytes of this process: now, or where the system does not tell, the maximum so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        maximum = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return maximum if sys.platform == "darwin" else maximum * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")
