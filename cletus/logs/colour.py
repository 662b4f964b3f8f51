"""The log in colour, for the terminal of somebody who writes code: as the text, and easier to scan."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import twisted
from twisted.logger import LogEvent, LogLevel

from cletus.logs.redaction import without_unseen
from cletus.logs.text import level_of, message_of, printable, time_of

if TYPE_CHECKING:
    from twisted.python.failure import Failure

#: rich's words for how each level looks.
STYLES: Final = {
    LogLevel.debug: "dim",
    LogLevel.info: "green",
    LogLevel.warn: "yellow",
    LogLevel.error: "bold red",
    LogLevel.critical: "bold white on red",
}


#: Of frames in here no code is shown, since whoever reads a traceback has written none of it.
_NOT_YOURS: Final = (str(Path(twisted.__file__).parent), str(Path(__file__).parents[1]))


def colour_renderer(width: int | None = None) -> Callable[[LogEvent], str]:
    """What makes coloured text of an event. Importing rich takes a moment, so it happens here.

    Args:
        width: columns, for tracebacks; by default as many as the terminal has. Messages are not
            wrapped: their terminal does that, and a selection copies them as one line.
    """
    from rich.console import Console  # noqa: PLC0415 - only who wants colour pays for rich
    from rich.text import Text  # noqa: PLC0415

    # Colour was asked for by name: so there is some, also where the log goes through a pipe.
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
    """The traceback with the code around each place, and never with the values of variables.

    Those may hold what a person has typed unseen.
    """
    from rich.text import Text  # noqa: PLC0415 - as above
    from rich.traceback import Traceback  # noqa: PLC0415

    error: Any = failure.value
    trace = Traceback.extract(type(error), error, failure.getTracebackObject(), show_locals=False)
    _clean(trace)
    if not any(stack.frames for stack in trace.stacks):  # of a failure that has come from afar
        return Text(without_unseen(printable(failure.getTraceback().rstrip())))
    return Traceback(trace, show_locals=False, extra_lines=2, suppress=_NOT_YOURS)


def _clean(trace: Any) -> None:
    """Have no text in it that must not be shown; before it is coloured, which parts the words."""
    for stack in trace.stacks:
        stack.exc_value = without_unseen(printable(stack.exc_value))
        # Older versions of rich know neither notes nor groups of exceptions.
        stack.notes = [without_unseen(printable(note)) for note in getattr(stack, "notes", ())]
        for member in getattr(stack, "exceptions", ()):
            _clean(member)
