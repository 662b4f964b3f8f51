"""Many reloads, good ones and refused ones, leave nothing behind: `make soak` runs a thousand."""

from __future__ import annotations

import gc
import os
import threading

import pytest

from cletus.reload.code.loader import Mark
from tests.reload.test_r11_linear import THINGS

TALK = """
    import atexit, logging
    from cletus import events
    from APP.core import service
    from APP.things import Thing
    VERSION = 0
    hall = Thing("hall")
    logging.getLogger("app").addHandler(logging.NullHandler())
    atexit.register(lambda: None)

    @service.every(10)
    def tick():
        hall.a += 1

    @service.listen(events.Receive)
    def receive(event):
        event.client.write(str(VERSION))
"""


def left_behind() -> tuple[int, int, int, int]:
    """Namespaces of modules that are alive, threads, descriptors, objects that Python tracks."""
    gc.collect()
    objects = gc.get_objects()
    marks = sum(type(obj) is Mark for obj in objects)
    return marks, threading.active_count(), len(os.listdir("/proc/self/fd")), len(objects)


@pytest.mark.parametrize("rounds", [20, pytest.param(200, marks=pytest.mark.soak)])
def test_one_generation_is_alive_and_nothing_grows(run, rounds):
    """Of each six reloads one is refused."""
    app = run(things=THINGS, talk=TALK)
    things = [app.store("thing")(f"t{n}") for n in range(50)]
    ann = app.person()

    def go(number):
        for step in range(5):
            text = f"VERSION = {number * 5 + step + 1}"
            report = app.reload(talk=lambda t, new=text: t.replace(_version(t), new))
            assert report.ok, str(report)
        assert not app.reload(talk=lambda t: t + "\n1 / 0\n").ok

    for number in range(3):
        go(number)
    before = left_behind()
    for number in range(3, rounds):
        go(number)
    after = left_behind()
    assert after[:3] == before[:3]
    assert after[3] - before[3] < 5 * rounds  # not an object a reload
    assert ann.types("x") == f"{rounds * 5}\n"
    assert all(app.active("thing")[obj.key] is obj for obj in things)


def _version(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("VERSION"))
