"""Developers in the game: who has the permission ``reload`` reads errors of the code in place of a notice."""

from __future__ import annotations

import traceback
from typing import Any, Final

from cletus.contrib.permissions import has_permission
from cletus.events import CodeFailed
from cletus.service.service import Service
from cletus.text import gettext as _

#: The permission of developers: they are told of reloads, too.
DEVELOPER: Final = "reload"
#: Frames of an error that are shown, the innermost ones.
_FRAMES_MAX: Final = 20


def is_developer(user: Any) -> bool:
    """Whether this user reads errors of the code."""
    return has_permission(user, DEVELOPER)


def error_lines(name: str, error: BaseException, service: Service) -> list[str]:
    """An error, with the frames of the application: the others are of Cletus and of libraries.

    Args:
        name: of the code that has failed.
        error: what it has raised.
        service: whose application the frames are of.
    """
    application = service.session.application
    frames = [
        f"{frame.filename}:{frame.lineno} in {frame.name}\n    {frame.line}"
        for frame in traceback.extract_tb(error.__traceback__)
        if application.has_file(frame.filename)
    ]
    lines = [
        _("{name} failed:", name=name),
        *frames[-_FRAMES_MAX:],
        f"{type(error).__name__}: {error}",
    ]
    return [row for line in lines for row in (line.split("\n") if "\n" in line else [line])]


def show_errors(event: CodeFailed) -> None:
    """A listener: developers read the error that their line has caused."""
    if is_developer(event.user):
        event.notice[:] = error_lines(event.code, event.error, event.service)
