"""Registrations that Python does not tell about afterwards, noted while they are made.

``atexit``, ``codecs`` and ``os.register_at_fork`` keep what they are given where neither we nor the
garbage collector can see it. So for the time of an import they are asked through us.
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
        what: the name of the function: ``atexit.register``.
        given: weak references to what it was given, as far as there can be such.
        place: where it was called: ``example_service/core.py:9``; "" if not by the application.
    """

    what: str
    given: tuple[weakref.ref[Any], ...]
    place: str

    @property
    def alive(self) -> bool:
        """Whether what was given still exists."""
        return any(one() is not None for one in self.given)

    def refers_to(self, part: object) -> bool:
        """Whether this is what was given, or belongs to it."""
        return any(one() is part for one in self.given)

    def __str__(self) -> str:
        names = [getattr(one(), "__qualname__", repr(one())) for one in self.given]
        return f"{self.what}({', '.join(names)}) at {self.place or 'an unknown place'}"


#: Functions that are asked through us, as (module, name).
_FUNCTIONS = ((atexit, "register"), (codecs, "register"), (os, "register_at_fork"))


class Recorder:
    """Notes registrations while it is entered, as a context manager.

    Attributes:
        made: the registrations of the application, in order.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self.made: list[Registration] = []
        self._asked: list[tuple[Any, str, Any, Any]] = []
        self._debug = False

    def __enter__(self) -> Recorder:
        for owner, name in _FUNCTIONS:
            original = getattr(owner, name)
            asked = self._asking(f"{owner.__name__}.{name}", original)
            self._asked.append((owner, name, original, asked))
            setattr(owner, name, asked)
        # Twisted then notes where each call was asked for.
        self._debug, DelayedCall.debug = DelayedCall.debug, True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        DelayedCall.debug = self._debug
        while self._asked:
            owner, name, original, asked = self._asked.pop()
            if getattr(owner, name) is asked:
                setattr(owner, name, original)

    def undo(self) -> list[str]:
        """Take back what can be; the rest, in words."""
        left = []
        for one in self.made:
            for reference in one.given:
                given = reference()
                # A method of an object that persists may be registered by the code in force, too.
                owned = self._application.owns(getattr(given, "__module__", None))
                if one.what == "codecs.register" and given is not None:
                    codecs.unregister(given)
                elif one.what == "atexit.register" and owned and given is not None:
                    atexit.unregister(given)
                else:
                    left.append(f"{one} cannot be taken back")
        self.made.clear()
        return left

    def _asking(self, what: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def register(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            # A copy of this function may outlive the time of recording.
            place = location_of(sys._getframe(1), self._application) if self._asked else ""
            if place:
                given = tuple(_references([*args[:1], *kwargs.values()]))
                self.made.append(Registration(what, given, place))
            return result

        return register


class CallSites:
    """Where repeating and delayed calls were asked for, as long as they live."""

    def __init__(self) -> None:
        self._places: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()

    def note(self, call: DelayedCall, application: Application) -> None:
        """Remember the place of a call that was asked for while a ``Recorder`` was entered."""
        place = _place_in_stack(call.creator or (), application)
        if place:
            self._places[call] = place
            if isinstance(call.func, LoopingCall):
                self._places[call.func] = place

    def of(self, call: Any) -> str:
        """The place, as ``example_service/clock.py:12``; "" if it is not known."""
        return self._places.get(call, "")


def location_of(frame: FrameType | None, application: Application) -> str:
    """The innermost place in the application that a frame was called from.

    Returns:
        ``example_service/clock.py:12``; "" if the innermost import on the way is that of a module
        of others, since what they register is theirs.
    """
    while frame is not None:
        if application.owns(frame.f_globals.get("__name__")):
            return short_location(frame.f_code.co_filename, frame.f_lineno, application)
        if frame.f_code.co_name == "<module>":
            return ""
        frame = frame.f_back
    return ""


def short_location(file: str, line: int, application: Application) -> str:
    """A place as people write it: the file from its package's folder on."""
    for root in application.roots:
        folder = str(root.path.parent)
        if file.startswith(str(root.path)):
            return f"{file[len(folder) + 1 :]}:{line}"
    return f"{file}:{line}"


def _references(given: list[Any]) -> Iterator[weakref.ref[Any]]:
    for one in given:
        try:
            # A bound method is made anew at each look; its function lasts.
            yield weakref.ref(getattr(one, "__func__", one))
        except TypeError:
            continue


def _place_in_stack(stack: Any, application: Application) -> str:
    """As ``location_of``, for a stack that ``traceback.format_stack`` has formatted."""
    for entry in reversed(stack):
        head, _, _ = entry.strip().partition("\n")
        _, _, rest = head.partition('File "')
        file, _, rest = rest.partition('", line ')
        line, _, _ = rest.partition(",")
        if any(file.startswith(str(root.path)) for root in application.roots):
            return short_location(file, int(line), application)
    return ""
