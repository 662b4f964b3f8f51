"""Addresses as people write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.address import UNIXAddress

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress


def host_and_port(host: str, port: int) -> str:
    """``127.0.0.1:9000``, ``[::1]:9000``."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def printable(address: IAddress) -> str:
    """As people write it: ``127.0.0.1:9000``, ``[::1]:9000``, ``unix:/run/x.sock``.

    The client of a Unix socket has no name: it is ``a local socket``. Other addresses print
    themselves.
    """
    if isinstance(address, UNIXAddress):
        name = address.name
        return f"unix:{name.decode(errors='replace')}" if name else "a local socket"
    host: str | None = getattr(address, "host", None)
    return str(address) if host is None else host_and_port(host, getattr(address, "port", 0))
