"""The log as JSON, one object a line, for programs that collect logs.

Twisted's ``jsonFileLogObserver`` writes lines that Twisted can read back: they begin with a record
separator, hold the unformatted message, levels as objects, the time in seconds, and no traceback as
text. Log collectors want none of that.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from twisted.logger import LogEvent, formatEvent

from cletus.logs.text import level_of

#: Characters of the ``repr`` of a value that JSON has no type for. Our choice.
REPR_MAX: Final = 2000


def format_json(event: LogEvent) -> str:
    """One event as a JSON object with a newline at its end, in ASCII. It never raises.

    ``time`` (ISO 8601, UTC, microseconds), ``level``, ``namespace`` and ``message`` come first, then
    the values that the event came with, and last ``failure`` with ``type``, ``message`` and
    ``traceback``. A value that JSON has no type for is written as its ``repr``.
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
        return json.dumps(value, default=_repr_of, allow_nan=False)
    except Exception:  # noqa: BLE001 - NaN, a key that is not a string, a cycle: it is logged nevertheless
        return json.dumps(_repr_of(value))


def _repr_of(value: object) -> str:
    try:
        return repr(value)[:REPR_MAX]
    except Exception:  # noqa: BLE001 - an error in a repr() must not lose the record
        return f"<{type(value).__name__} that has no repr>"


def _time(seconds: float | None) -> str:
    moment = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
