"""Reloads, for those who make them: notices, and commands that show the report."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from cletus import events
from cletus.client.client import Client
from cletus.contrib.language import sentence
from cletus.errors import Refused, ReloadError
from cletus.service.report import ReloadReport
from cletus.service.service import Service


def announce_reloads(service: Service, to: Callable[[Client], bool]) -> None:
    """Tell some people of every reload, whoever asked for it; called by a module body.

    Args:
        service: whose.
        to: called with each client; true for those who are told.
    """

    def is_told(client: Client) -> bool:
        return to(client) and not getattr(client, _ASKED, False)

    def reloaded(event: events.PostReload) -> None:
        service.write_all(*_lines(event.report), filter=is_told)

    def failed(event: events.ReloadFailed) -> None:
        service.write_all(*_lines(event.report), filter=is_told)

    service.listen(events.PostReload)(reloaded)
    service.listen(events.ReloadFailed)(failed)


def reload(event: events.ClientEvent) -> None:
    """Reload the code now, and see what has come of it."""
    # Not async: a coroutine that waits for the reload would keep the code alive that it replaces.
    _ask(event.client, event.service.reload)


def rollback(event: events.ClientEvent) -> None:
    """Go back to the code before the last reload. The files stay as they are."""
    try:
        _ask(event.client, event.service.rollback)
    except ReloadError as error:
        raise Refused(sentence(error)) from None


#: The attribute of a client who has asked for a reload, and will be shown its report.
_ASKED = "asked_for_reload"


def _ask(client: Client, reload: Callable[[], Deferred[ReloadReport]]) -> None:
    reloading = reload()
    setattr(client, _ASKED, True)
    reloading.addCallback(_show, client)


def _show(report: ReloadReport, client: Client) -> None:
    if hasattr(client, _ASKED):
        delattr(client, _ASKED)
    client.write(*_lines(report))


def _lines(report: ReloadReport) -> list[str]:
    return str(report).split("\n")
