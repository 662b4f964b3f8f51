"""The web door: one port for the page, its files, and the WebSocket that people talk through."""

from cletus.doors.web.door import WebDoor

__all__ = ["WebDoor"]
