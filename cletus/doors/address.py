"""Addresses as people write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.address import UNIXAddress

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress


def printable(address: IAddress) -> str:
    """As people write it: ``127.0.0.1:9000``, ``[::1]:9000``, ``unix:/run/x.sock``.

    Who comes by a Unix socket has no address, and others print themselves.
    """
    if isinstance(address, UNIXAddress):
        name = address.name
        return f"unix:{name.decode(errors='replace')}" if name else "a local socket"
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if host is None:
        return str(address)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
