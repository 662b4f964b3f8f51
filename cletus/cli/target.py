"""The application that a command is given: imported, and told what its settings are, but not started."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from cletus.reload.load import load
from cletus.service.service import Service


def load_target(target: str, options: Mapping[str, Any] | None = None) -> Service:
    """Import an application, with its settings as ``cletus run`` would have them.

    Args:
        target: a package, a module, or the path of a Python file; looked up from the current folder.
        options: settings that the command line names. They are in force already while the application
            is imported.

    Returns:
        Its service. Nothing is open, unless the application used its store while it was imported;
        ``service.session.close()`` closes that.

    Raises:
        CletusError: as ``load()`` does, or a setting is unknown or its value is of the wrong type.
    """
    tell = partial(configure, options=options or {})
    with importing(tell):
        service = load(target, Path.cwd())
    tell(service)  # once more: only now it is certain which folder the application is in
    return service


@contextmanager
def importing(tell: Callable[[Service], object]) -> Iterator[None]:
    """While an application is imported, its ``service.run()`` does not run it.

    Args:
        tell: called with the service as soon as it is made, before the application uses it.
    """
    Service.born = tell
    try:
        yield
    finally:
        Service.born = None


def configure(
    service: Service, options: Mapping[str, Any], preset: Mapping[str, Any] | None = None
) -> None:
    """Have a service take its settings from the file beside the application, the environment and this.

    Args:
        service: it was not started yet.
        options: what the command line says.
        preset: what holds where nothing else says otherwise; by default nothing.

    Raises:
        SettingError: a setting is unknown, or its value is of the wrong type.
    """
    roots = service.session.application.roots
    if preset:
        service.set("preset", preset)
    service.read_settings(roots[0].path.parent if roots else Path.cwd(), os.environ)
    service.set("command line", options)
