"""Messages between programs, beside the text: GMCP (and MSDP for those who have no GMCP)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Gmcp:
    """``client.gmcp``: what a person's program is told.

    Args:
        frame: makes a message into bytes, or into none if their program does not take it.
        write: sends bytes in their place among the text.
    """

    __slots__ = ("_frame", "_write")

    def __init__(self, frame: Callable[[str, Any], bytes], write: Callable[[bytes], None]) -> None:
        self._frame = frame
        self._write = write

    def send(self, package: str, data: Any = None) -> None:
        """Send a message; ``client.gmcp.send("Room.Info", {"num": 1})``.

        It goes nowhere if their program has no GMCP or does not support the package.

        Args:
            package: its name, such as ``Char.Vitals``.
            data: anything that JSON takes.

        Raises:
            TypeError: JSON does not take it.
        """
        self._write(self._frame(package, data))
