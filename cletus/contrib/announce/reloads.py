"""Reloads, for those who make them: notices, and commands that show the report."""

from __future__ import annotations

from collections.abc import Callable

from cletus import events
from cletus.client import Client
from cletus.errors import Refused, ReloadError
from cletus.reload.report import ReloadReport
from cletus.service import Service


def announce_reloads(service: Service, to: Callable[[Client], bool]) -> None:
    """Tell some people of every reload, whoever asked for it; called by a module body.

    Args:
        service: whose.
        to: called with each client; true for those who are told.
    """

    def reloaded(event: events.PostReload) -> None:
        service.write_all(*_lines(event.report), filter=to)

    def failed(event: events.ReloadFailed) -> None:
        service.write_all(*_lines(event.report), filter=to)

    service.listen(events.PostReload)(reloaded)
    service.listen(events.ReloadFailed)(failed)


def reload(event: events.ClientEvent) -> None:
    """Reload the code now, and see what has come of it."""
    # Not async: a coroutine that waits for the reload would keep the code alive that it replaces.
    event.service.reload().addCallback(_show, event.client)


def rollback(event: events.ClientEvent) -> None:
    """Go back to the code before the last reload. The files stay as they are."""
    try:
        event.service.rollback().addCallback(_show, event.client)
    except ReloadError as error:
        raise Refused(f"{error}.") from None


def _show(report: ReloadReport, client: Client) -> None:
    client.write(*_lines(report))


def _lines(report: ReloadReport) -> list[str]:
    return str(report).split("\n")
