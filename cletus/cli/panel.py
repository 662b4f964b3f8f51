"""The message of a service that has started: a panel on a terminal, plain lines otherwise."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from cletus.errors import without_passwords
from cletus.service.service import Service
from cletus.service.succession import hub_descriptor
from cletus.version import __version__


class Listening(NamedTuple):
    """Where people come in.

    Attributes:
        urls: of pages.
        addresses: of all doors.
    """

    urls: Sequence[str]
    addresses: Sequence[str]

    @classmethod
    def of(cls, service: Service) -> Listening:
        """Where a service itself listens."""
        urls = [url for door in service.doors if (url := getattr(door, "url", ""))]
        return cls(urls, service.addresses)


def show_started(service: Service, listening: Listening | None = None) -> None:
    """Show where the service listens and stores, and how to reload and stop it, on standard output.

    Args:
        service: it has started.
        listening: where its gateways listen, if it has some.
    """
    listening = listening or Listening.of(service)
    # Docker may give a terminal to a service whose log programs read: a box would be in their way.
    if sys.stdout.isatty() and service.settings.log_format != "json":
        _console().print(_panel(service, listening))
        return
    for line in lines_of(service, listening):
        click.echo(line)


def lines_of(service: Service, listening: Listening) -> Iterator[str]:
    """Lines that programs can look for: ``Listening on telnet 127.0.0.1:9000``; the order is fixed."""
    for url in listening.urls:
        yield f"Open {url}"
    for address in listening.addresses:
        yield f"Listening on {address}"
    yield f"Storing in {_store(service)}"
    names = ", ".join(_names(service))
    if service.settings.reload and names:
        yield f"Reloading {names} when its files change"
        others = _others(service)
        if others:
            yield f"Not reloading {_unwatched(others)}"
    yield "Stop with Ctrl-C"


def rows_of(service: Service, listening: Listening) -> Iterator[tuple[str, str]]:
    """The rows of the panel: a word and its text."""
    if listening.urls:
        yield "Open", "\n".join(listening.urls)
    yield "Doors", "\n".join(listening.addresses) or "none"
    yield "Store", _store(service)
    if service.settings.metrics_port:
        address = f"{service.settings.metrics_host}:{service.settings.metrics_port}"
        yield "Metrics", f"http://{address}/metrics"
    yield "Code", _code(service)
    yield "Reload", _how_to_reload(service)
    others = _others(service) if service.settings.reload else []
    if others:
        yield "No reload", _unwatched(others)
    yield "Stop", f"Ctrl-C, or kill {_pid()}"


def _pid() -> int:
    """The process that signals go to: with workers, that of the command is our parent."""
    return os.getpid() if hub_descriptor() < 0 else os.getppid()


def _code(service: Service) -> str:
    session = service.session
    count = len(session.application.loaded())
    names = ", ".join(_names(service))
    if not names:
        return "nothing to reload"
    modules = "1 module" if count == 1 else f"{count} modules"
    return f"{names}: {modules}, generation {session.generation}"


def _how_to_reload(service: Service) -> str:
    signal = f"kill -HUP {_pid()}"
    settings = service.settings
    if not settings.reload:
        return signal
    patterns = ", ".join(settings.reload_patterns)
    also = f" (also {patterns})" if patterns else ""
    return f"save a file{also}, or {signal}"


def _others(service: Service) -> list[str]:
    return service.session.application.others_in(Path.cwd())


def _unwatched(names: list[str]) -> str:
    options = " ".join(f"--reload-modules {name}" for name in names)
    return f"{', '.join(names)}: add {options}"


def _names(service: Service) -> list[str]:
    roots = service.session.application.roots
    return [root.name if root.is_package else root.path.name for root in roots]


def _store(service: Service) -> str:
    store = service.settings.store
    return without_passwords(store) if ":" in store else str(Path(store).resolve())


# rich is imported only to draw a panel: a service without a terminal starts without it.


def _console() -> Any:
    from rich.console import Console  # noqa: PLC0415 - see above

    return Console(highlight=False, markup=False, emoji=False)


def _panel(service: Service, listening: Listening) -> Any:
    from rich.panel import Panel  # noqa: PLC0415 - see above
    from rich.table import Table  # noqa: PLC0415 - see above

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold cyan", no_wrap=True)
    table.add_column(overflow="fold")  # a path must not be cut
    for word, text in rows_of(service, listening):
        table.add_row(word, text)
    title = f"Cletus {__version__}"
    return Panel(table, title=title, title_align="left", border_style="cyan", expand=False)
