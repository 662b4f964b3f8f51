"""Traces the two flows through the code: ``python docs/flows.py line`` and ``python docs/flows.py reload``.

A line is typed by one person of two and written to both (``service.write_all``); a reload has one module
edited, with a store, a listener and a timer in it. Both run in memory, as real calls. What is counted:
files that take part, moves from one file to another, and crossings from one room (a folder or module
directly below ``cletus/``) to another. Calls of ``cletus/testing`` are left out: in a real service the
reactor is in their place. ``drawings.py`` draws what this finds.
"""

from __future__ import annotations

import ast
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

from twisted.internet.task import Clock

import cletus
from cletus.testing import MemoryDoor, reloaded, staged

PACKAGE = Path(cletus.__file__).parent
APPLICATION = """
from cletus import Service, events
from cletus.storage import Field, Store

service = Service()


class Pet(Store):
    service = service
    legs = Field(4)


@service.listen(events.Receive)
def receive(event):
    service.write_all(f"{event.client.id}: {event.data}")


@service.every(60)
def tick():
    pass
"""

Call = tuple[str, str]
"""A file below ``cletus/`` and the qualified name of a function in it."""


def trace_line() -> list[Call]:
    """The calls from a typed line to the text on two screens."""
    with _application() as service:
        door = MemoryDoor(service)
        ann, bob = door.connect(terminal="xterm-256color"), door.connect(terminal="xterm-256color")
        ann.says("the first line loads what is loaded once")
        bob.reads()
        with _traced() as calls:
            ann.says("hello")
        assert "hello" in str(bob.reads())
    return calls


def trace_reload() -> list[Call]:
    """The calls from a request to the report of a reload."""
    with _application() as service:
        sys.modules["traced"].Pet("rex")
        reloaded(
            service, {"traced": APPLICATION.replace("{event.client.id}", "#{event.client.id}")}
        )
        with _traced() as calls:
            report = reloaded(service, {"traced": APPLICATION.replace("id}:", "id} says:")})
        assert report.ok, report
    return calls


def counts(calls: list[Call]) -> dict[str, int]:
    """Files, moves between files, and crossings between rooms."""
    files = [file for file, _ in calls]
    return {
        "files": len(set(files)),
        "moves": sum(a != b for a, b in pairwise(files)),
        "crossings": sum(room(a) != room(b) for a, b in pairwise(files)),
    }


def room(file: str) -> str:
    """The folder or module directly below ``cletus/`` that a file is in."""
    return file.partition("/")[0].removesuffix(".py")


def order(calls: Iterable[Call]) -> list[str]:
    """The files, in the order of their first call."""
    return list(dict.fromkeys(file for file, _ in calls))


def concept(file: str) -> str:
    """What a file is about: the first sentence of its docstring."""
    text = ast.get_docstring(ast.parse((PACKAGE / file).read_text())) or ""
    return text.partition("\n\n")[0].replace("\n", " ")


@contextmanager
def _application() -> Iterator[Any]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "traced.py")
        file.write_text(APPLICATION)
        with staged("traced.py", Path(folder), Clock()) as service:
            yield service


@contextmanager
def _traced() -> Iterator[list[Call]]:
    calls: list[Call] = []
    root = f"{PACKAGE}/"

    def profile(frame: FrameType, event: str, _arg: object) -> None:
        name = frame.f_code.co_filename
        if event != "call" or not name.startswith(root) or "/testing/" in name:
            return
        file = name[len(root) :]
        caller = frame.f_back.f_code.co_filename if frame.f_back else ""
        if file.startswith("protocol/") and "/testing/" in caller:
            return  # what a person's own telnet client does
        calls.append((file, frame.f_code.co_qualname))

    sys.setprofile(profile)
    try:
        yield calls
    finally:
        sys.setprofile(None)


TRACES: dict[str, Callable[[], list[Call]]] = {"line": trace_line, "reload": trace_reload}


def main() -> None:
    """Print the counts and the calls, those of one file together."""
    calls = TRACES[sys.argv[1]]()
    print(", ".join(f"{number} {name}" for name, number in counts(calls).items()))
    last = ""
    for file, name in calls:
        print(("" if file == last else f"{file}:").ljust(34), name)
        last = file


if __name__ == "__main__":
    main()
