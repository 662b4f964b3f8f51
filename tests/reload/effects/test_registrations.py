"""Registrations that Python does not tell about afterwards, noted while they are made."""

from __future__ import annotations

import atexit
import codecs
import gc
import os
import sys

import pytest
from twisted.internet.base import DelayedCall

from cletus.reload.effects.registrations import Recorder, location_of, short_location
from cletus.service.application import Application, Root


@pytest.fixture
def application(tmp_path):
    return Application((Root("noted", tmp_path / "noted", True),), ("noted",))


def run_module(application, text, name="noted.part"):
    path = application.roots[0].path / "part.py"
    namespace = {"__name__": name, "__file__": str(path)}
    exec(compile(text, str(path), "exec"), namespace)
    return namespace


def test_functions_are_put_back(application):
    """After the time of recording, Python's own functions are in their places."""
    before = atexit.register, codecs.register, os.register_at_fork, DelayedCall.debug
    with pytest.raises(ZeroDivisionError), Recorder(application):
        run_module(application, "1 / 0")
    assert (atexit.register, codecs.register, os.register_at_fork, DelayedCall.debug) == before


def test_who_has_put_something_in_front_keeps_it(application):
    """A function that the code itself has replaced is left alone."""
    original = atexit.register
    with Recorder(application):
        mine = atexit.register = lambda call: original(call)
    assert atexit.register is mine
    atexit.register = original


def test_copy_goes_on_working(application):
    """``from atexit import register`` in a module is not hurt when the recording is over."""
    with Recorder(application) as recorder:
        namespace = run_module(application, "from atexit import register\ndef bye(): pass\n")
    assert namespace["register"](namespace["bye"]) is namespace["bye"]
    atexit.unregister(namespace["bye"])
    assert recorder.registrations == []


def test_registration_is_described_with_its_place(application):
    """What, which function, and where; it keeps the function no longer than Python does."""
    with Recorder(application) as recorder:
        namespace = run_module(
            application, "import atexit\ndef bye(): pass\n\natexit.register(bye)"
        )
    (made,) = recorder.registrations
    assert str(made) == "atexit.register(bye) at noted/part.py:4"
    assert made.refers_to(namespace["bye"])
    assert made.alive
    atexit.unregister(namespace["bye"])
    namespace.clear()
    gc.collect()
    assert not made.alive


def test_others_are_not_noted(application):
    """What a library registers while it is imported by the application is the library's."""
    with Recorder(application) as recorder:
        namespace = run_module(
            application, "import atexit\ndef bye(): pass\natexit.register(bye)", "library"
        )
    assert recorder.registrations == []
    atexit.unregister(namespace["bye"])


def test_place_of(application):
    """The place is the innermost one in the application; short for people."""
    frame = run_module(application, "import sys\n\nframe = sys._getframe()")["frame"]
    assert location_of(frame, application) == "noted/part.py:3"
    assert location_of(sys._getframe(), application) == ""
    assert short_location("/elsewhere/x.py", 3, application) == "/elsewhere/x.py:3"
