"""Registrations that Python cannot list: noted while they are made.

``atexit``, ``codecs`` and ``os.register_at_fork`` keep what they are given where neither we nor the
garbage collector can see it. So during an import these functions are replaced by ours, which note the
call and pass it on.
"""

from __future__ import annotations

import atexit
import codecs
import os
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.task import LoopingCall

from cletus.service.application import Application


@dataclass(frozen=True, slots=True)
class Registration:
    """One call of one of these functions.

    Attributes:
        function: its name: ``atexit.register``.
        arguments: weak references to what it was called with, as far as that is possible.
        location: of the call: ``example_service/core.py:9``.
    """

    function: str
    arguments: tuple[weakref.ref[Any], ...]
    location: str

    @property
    def alive(self) -> bool:
        """Whether an argument still exists."""
        return any(reference() is not None for reference in self.arguments)

    def refers_to(self, part: object) -> bool:
        """Whether this is an argument."""
        return any(reference() is part for reference in self.arguments)

    def __str__(self) -> str:
        objects = (reference() for reference in self.arguments)
        names = [getattr(item, "__qualname__", repr(item)) for item in objects]
        return f"{self.function}({', '.join(names)}) at {self.location or 'an unknown place'}"


#: The functions that are replaced, as (module, name).
_FUNCTIONS = ((atexit, "register"), (codecs, "register"), (os, "register_at_fork"))


class Recorder:
    """A context manager that notes registrations.

    Attributes:
        registrations: those of the application, in order.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self.registrations: list[Registration] = []
        self._replaced: list[tuple[Any, str, Any, Any]] = []
        self._debug = False

    def __enter__(self) -> Recorder:
        for owner, name in _FUNCTIONS:
            original = getattr(owner, name)
            recording = self._recording(f"{owner.__name__}.{name}", original)
            self._replaced.append((owner, name, original, recording))
            setattr(owner, name, recording)
        # Twisted then notes the stack in which each call is scheduled.
        self._debug, DelayedCall.debug = DelayedCall.debug, True
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        DelayedCall.debug = self._debug
        while self._replaced:
            owner, name, original, recording = self._replaced.pop()
            if getattr(owner, name) is recording:
                setattr(owner, name, original)

    def undo(self) -> list[str]:
        """Take back what can be taken back.

        Returns:
            A sentence for each of the others.
        """
        remaining = []
        for registration in self.registrations:
            for reference in registration.arguments:
                argument = reference()
                # The code in force may have registered the same method of an object that persists.
                owned = self._application.owns(getattr(argument, "__module__", None))
                if registration.function == "codecs.register" and argument is not None:
                    codecs.unregister(argument)
                elif registration.function == "atexit.register" and owned and argument is not None:
                    atexit.unregister(argument)
                else:
                    remaining.append(f"{registration} cannot be taken back")
        self.registrations.clear()
        return remaining

    def _recording(self, function: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def register(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            # Somebody may have kept this function beyond the recording.
            location = location_of(sys._getframe(1), self._application) if self._replaced else ""
            if location:
                arguments = tuple(_references([*args[:1], *kwargs.values()]))
                self.registrations.append(Registration(function, arguments, location))
            return result

        return register


class CallSites:
    """Where the reactor's delayed calls and looping calls were scheduled, as long as they live."""

    def __init__(self) -> None:
        self._locations: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()

    def note(self, call: DelayedCall, application: Application) -> None:
        """Remember where a call was scheduled, if a ``Recorder`` was entered then."""
        location = _location_in_stack(call.creator or (), application)
        if location:
            self._locations[call] = location
            if isinstance(call.func, LoopingCall):
                self._locations[call.func] = location

    def of(self, call: Any) -> str:
        """The location, as ``example_service/clock.py:12``; "" if it is not known."""
        return self._locations.get(call, "")


def location_of(frame: FrameType | None, application: Application) -> str:
    """The innermost location in the application, going outwards from a frame.

    Returns:
        ``example_service/clock.py:12``; "" if a module of somebody else is being imported in
        between: what that registers is not the application's.
    """
    while frame is not None:
        if application.owns(frame.f_globals.get("__name__")):
            return short_location(frame.f_code.co_filename, frame.f_lineno, application)
        if frame.f_code.co_name == "<module>":
            return ""
        frame = frame.f_back
    return ""


def short_location(file: str, line: int, application: Application) -> str:
    """``file:line``, with the path from the package's folder on."""
    for root in application.roots:
        folder = str(root.path.parent)
        if file.startswith(str(root.path)):
            return f"{file[len(folder) + 1 :]}:{line}"
    return f"{file}:{line}"


def _references(arguments: list[Any]) -> Iterator[weakref.ref[Any]]:
    for argument in arguments:
        try:
            # Each access makes a new bound method; its function lasts.
            yield weakref.ref(getattr(argument, "__func__", argument))
        except TypeError:
            continue


def _location_in_stack(stack: Any, application: Application) -> str:
    """As ``location_of``, for what ``traceback.format_stack`` returns."""
    for entry in reversed(stack):
        head, _, _ = entry.strip().partition("\n")
        _, _, tail = head.partition('File "')
        file, _, tail = tail.partition('", line ')
        line, _, _ = tail.partition(",")
        if any(file.startswith(str(root.path)) for root in application.roots):
            return short_location(file, int(line), application)
    return ""
