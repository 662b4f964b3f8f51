"""Addresses as people write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress


def printable(address: IAddress) -> str:
    """An address as people write it: ``127.0.0.1:9000``, ``[::1]:9000``, or as it prints itself."""
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if host is None:
        return str(address)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
