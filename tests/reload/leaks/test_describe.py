"""What keeps old code alive is found, and named so that its author knows where to look."""

from __future__ import annotations

import functools
import gc
import sys
import textwrap

import pytest
from twisted.internet.defer import Deferred

from cletus.reload.effects.registrations import CallSites
from cletus.reload.leaks.describe import Describer
from cletus.service.application import Application
from tests.reload.conftest import CORE
from tests.reload.hosting import host, old_module

__all__ = ["host"]


def pinned(run, text, *, settings=None):
    """Load an application with this module, reload without it; gives the holders that are named."""
    running = run(settings, a="import host\nfrom APP.core import service\n" + text)
    report = running.reload(a="x = 1")
    assert report.ok, report
    return report.holders


CLASS = "class Thing:\n    def method(self): pass\n"
#: What a module does, and what must be said about it.
PINS = {
    "host_list": (f"{CLASS}host.things.append(Thing)", "`things` of the module host"),
    "host_list_function": ("def f(): pass\nhost.things.append(f)", "`things` of the module host"),
    "host_list_instance": (f"{CLASS}host.things.append(Thing())", "`things` of the module host"),
    "host_dict_key": (f"{CLASS}host.by_class[Thing] = 1", "`by_class` of the module host"),
    "host_attribute": (f"{CLASS}host.attribute = Thing()", "`attribute` of the module host"),
    "host_object": (f"{CLASS}host.holder.kept = Thing", "`holder` of the module host"),
    "bound_method": (
        f"{CLASS}host.things.append(Thing().method)",
        "the bound method app0.a.Thing.method, held by `things` of the module host",
    ),
    "partial": (
        "import functools\ndef f(): pass\nhost.things.append(functools.partial(f, 1))",
        "a `functools.partial`, held by `things` of the module host",
    ),
    "module": (
        "import sys\nhost.things.append(sys.modules[__name__])",
        "`things` of the module host",
    ),
    "closure": (
        "def outer():\n    def inner(): return outer\n    return inner\nhost.things.append(outer())",
        "`things` of the module host",
    ),
    "lru_cache": (f"{CLASS}host.cached(Thing)", "the `lru_cache` of host.cached"),
    "singledispatch": (
        f"{CLASS}host.render.register(Thing)(lambda value: 'x')",
        "`singledispatch` of host.render",
    ),
    "call_later": (
        "def ring(): pass\nhost.clock.callLater(99, ring)",
        "`callLater` of app0.a.ring (app0/a.py:3)",
    ),
    "looping_call": (
        (
            "from twisted.internet.task import LoopingCall\ndef tick(): pass\n"
            "LOOP = LoopingCall(tick)\nLOOP.clock = host.clock\nLOOP.start(99, now=False)\n"
        ),
        "`LoopingCall` of app0.a.tick (app0/a.py:4)",
    ),
    "deferred": (
        (
            "from twisted.internet.defer import Deferred\ndef fired(result): pass\n"
            "host.things.append(Deferred().addCallback(fired))"
        ),
        "a `Deferred` that has not fired, held by `things` of the module host",
    ),
    "coroutine": (
        (
            "from twisted.internet.defer import Deferred\nWAIT = Deferred()\nhost.things.append(WAIT)\n"
            "async def ask():\n    await WAIT\n\nDeferred.fromCoroutine(ask())"
        ),
        "the coroutine `ask`, suspended at app0/a.py:7",
    ),
    "inline_callbacks": (
        (
            "from twisted.internet.defer import Deferred, inlineCallbacks\nWAIT = Deferred()\n"
            "host.things.append(WAIT)\n@inlineCallbacks\ndef ask():\n    yield WAIT\n\nask()"
        ),
        "the generator `ask`, suspended at app0/a.py:8",
    ),
    "generator": (
        "def count():\n    yield 1\n    yield 2\nIT = count()\nnext(IT)\nhost.things.append(IT)",
        "the generator `count`, suspended at app0/a.py:4, held by `things` of the module host",
    ),
    "exception": (
        (
            "def fail():\n    raise ValueError('stored')\n"
            "try:\n    fail()\nexcept ValueError as error:\n    host.things.append(error)"
        ),
        "the stored exception ValueError('stored') with its traceback",
    ),
    "failure": (
        (
            "from twisted.python.failure import Failure\ndef fail():\n    raise ValueError('stored')\n"
            "try:\n    fail()\nexcept ValueError:\n    host.things.append(Failure())"
        ),
        "of the module host",
    ),
    "warnings": (
        "import warnings\nclass Mine(Warning): pass\nwarnings.simplefilter('ignore', Mine)",
        "`filters` of the module warnings",
    ),
    "meta_path": (
        (
            "import sys\nclass Finder:\n    def find_spec(self, *_): return None\n"
            "sys.meta_path.append(Finder())"
        ),
        "`meta_path` of the module sys",
    ),
    "excepthook": (
        "import sys\ndef hook(*_): sys.__excepthook__(*_)\nsys.excepthook = hook",
        "`excepthook` of the module sys",
    ),
    "copyreg": (
        "import copyreg\nclass Mine: pass\ncopyreg.pickle(Mine, lambda one: 'x')",
        "`dispatch_table` of the module copyreg",
    ),
    "finalize": (
        "import weakref\ndef bye(): pass\nweakref.finalize(host, bye)",
        "weakref.finalize",
    ),
    "signal": (
        "import signal\ndef handle(*_): pass\nsignal.signal(signal.SIGUSR2, handle)",
        "app0.a.handle is the handler of SIGUSR2",
    ),
    "context_variable": (
        f"{CLASS}host.variable.set(Thing())",
        "the context variable 'mood' is set to a `app0.a.Thing`",
    ),
    "thread": (
        (
            "import threading\nSTOP = threading.Event()\nhost.things.append(STOP)\n"
            "def work():\n    STOP.wait()\nthreading.Thread(target=work, name='worker').start()"
        ),
        "thread 'worker' is running `work` at app0/a.py:7",
    ),
    "service_attribute": (
        (
            "import types\nservice.keeper = types.MethodType(print, object())\n"
            "class Mine(dict):\n    pass\nhost.holder.kept = [Mine()]"
        ),
        "a `host.Holder`, held by `holder` of the module host",
    ),
    "subclass_registry": (
        "class Base(host.Holder): pass\nhost.Holder.last = Base",
        "the class host.Holder",
    ),
}


@pytest.fixture
def restored(host):
    """What the pins change in the process is put back."""
    import atexit
    import codecs
    import copyreg
    import logging
    import signal
    import warnings

    from twisted.internet.task import Clock
    from twisted.logger import globalLogPublisher
    from twisted.python.log import theLogPublisher

    host.clock = Clock()
    hook, table, filters = sys.excepthook, dict(copyreg.dispatch_table), list(warnings.filters)
    path, handler = list(sys.meta_path), signal.getsignal(signal.SIGUSR2)
    observers, legacy = list(globalLogPublisher._observers), list(theLogPublisher._legacyObservers)
    yield host
    sys.excepthook, warnings.filters[:] = hook, filters
    sys.meta_path[:] = [one for one in sys.meta_path if one in path]
    copyreg.dispatch_table.clear()
    copyreg.dispatch_table.update(table)
    signal.signal(signal.SIGUSR2, handler)
    globalLogPublisher._observers[:] = observers
    theLogPublisher._legacyObservers[:] = legacy
    logging.getLogger("kept").handlers.clear()
    host.variable.set(None)
    for one in gc.get_objects():
        if type(one).__name__ == "function" and one.__name__ in {"bye", "search"}:
            atexit.unregister(one)
            codecs.unregister(one)


#: What Python itself holds, which is frozen.
FROZEN = {"copyreg", "excepthook", "meta_path", "warnings"}


@pytest.mark.parametrize("name", PINS)
def test_holder_is_named(request, run, restored, name):
    """Each thing that keeps old code alive is named, and so are the modules that it keeps."""
    text, words = PINS[name]
    if name in FROZEN:
        request.getfixturevalue("frozen_is_searched")
    holders = pinned(run, text)
    assert any(words in one for one in holders), holders
    assert all(one.startswith("old code is still alive (") for one in holders)
    assert "app0.a" in holders[0].partition(":")[0]


def test_nothing_alive_nothing_said(run, host):
    """When old code is gone, nobody searches for anything."""
    assert pinned(run, CLASS + "THINGS = [Thing()]\nTHINGS.append(THINGS)") == []


def test_clean_constructs(run, host):
    """What does not keep old code alive is not blamed: subclasses, type hints, enums, caches."""
    text = """
    import abc, collections, dataclasses, enum, functools, typing
    class Thing(host.Holder):
        pass
    collections.abc.Sized.register(Thing)
    isinstance(Thing(), collections.abc.Sized)
    Maybe = typing.Optional[Thing]
    Many = typing.List[Thing] | typing.Dict[str, Thing] | None
    @typing.overload
    def f(x: int) -> Thing: ...
    @typing.overload
    def f(x: str) -> Thing: ...
    def f(x): return Thing()
    @functools.lru_cache
    def cached(x): return Thing()
    cached(Thing)
    class Colour(enum.Enum):
        RED = 1
    @dataclasses.dataclass
    class Point:
        x: "Thing"
    typing.get_type_hints(Point)
    """
    assert pinned(run, textwrap.dedent(text)) == []


def test_started_at(run, restored):
    """A call that was asked for by a reloaded module is named with the line that asked for it."""
    running = run(a="x = 1")
    restored.clock = running.clock
    text = (
        "import host\nfrom twisted.internet.task import LoopingCall\ndef tick(): pass\n"
        "LOOP = LoopingCall(tick)\nLOOP.clock = host.clock\n\nLOOP.start(99, now=False)\n"
    )
    assert running.reload(a=text).holders == []
    holders = running.reload(a="x = 2").holders
    assert any("`LoopingCall` started at app0/a.py:7" in one for one in holders), holders
    for call in running.clock.getDelayedCalls():
        call.cancel()


def test_work_that_ends_later(run, host):
    """Old code that is still at work is named while it is, and gone when it has ended."""
    text = (
        "from twisted.internet.defer import Deferred\n"
        "async def work():\n    await host.things[0]\n"
        "def go():\n    return Deferred.fromCoroutine(work())\n"
    )
    running = run(a="import host\n" + text)
    host.things.append(Deferred())
    done = running.module("a").go()
    holders = running.reload(a="x = 1").holders
    assert any("the coroutine `work`, suspended at app0/a.py:4" in one for one in holders), holders
    assert running.reload(a="x = 2").holders == []
    host.things.pop().callback(None)
    del done


def test_only_shortest_paths(run, host):
    """What refers to old code but is kept only by old code is not blamed for anything."""
    holders = pinned(
        run,
        f"{CLASS}LOOPS = dict(tick=[Thing()])\nclass Inner:\n    loops = LOOPS\n"
        "host.things.append(Thing)",
    )
    assert len(holders) == 1
    assert "app0.a.Thing is held by `things` of the module host" in holders[0]


def test_other_modules_are_listed(run, host):
    """All modules that are alive are listed, also those that only others of them keep."""
    running = run(
        core=CORE, b="import host\nfrom APP import core\ndef f(): pass\nhost.things.append(f)"
    )
    report = running.reload(b="x = 1")
    head = report.holders[0].partition(":")[0]
    assert "app0.b" in head
    assert "app0.core" in head


def test_unused_wrappers():
    """``functools.partial`` and builtins have no place of their own."""
    words = Describer(Application(), CallSites(), [])
    assert words._located(len) == "builtins.len"
    assert "old_module" in words._located(functools.partial(old_module, 1))
