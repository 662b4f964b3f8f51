"""The reload on trial: what refuses it, what each import leaves behind, and what holds old code."""

from __future__ import annotations

import signal
import sys
import threading

import pytest
from twisted.internet import reactor
from twisted.logger import globalLogPublisher

from cletus.check import Level
from cletus.check.side_effects import _WORDS
from cletus.reload.effects.resources import resource_types
from tests.check.conftest import must_be, names


def place_of(found, tmp_path):
    return found.file.removeprefix(str(tmp_path) + "/"), found.line


#: name: (words, the text, its clean twin)
LEFT = {
    "callLater": (
        "timer",
        "app schedules a call of the reactor when it is imported: app.tick",
        """
        from twisted.internet import reactor
        def tick(): pass
        reactor.callLater(99, tick)  # HERE
        """,
        """
        def tick(): pass
        service.call_later(99, tick)
        """,
    ),
    "LoopingCall": (
        "timer",
        "app.tick",
        """
        from twisted.internet.task import LoopingCall
        def tick(): pass
        LoopingCall(tick).start(99, now=False)  # HERE
        """,
        """
        @service.every(99)
        def tick(): pass
        """,
    ),
    "a port": (
        "port",
        "is opened when the application is imported",
        """
        from twisted.internet import reactor
        from twisted.internet.protocol import DatagramProtocol
        reactor.listenUDP(0, DatagramProtocol(), interface="127.0.0.1")
        """,
        """
        @service.listen(events.PreStart)
        def start(event):
            from twisted.internet import reactor
            from twisted.internet.protocol import DatagramProtocol
            service.udp = reactor.listenUDP(0, DatagramProtocol(), interface="127.0.0.1")
        """,
    ),
    "a trigger": (
        "trigger",
        "app.tick is to be called when the reactor starts or stops",
        """
        from twisted.internet import reactor
        def tick(): pass  # HERE
        reactor.addSystemEventTrigger("before", "shutdown", tick)
        """,
        """
        @service.listen(events.PreStop)
        def tick(event): pass
        """,
    ),
    "a thread": (
        "thread",
        "the thread 'worker' is started",
        """
        import threading, time
        def work():  # HERE
            while not getattr(threading, "cletus_over", False):
                time.sleep(0.01)
        threading.Thread(target=work, name="worker", daemon=True).start()
        """,
        """
        import threading
        done = threading.Thread(target=print, name="worker", daemon=True)
        """,
    ),
    "a finder": (
        "hook",
        "is added to sys.meta_path",
        """
        import sys
        class Finder:
            def find_spec(self, *args): return None
        sys.meta_path.append(Finder())
        """,
        """
        import sys
        FINDERS = len(sys.meta_path)
        """,
    ),
    "a reducer": (
        "reducer",
        "copyreg.pickle(Pair) keeps the class",
        """
        import copyreg
        class Pair: pass
        copyreg.pickle(Pair, lambda pair: (Pair, ()))
        """,
        """
        class Pair:
            def __reduce__(self): return Pair, ()
        """,
    ),
    "a handler of SIGTERM": (
        "process",
        "a handler of SIGTERM is set",
        """
        import signal
        def bye(*args): pass
        signal.signal(signal.SIGTERM, bye)
        """,
        """
        import signal
        def bye(*args): pass
        signal.signal(signal.SIGUSR2, bye)
        """,
    ),
    "another folder": (
        "process",
        "the current folder is changed",
        """
        import os, pathlib
        os.chdir("/")
        """,
        """
        import os
        os.chdir(os.getcwd())
        """,
    ),
    "a hook of Python's": (
        "process",
        "sys.excepthook is replaced",
        """
        import sys
        def shout(*args): pass
        sys.excepthook = shout
        """,
        """
        import sys
        HOOK = sys.excepthook
        """,
    ),
    "the standard output": (
        "process",
        "sys.stdout is replaced",
        """
        import io, sys
        sys.stdout = io.StringIO()
        """,
        """
        import sys
        sys.stdout.write("hello\\n")
        """,
    ),
    "what an object of others holds": (
        "old-code",
        "app.tick is held by",
        """
        import sys
        class Watcher: pass
        def tick(): pass
        holders = sys.modules.setdefault("cletus_test_holders", type(sys)("cletus_test_holders"))
        holders.known = [*getattr(holders, "known", ()), tick]
        """,
        """
        import sys
        def tick(): pass
        holders = sys.modules.setdefault("cletus_test_holders", type(sys)("cletus_test_holders"))
        holders.known = [tick]
        """,
    ),
}


@pytest.fixture(autouse=True)
def undisturbed(monkeypatch):
    """What the texts set, and what a thread of theirs waits for."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR2)}
    for name in ("stdout", "excepthook"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    folder, path = list(sys.path), list(sys.meta_path)
    before = (len(reactor.getDelayedCalls()), len(globalLogPublisher._observers))
    yield
    reactor.runUntilCurrent()  # a port that is closed lets go of its socket in the next turn
    threading.cletus_over = True
    for thread in threading.enumerate():
        if thread.name == "worker":
            thread.join(5)
    del threading.cletus_over
    for number, handler in handlers.items():
        signal.signal(number, handler)
    sys.path[:], sys.meta_path[:] = folder, path
    sys.modules.pop("cletus_test_holders", None)
    assert before == (len(reactor.getDelayedCalls()), len(globalLogPublisher._observers))


@pytest.mark.parametrize("case", LEFT.values(), ids=LEFT)
def test_what_an_import_leaves_behind_is_named(case, check, tmp_path):
    name, words, wrong, _ = case
    found = must_be(check(wrong), name, words, tmp_path)
    assert (found.level, found.group) == (Level.WARNING, "Reload")


@pytest.mark.parametrize("case", LEFT.values(), ids=LEFT)
def test_its_clean_twin_is_let_by(case, check):
    assert names(check(case[3])) == set()


def test_there_are_words_for_every_kind_of_side_effect():
    """One that a reload learns to undo is one that a check must know how to tell."""
    assert {type(kind) for kind in resource_types(reactor)} == set(_WORDS)


def test_what_only_the_first_import_adds_is_let_by(check):
    """It looks first whether it is there."""
    found = check("""
        import logging
        log = logging.getLogger("app.once")
        if not log.handlers:
            log.addHandler(logging.NullHandler())
    """)
    assert found == []


def test_a_module_that_can_be_imported_once_only_is_named(check, tmp_path):
    found = check("""
        import sys
        if hasattr(sys, "app_was_here"):
            raise RuntimeError("already here")  # HERE
        sys.app_was_here = True
    """)
    del sys.app_was_here
    one = must_be(found, "reload-refused", "RuntimeError: already here", tmp_path)
    assert one.level is Level.ERROR
    assert "(stage)" in one.what


def test_a_value_that_the_new_code_cannot_name_is_told(check):
    """An object of each store goes through it, though the application made none."""
    found = check("""
        def reply():
            return lambda: None

        class User(Store):
            service = service
            on_reply = Field(reply, session=True)
    """)
    assert names(found) == {"old-code", "old-value"}
    assert any("User 'cletus-check', field 'on_reply'" in each.what for each in found)


def test_an_endless_import_the_second_time_is_cut_off(check):
    found = check(
        """
        import sys, time
        while hasattr(sys, "app_was_here"):
            time.sleep(0.01)
        sys.app_was_here = True
        """,
        CLETUS_RELOAD_TIMEOUT="0.2",
    )
    del sys.app_was_here
    assert names(found) == {"reload-refused"}


def test_what_the_trial_opened_is_closed_again(check):
    """Timers, observers and ports of both imports are gone: the fixture has counted them."""
    check("""
        from twisted.internet import reactor
        reactor.callLater(99, print)
    """)
    assert not [call for call in reactor.getDelayedCalls() if call.func is print]
