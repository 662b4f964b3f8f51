"""Errors of the application's code, described for its author."""

from __future__ import annotations

import traceback
from types import TracebackType

from cletus.errors import ReloadError, SourceError
from cletus.reload.code.sources import Sources
from cletus.service.application import Application


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
        words += [_location(cause, application, sources), f"{type(cause).__name__}: {cause}"]
        words += [f"\n    {note}" for note in getattr(cause, "__notes__", ())]
        if cause.__cause__ is not None:
            source = cause.__cause__
            location = _location(source, application, sources)
            words.append(f"\n  raised from {location}{type(source).__name__}: {source}")
    elif error.__traceback__ is not None:
        location = _location(error, application, sources)
        words = [location, *words]
    return "".join(words)


def _location(error: BaseException, application: Application, sources: Sources) -> str:
    """``file:line`` and source line of each frame of the application, the innermost last."""
    parts = []
    for frame in _frames(error.__traceback__, application):
        text = sources.line(frame.filename, frame.lineno or 0)
        quoted = f"\n    {text}\n" if text else ": "
        parts.append(f"{frame.filename}:{frame.lineno} in {frame.name}{quoted}")
    return "".join(parts)


def _frames(trace: TracebackType | None, application: Application) -> list[traceback.FrameSummary]:
    """The frames of the application, from the innermost module body on.

    The import statements that have led to that module say nothing of the error.
    """
    frames = [
        frame for frame in traceback.extract_tb(trace) if application.has_file(frame.filename)
    ]
    bodies = [position for position, frame in enumerate(frames) if frame.name == "<module>"]
    return frames[bodies[-1] :] if bodies else frames
