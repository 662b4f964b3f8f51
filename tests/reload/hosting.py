"""A module outside of the application, which holds what it is given."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from cletus.reload.code.names import Names
from cletus.reload.leaks.old_code import OldCode

HOST = """
import functools
from contextvars import ContextVar

things = []
by_class = {}
attribute = None
variable = ContextVar("mood")

@functools.lru_cache(maxsize=8)
def cached(kind):
    return str(kind)

@functools.singledispatch
def render(value):
    return ""

class Holder:
    kept = None

holder = Holder()
"""


@pytest.fixture
def host() -> Iterator[Any]:
    module: Any = type(sys)("host")
    exec(compile(HOST, "host.py", "exec"), vars(module))
    sys.modules["host"] = module
    yield module
    for thread in module.things:
        if isinstance(thread, threading.Event):
            thread.set()
    del sys.modules["host"]


def old_module(text: str) -> tuple[Any, OldCode]:
    """A module that is no application's, and the watch on it."""
    module: Any = type(sys)("old")
    exec(compile(text, "old.py", "exec"), vars(module))
    code = OldCode(Names({"old": vars(module)}), {"old": module})
    code.watch()
    return module, code
