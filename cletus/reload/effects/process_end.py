"""Keep module bodies from ending or copying the process while a reload imports them.

``os._exit()`` ends a service without a word, and ``os.fork()`` makes a second one that reads from the
same connections. Only what is called in the importing thread is refused: other code goes on meanwhile.
C code, and signals, are not seen here; the setting ``reload_trial`` is for these.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from cletus.errors import ImportFailed

_ENDS: Final = "it would end the service"
_COPIES: Final = "it would copy the service with its connections"

#: What each of these functions of ``os`` would do. All other ways to execute a program lead to two of them.
_CALLS: Final = {
    "_exit": _ENDS,
    "abort": _ENDS,
    "execv": _ENDS,
    "execve": _ENDS,
    "fork": _COPIES,
    "forkpty": _COPIES,
}


class ProcessGuard:
    """A context manager around an import in which these functions raise ``ImportFailed``."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._replaced: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {}

    def __enter__(self) -> ProcessGuard:
        for name, reason in _CALLS.items():
            original = getattr(os, name, None)
            if original is not None:  # Windows lacks some
                refusing = self._refusing(name, original, reason)
                self._replaced[name] = original, refusing
                setattr(os, name, refusing)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._replaced:
            name, (original, refusing) = self._replaced.popitem()
            if getattr(os, name) is refusing:
                setattr(os, name, original)

    def _refusing(self, name: str, original: Callable[..., Any], reason: str) -> Callable[..., Any]:
        def refuse(*args: Any, **kwargs: Any) -> Any:
            # Somebody may have kept this function beyond the import.
            if self._replaced and threading.get_ident() == self._thread:
                raise ImportFailed(f"os.{name}() was called during the import: {reason}")
            return original(*args, **kwargs)

        return refuse
