"""What a module remembers in its globals is lost by a reload, and named; caches and registries are not."""

from __future__ import annotations

import pytest

from cletus.check import Level
from tests.check.conftest import must_be, names

WRONG = {
    "a dict": """
        online = {}  # HERE
        def come(name):
            online[name] = True
        """,
    "a list": """
        log: list[str] = []  # HERE
        class Book:
            def write(self, line):
                log.append(line)
        """,
    "a set in an inner function": """
        seen = set()  # HERE
        def outer():
            def inner(name):
                seen.add(name)
            return inner
        """,
    "a collection": """
        from collections import defaultdict
        scores = defaultdict(int)  # HERE
        def win(name):
            scores[name] += 1
        """,
    "a counter": """
        count = 0  # HERE
        def come():
            global count
            count += 1
        """,
    "a flag": """
        is_open = False  # HERE
        def unlock():
            global is_open
            is_open = True
        """,
}

RIGHT = {
    "what is only read": """
        online = {}
        def who(name):
            return online[name], online.get(name)
        """,
    "what decorators have filled": """
        moves = {}
        def move(function):
            moves[function.__name__] = function
            return function
        @move
        def north():
            pass
        """,
    "a local name": """
        online = {}
        def who():
            online = {}
            online["bob"] = 1
            return online
        """,
    "an argument": """
        online = {}
        def put(online, name):
            online[name] = 1
            def inner():
                online[name] = 2
        """,
    "a cache": """
        _name_cache = {}
        def look(name):
            _name_cache[name] = 1
        """,
    "made when it is needed": """
        pool = None
        def get():
            global pool
            if pool is None:
                pool = object()
            return pool
        """,
    "what is emptied": """
        names = ["bob"]
        def clear():
            names.append("x")
        """,
    "in a field": """
        class World(Store):
            service = service
            online = Field(dict, session=True)
        def come(world, name):
            world.online[name] = True
        """,
    "on the service": """
        service.online = {}
        def come(name):
            service.online[name] = True
        """,
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_what_a_reload_would_lose_is_named(text, check, tmp_path):
    found = must_be(check(text), "lost", "while the service runs", tmp_path)
    assert (found.level, found.group) == (Level.WARNING, "State of modules")


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_what_it_would_not_lose_is_let_by(text, check):
    assert names(check(text)) == set()
