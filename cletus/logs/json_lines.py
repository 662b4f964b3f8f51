"""The log for programs: one JSON object a line.

Twisted has ``jsonFileLogObserver``. Its lines are made to be read back by Twisted: they begin with a
record separator, hold the message in pieces, levels as objects, the time as seconds, and of a failure
no traceback as text. What collects logs wants none of that, so this is our own.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from twisted.logger import LogEvent, formatEvent

from cletus.logs.text import level_of

#: Characters that are kept of the words for a value which JSON has no kind for. Our choice.
WORDS_MAX: Final = 2000


def format_json(event: LogEvent) -> str:
    """One event as a JSON object with a newline at its end, in ASCII. It never raises.

    ``time`` (ISO 8601, UTC, microseconds), ``level``, ``namespace`` and ``message`` come first, then
    the values that the event came with, and last ``failure`` with ``type``, ``message`` and
    ``traceback``. A value that JSON has no kind for is given as its ``repr``.
    """
    document: dict[str, Any] = {
        "time": _time(event.get("log_time")),
        "level": level_of(event).name,
        "namespace": str(event.get("log_namespace") or ""),
        "message": formatEvent(event),
    }
    for name, value in event.items():
        if isinstance(name, str) and not name.startswith("log_") and name not in document:
            document[name] = value
    failure = event.get("log_failure")
    if failure is not None:
        document["failure"] = {
            "type": f"{failure.type.__module__}.{failure.type.__qualname__}",
            "message": failure.getErrorMessage(),
            "traceback": failure.getTraceback(),
        }
    pairs = (f"{json.dumps(name)}: {_value(value)}" for name, value in document.items())
    return f"{{{', '.join(pairs)}}}\n"


def _value(value: Any) -> str:
    try:
        return json.dumps(value, default=_words, allow_nan=False)
    except Exception:  # noqa: BLE001 - NaN, a key that is no string, a cycle: it is logged all the same
        return json.dumps(_words(value))


def _words(value: object) -> str:
    try:
        return repr(value)[:WORDS_MAX]
    except Exception:  # noqa: BLE001 - whatever somebody's repr() raises is no reason to lose the line
        return f"<{type(value).__name__} that has no repr>"


def _time(seconds: float | None) -> str:
    moment = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
