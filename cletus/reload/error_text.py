"""Errors of the application's code, described for its author."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from typing import Final

from cletus.errors import ReloadError, SourceError
from cletus.reload.code.sources import Sources
from cletus.reload.code.timeout import TimedOut, run_with_timeout
from cletus.service.application import Application

#: Frames that are shown of each end of a long stack, as of an endless recursion.
_SHOWN: Final = 10

#: Seconds that an error has to say what it is: nobody is answered meanwhile. Our choice.
_TEXT_SECONDS: Final = 1.0


def describe_error(error: BaseException, application: Application, sources: Sources) -> str:
    """An error with the line of the application that raised it, without frames of Cletus.

    Args:
        error: what was raised.
        application: whose frames are shown.
        sources: the text that they are quoted from; the files may have changed meanwhile.
    """
    if isinstance(error, SourceError):
        return str(error)
    cause = error.__cause__ if isinstance(error, ReloadError) else error
    words = [str(error)] if isinstance(error, ReloadError) else []
    if cause is not None:
        if cause is not error:
            words.append(": ")
        words += [
            _location(cause, application, sources),
            f"{type(cause).__name__}: {_text_of(cause)}",
        ]
        words += [f"\n    {note}" for note in getattr(cause, "__notes__", ())]
        if cause.__cause__ is not None:
            source = cause.__cause__
            location = _location(source, application, sources)
            text = _text_of(source)
            words.append(f"\n  raised from {location}{type(source).__name__}: {text}")
    elif error.__traceback__ is not None:
        location = _location(error, application, sources)
        words = [location, *words]
    return "".join(words)


def _text_of(error: BaseException) -> str:
    """Its text, which is the application's code: it may raise, and it may not end."""
    texts: list[str] = []
    try:
        run_with_timeout(_TEXT_SECONDS, lambda: texts.append(str(error)))
    except (Exception, TimedOut) as failure:  # noqa: BLE001 - see above
        return f"(its text cannot be had: {type(failure).__name__})"
    return texts[0]


def quoted(
    frames: Iterable[traceback.FrameSummary], application: Application, sources: Sources
) -> str:
    """``file:line`` and source line of each frame of the application.

    Args:
        frames: the innermost last; of a long stack, the middle is left out.
        application: whose frames are shown.
        sources: the text that they are quoted from.
    """
    ours = [frame for frame in frames if application.has_file(frame.filename)]
    lines = [_quoted(frame, sources) for frame in ours]
    if len(lines) > 2 * _SHOWN:
        omitted = f"... {len(lines) - 2 * _SHOWN:,} more frames ...\n"
        lines = [*lines[:_SHOWN], omitted, *lines[-_SHOWN:]]
    return "".join(lines)


def _quoted(frame: traceback.FrameSummary, sources: Sources) -> str:
    text = sources.line(frame.filename, frame.lineno or 0)
    return f"{frame.filename}:{frame.lineno} in {frame.name}" + (
        f"\n    {text}\n" if text else ": "
    )


def _location(error: BaseException, application: Application, sources: Sources) -> str:
    return quoted(traceback.extract_tb(error.__traceback__), application, sources)
