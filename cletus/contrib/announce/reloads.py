"""For developers in the game: notices of reloads, and commands that reload and show the report."""

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
    """Send the report of every reload to some clients. Call this in a module body.

    Args:
        service: the service.
        to: called with each client; those for whom it is true get the report.
    """

    def gets_report(client: Client) -> bool:
        return to(client) and not getattr(client, _REQUESTED, False)

    def reloaded(event: events.PostReload) -> None:
        service.write_all(*_lines(event.report), filter=gets_report)

    def failed(event: events.ReloadFailed) -> None:
        service.write_all(*_lines(event.report), filter=gets_report)

    def undone(event: events.EditUndone) -> None:
        service.write_all(*_lines(event.report), filter=gets_report)

    service.listen(events.PostReload)(reloaded)
    service.listen(events.ReloadFailed)(failed)
    service.listen(events.EditUndone)(undone)


def reload(event: events.ClientEvent) -> None:
    """Reload the code now, and read the report."""
    # Not async: a coroutine that waits for the reload would keep the replaced code alive.
    _request(event.client, event.service.reload)


def rollback(event: events.ClientEvent) -> None:
    """Go back to the code before the last reload. Files are not changed."""
    try:
        _request(event.client, event.service.rollback)
    except ReloadError as error:
        raise Refused(sentence(error)) from None


def restart(event: events.ClientEvent) -> None:
    """Replace the whole process, and read the report; everybody stays connected."""
    client = event.client
    # Of a restart that succeeds, it is the new process that sends the report.
    event.service.restart(client=client).addCallback(lambda report: _show_lines(report, client))


def _show_lines(report: object, client: Client) -> None:
    client.write(*str(report).split("\n"))


#: The attribute of a client whose own command started the reload: they get the report once.
_REQUESTED = "requested_reload"


def _request(client: Client, reload: Callable[[], Deferred[ReloadReport]]) -> None:
    reloading = reload()
    setattr(client, _REQUESTED, True)
    reloading.addCallback(_show, client)


def _show(report: ReloadReport, client: Client) -> None:
    if hasattr(client, _REQUESTED):
        delattr(client, _REQUESTED)
    client.write(*_lines(report))


def _lines(report: ReloadReport) -> list[str]:
    return str(report).split("\n")
