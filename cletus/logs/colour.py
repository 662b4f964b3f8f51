"""The log in colour, for a developer's terminal: the same text, easier to scan."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import twisted
from twisted.logger import LogEvent, LogLevel

from cletus.logs.redaction import without_hidden_line
from cletus.logs.text import level_of, message_of, printable, time_of

if TYPE_CHECKING:
    from twisted.python.failure import Failure

#: The style of each level, for rich.
STYLES: Final = {
    LogLevel.debug: "dim",
    LogLevel.info: "green",
    LogLevel.warn: "yellow",
    LogLevel.error: "bold red",
    LogLevel.critical: "bold white on red",
}


#: No code is shown of frames in these folders: the reader of the traceback has not written it.
_NOT_YOURS: Final = (str(Path(twisted.__file__).parent), str(Path(__file__).parents[1]))


def colour_renderer(width: int | None = None) -> Callable[[LogEvent], str]:
    """Make the function that formats an event as coloured text.

    Args:
        width: of tracebacks, in columns; by default the width of the terminal. Messages are not
            wrapped: the terminal does that, and copies a selected message as one line.
    """
    from rich.console import Console  # noqa: PLC0415 - importing rich takes time, which only this needs
    from rich.text import Text  # noqa: PLC0415

    # Colour was asked for by name, so the log has it even when it goes through a pipe.
    console = Console(file=StringIO(), force_terminal=True, width=width)

    def render(event: LogEvent) -> str:
        level = level_of(event)
        line = Text.assemble(
            (time_of(event), "dim"),
            " ",
            (f"{level.name:<8} ", STYLES[level]),
            (message_of(event), "" if level <= LogLevel.info else STYLES[level]),
        )
        with console.capture() as written:
            console.print(line, soft_wrap=True)
            failure = event.get("log_failure")
            if failure is not None:
                console.print(_traceback(failure))
        return written.get()

    return render


def _traceback(failure: Failure) -> Any:
    """The traceback with the code around each frame, but without the values of variables.

    A variable may hold a line that was typed without echo.
    """
    from rich.text import Text  # noqa: PLC0415 - as above
    from rich.traceback import Traceback  # noqa: PLC0415

    error: Any = failure.value
    trace = Traceback.extract(type(error), error, failure.getTracebackObject(), show_locals=False)
    _clean(trace)
    if not any(
        stack.frames for stack in trace.stacks
    ):  # a failure that was sent from another process
        return Text(without_hidden_line(printable(failure.getTraceback().rstrip())))
    return Traceback(trace, show_locals=False, extra_lines=2, suppress=_NOT_YOURS)


def _clean(trace: Any) -> None:
    """Redact its texts. Later, when colour codes stand between the words, no line would be found."""
    for stack in trace.stacks:
        stack.exc_value = without_hidden_line(printable(stack.exc_value))
        # Older versions of rich know neither notes nor groups of exceptions.
        stack.notes = [without_hidden_line(printable(note)) for note in getattr(stack, "notes", ())]
        for member in getattr(stack, "exceptions", ()):
            _clean(member)
