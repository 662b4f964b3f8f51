"""Which of Twisted's reactors the process runs."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from cletus.errors import ReactorError


def install_reactor(name: str) -> Any:
    """Install a reactor, unless it is installed already.

    Importing ``twisted.internet.reactor`` installs the default for good, so this comes before that.

    Args:
        name: ``default`` (whichever is installed, else Twisted's choice for this system), or what
            precedes ``reactor`` in the name of a module of ``twisted.internet``: ``asyncio``.

    Raises:
        ReactorError: another one is installed, or this system does not have it.
    """
    if name != "default":
        module = f"twisted.internet.{name}reactor"
        installed = sys.modules.get("twisted.internet.reactor")
        if installed is None:
            try:
                import_module(module).install()
            except (ImportError, AttributeError) as error:  # select.epoll is missing on macOS
                raise ReactorError(name, f"this system does not have it ({error})") from error
        elif type(installed).__module__ != module:
            raise ReactorError(
                name,
                f"{type(installed).__name__} is installed already: import twisted.internet.reactor in "
                f"functions, not at the top of a module; with twist, say twist --reactor {name} cletus",
            )
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it, so not before

    return reactor
