"""What an import does outside of its modules: noted, and undone if the import is refused."""

from __future__ import annotations

import atexit
import codecs
import colorsys  # noqa: F401 - a module that a test replaces
import copyreg
import csv
import decimal
import gc
import json
import locale
import logging
import mimetypes
import os
import random
import signal
import socket
import sys
import threading
import time
import warnings
from contextvars import ContextVar
from copy import deepcopy

import pytest
from twisted.internet import reactor
from twisted.internet.task import Clock, LoopingCall
from twisted.logger import globalLogPublisher
from twisted.python.log import theLogPublisher

from cletus.reload.code.loader import Mark
from cletus.reload.effects.ledger import Ledger, module_of
from cletus.service.application import Application, Root
from tests.reload.conftest import CORE

SHARED = ContextVar("shared", default=0)


def traces() -> dict[str, object]:
    """All of the process that a module can leave something in."""
    return {
        "timers": sorted(map(id, reactor.getDelayedCalls())),
        "readers": sorted(map(id, reactor.getReaders())),
        "writers": sorted(map(id, reactor.getWriters())),
        "triggers": [
            (event, phase, len(getattr(phases, phase)))
            for event, phases in reactor._eventTriggers.items()
            for phase in ("before", "during", "after")
        ],
        "observers": list(globalLogPublisher._observers),
        "legacy": list(theLogPublisher._legacyObservers),
        "handlers": list(logging.root.handlers),
        "app handlers": list(logging.getLogger("app0").handlers),
        "filters": list(logging.root.filters),
        "level": logging.root.level,
        "signal": signal.getsignal(signal.SIGUSR1),
        "meta_path": list(sys.meta_path),
        "path": list(sys.path),
        "path_hooks": list(sys.path_hooks),
        "warnings": list(warnings.filters),
        "gc": list(gc.callbacks),
        "reducers": list(copyreg.dispatch_table),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "excepthook": (sys.excepthook, threading.excepthook, sys.displayhook),
        "output": (sys.stdout, sys.stderr),
        "builtins": sorted(vars(__import__("builtins"))),
        "shared": SHARED.get(),
        "decimal": repr(decimal.getcontext()),
        "timeout": socket.getdefaulttimeout(),
        "time_zone": time.tzname,
        "locale": locale.setlocale(locale.LC_ALL),
        "media types": deepcopy((mimetypes.guess_type("a.cletus"), mimetypes._db.types_map_inv)),
        "dialects": sorted((name, csv.get_dialect(name).delimiter) for name in csv.list_dialects()),
        "chance": random.getstate(),
        "modules": sys.modules["colorsys"],
        "patches": (json.dumps, json.JSONEncoder, vars(json).get("more")),
        "patched class": (json.JSONEncoder.default, vars(json.JSONEncoder).get("more")),
        "umask": (mask := os.umask(0), os.umask(mask)),
        "interpreter": (
            sys.getrecursionlimit(),
            sys.getswitchinterval(),
            sys.get_int_max_str_digits(),
            threading.stack_size(),
            gc.get_threshold(),
        ),
        "levels": (logging.root.manager.disable, logging.getLevelName(33)),
    }


@pytest.fixture
def application(tmp_path):
    return Application((Root("app0", tmp_path / "app0", True),), ("app0",))


def leave(application, text, name="app0.bad"):
    """Run a text as the body of a module, under a ledger; gives the ledger."""
    path = application.roots[0].path / "bad.py"
    ledger = Ledger(reactor, application)
    with ledger:
        exec(compile(text, str(path), "exec"), {"__name__": name, "__file__": str(path)})
    return ledger


UNDONE = {
    "callLater": "from twisted.internet import reactor\nreactor.callLater(99, print)",
    "looping_call": (
        "from twisted.internet.task import LoopingCall\nLoopingCall(len, ()).start(99)"
    ),
    "defer_later": (
        "from twisted.internet import reactor, task\ntask.deferLater(reactor, 99, print)"
    ),
    "trigger": (
        "from twisted.internet import reactor\ndef bye(): pass\n"
        "reactor.addSystemEventTrigger('before', 'shutdown', bye)\n"
        "reactor.addSystemEventTrigger('after', 'startup', bye)"
    ),
    "observer": (
        "from twisted.logger import globalLogPublisher\n"
        "globalLogPublisher.addObserver(lambda event: None)"
    ),
    "legacy_observer": "from twisted.python import log\nlog.addObserver(lambda event: None)",
    "logging_handler": "import logging\nlogging.getLogger().addHandler(logging.NullHandler())",
    "own_logging_handler": (
        "import logging\nlogging.getLogger('app0').addHandler(logging.StreamHandler())"
    ),
    "logging_filter": "import logging\nlogging.getLogger().addFilter(lambda record: True)",
    "logging_level": "import logging\nlogging.getLogger().setLevel(logging.DEBUG)",
    "signal": "import signal\nsignal.signal(signal.SIGUSR1, lambda *_: None)",
    "meta_path": "import sys\nclass Finder: pass\nsys.meta_path.append(Finder())",
    "path": "import sys\nsys.path.insert(0, '/nowhere')",
    "path_hooks": "import sys\nsys.path_hooks.append(lambda path: None)",
    "warnings": (
        "import warnings\nclass Mine(Warning): pass\nwarnings.simplefilter('ignore', Mine)\n"
        "warnings.filterwarnings('ignore', message='x')"
    ),
    "warnings_again": (
        "import warnings\nwarnings.filters.reverse()\nwarnings.filterwarnings('default', category="
        "DeprecationWarning, module='__main__')\nwarnings.resetwarnings()"
    ),
    "path_taken_out": "import sys\nsys.path.pop()\nsys.path.insert(0, '/nowhere')",
    "media_types": "import mimetypes\nmimetypes.add_type('text/x-cletus', '.cletus')",
    "dialects": (
        "import csv\ncsv.register_dialect('unix', delimiter='|')\n"
        "csv.register_dialect('mine', delimiter=';')"
    ),
    "chance": "import random\nrandom.seed(1)",
    "modules": "import sys, types\nsys.modules['colorsys'] = types.ModuleType('colorsys')",
    "gc": "import gc\ngc.callbacks.append(lambda *_: None)",
    "copyreg": "import copyreg\nclass Mine: pass\ncopyreg.pickle(Mine, lambda one: 'x')",
    "environment": "import os\nos.environ['CLETUS_TEST'] = '1'\nos.environ.pop('PATH')",
    "decimal": "import decimal\ndecimal.getcontext().prec = 3",
    "timeout": "import socket\nsocket.setdefaulttimeout(1)",
    "time_zone": "import os, time\nos.environ['TZ'] = 'Asia/Tokyo'\ntime.tzset()",
    "locale": "import locale\nlocale.setlocale(locale.LC_ALL, 'C.UTF-8')",
    "patches": (
        "import json\ndef dumps(*_): return 'patched'\n"
        "class Mine(json.JSONEncoder): pass\n"
        "json.dumps, json.JSONEncoder, json.more = dumps, Mine, dumps"
    ),
    "patched_class": (
        "import json\ndef default(*_): return 'patched'\n"
        "json.JSONEncoder.default = json.JSONEncoder.more = default"
    ),
    "umask": "import os\nos.umask(0o77)",
    "interpreter": (
        "import gc, sys, threading\nsys.setrecursionlimit(5000)\nsys.setswitchinterval(0.5)\n"
        "sys.set_int_max_str_digits(0)\nthreading.stack_size(1 << 20)\ngc.set_threshold(5, 5, 5)"
    ),
    "levels": "import logging\nlogging.disable(50)\nlogging.addLevelName(33, 'TRACE')",
    "folder": "import os\nos.chdir('/')",
    "excepthook": (
        "import sys, threading\nsys.excepthook = threading.excepthook = lambda *_: None"
    ),
    "stdout": "import sys, io\nsys.stdout = io.StringIO()",
    "builtins": "import builtins\nbuiltins._ = str",
    "context": "from tests.reload.effects.test_ledger import SHARED\nSHARED.set(7)",
    "timer_thread": "import threading\nthreading.Timer(99, print).start()",
}


@pytest.mark.parametrize("text", UNDONE.values(), ids=UNDONE)
def test_undone(application, text):
    """What a module body has begun is gone again when its import is refused."""
    before = traces()
    ledger = leave(application, text)
    if "Timer(" not in text:
        assert traces() != before, "the test has left nothing behind"
    assert ledger.undo() == []
    assert traces() == before


@pytest.mark.parametrize(
    "text", ["def bye(): pass\nregister(bye, 1)", "@register\ndef bye(): pass"]
)
def test_atexit(application, text):
    """What was given to ``atexit`` is not called any more at the end, nor kept until then."""
    sys.modules["gate"] = gate = type(sys)("gate")
    text = f"import gate, weakref\nfrom atexit import register\n{text}\ngate.bye = weakref.ref(bye)"
    ledger = leave(application, text)
    gc.collect()
    assert gate.bye() is not None
    assert ledger.undo() == []
    gc.collect()
    assert gate.bye() is None


def test_codecs(application):
    """A codec search function is forgotten again."""
    ledger = leave(
        application,
        "import codecs\ndef search(name):\n    return codecs.lookup('utf-8') if name == 'odd' else None\n"
        "codecs.register(search)",
    )
    assert codecs.lookup("odd")
    assert ledger.undo() == []
    with pytest.raises(LookupError):
        codecs.lookup("odd2")


def test_port_is_closed(application):
    """A port that a refused module has opened does not listen any more a turn later."""
    before = traces()
    ledger = leave(
        application,
        "from twisted.internet import reactor, protocol\n"
        "PORT = reactor.listenTCP(0, protocol.Factory(), interface='127.0.0.1')\n"
        "UDP = reactor.listenUDP(0, protocol.DatagramProtocol(), interface='127.0.0.1')\n",
    )
    assert ledger.undo() == []
    after = traces()
    assert (after["readers"], after["writers"]) == (before["readers"], before["writers"])


def test_thread_is_named(application):
    """A thread cannot be ended from outside; it is named."""
    sys.modules["gate"] = gate = type(sys)("gate")
    gate.go = threading.Event()
    ledger = leave(
        application,
        "import gate, threading\nthreading.Thread(target=gate.go.wait, name='worker').start()",
    )
    assert ledger.undo() == ["the thread 'worker' was started and runs on"]
    gate.go.set()


def test_register_at_fork_is_named(application):
    """What Python cannot take back is named with its place."""
    ledger = leave(
        application, "import os\ndef child(): pass\n\nos.register_at_fork(after_in_child=child)"
    )
    assert ledger.undo() == ["os.register_at_fork(child) at app0/bad.py:4 cannot be taken back"]


def test_method_of_another_is_not_unregistered(application):
    """``atexit`` knows no difference between equal methods; so one that may be wanted stays."""
    sys.modules["gate"] = gate = type(sys)("gate")
    gate.kept = []
    ledger = leave(application, "import atexit, gate\natexit.register(gate.kept.append, 1)")
    left = ledger.undo()
    atexit.unregister(gate.kept.append)
    assert left == [] or "cannot be taken back" in left[0]


def test_open_file_is_named(application, tmp_path):
    """A file that is still open after a collection is named."""
    sys.modules["gate"] = gate = type(sys)("gate")
    path = tmp_path / "left.txt"
    ledger = leave(application, f"import gate\ngate.file = open({str(path)!r}, 'w')")
    assert ledger.undo() == []
    assert ledger.open_files() == [f"a file or socket was opened and is not closed: {path}"]
    gate.file.close()
    assert ledger.open_files() == []


def test_cletus_own_calls_stay(run):
    """What Cletus itself has begun in between, such as the end of a turn, goes on."""
    running = run(a="")
    before = len(running.clock.getDelayedCalls())
    report = running.reload(
        a="from app0.core import service\n"
        "service.turn.at_end(lambda: setattr(service, 'ended', True))\n1 / 0"
    )
    assert not report.ok
    running.clock.advance(0)
    assert running.service.ended
    assert len(running.clock.getDelayedCalls()) == before


def test_new_packages_of_others_keep_theirs(application, tmp_path):
    """A package of others that was imported for the first time stays, with what it has registered."""
    (tmp_path / "otherparty.py").write_text(
        "import atexit, logging, sys, warnings\n"
        "class Odd(Warning): pass\nclass Finder:\n    def find_spec(self, *_): return None\n"
        "FINDER = Finder()\nsys.meta_path.append(FINDER)\n"
        "HANDLER = logging.NullHandler()\nlogging.getLogger('otherparty').addHandler(HANDLER)\n"
        "warnings.simplefilter('ignore', Odd)\ndef bye(): pass\natexit.register(bye)\n"
    )
    sys.path.insert(0, str(tmp_path))
    callbacks = atexit._ncallbacks()
    ledger = leave(application, "import otherparty")
    other = sys.modules["otherparty"]
    try:
        assert ledger.undo() == []
        assert other.FINDER in sys.meta_path
        assert other.HANDLER in logging.getLogger("otherparty").handlers
        assert any(one[2] is other.Odd for one in warnings.filters)
        assert atexit._ncallbacks() == callbacks + 1
    finally:
        sys.meta_path.remove(other.FINDER)
        warnings.filters[:] = [one for one in warnings.filters if one[2] is not other.Odd]
        atexit.unregister(other.bye)


def test_what_was_there_before_stays(application):
    """Timers and handlers of the code in force are not touched."""
    call = reactor.callLater(99, print)
    handler = logging.NullHandler()
    logging.root.addHandler(handler)
    try:
        leave(application, "x = 1").undo()
        assert call.active()
        assert handler in logging.root.handlers
    finally:
        call.cancel()
        logging.root.removeHandler(handler)


def test_places_are_noted(application):
    """Where a committed import has started a call is remembered for as long as it lives."""
    from cletus.reload.effects.registrations import CallSites

    ledger = (
        leave(
            application,
            "import gate\nfrom twisted.internet import reactor\nfrom twisted.internet.task import LoopingCall\n"
            "gate.call = reactor.callLater(99, print)\n\ngate.loop = LoopingCall(len, ())\n"
            "gate.loop.start(99, now=False)\n",
        )
        if sys.modules.setdefault("gate", type(sys)("gate"))
        else None
    )
    gate = sys.modules["gate"]
    places = CallSites()
    ledger.note(places)
    assert places.of(gate.call) == "app0/bad.py:4"
    assert places.of(gate.loop) == "app0/bad.py:7"
    assert places.of(LoopingCall(len)) == ""
    gate.call.cancel()
    gate.loop.stop()


def test_module_of():
    """A thing's module is that of its function, whatever it is wrapped in."""
    import functools

    assert module_of(len) == "builtins"
    assert module_of(functools.partial(module_of, 1)) == "cletus.reload.effects.ledger"
    assert module_of(Clock().advance) == "twisted.internet.task"
    assert module_of(Clock()) == "twisted.internet.task"


def test_refused_reload_leaves_nothing(run):
    """All together, through a whole reload: the service is as before, and the report says what is left."""
    running = run(a="N = 1")
    before = traces()
    calls = len(running.clock.getDelayedCalls())
    sys.modules["gate"] = gate = type(sys)("gate")
    gate.go = threading.Event()
    texts = [
        text
        for name, text in UNDONE.items()
        # This service runs on a Clock, so the ledger does not look at Twisted's reactor.
        if "reactor" not in text and "LoopingCall" not in text and name != "timer_thread"
    ]
    worker = "import threading, gate\ndef work():\n    gate.go.wait()\nthreading.Thread(target=work, name='worker').start()\n"
    report = running.reload(a="\n".join([*texts, worker, "1 / 0"]))
    assert not report.ok
    assert "ZeroDivisionError" in str(report)
    assert "left behind: the thread 'worker' was started and runs on" in str(report)
    assert "thread 'worker' is running `work` at app0/a.py" in str(report)
    assert report.phase == "stage"
    gate.go.set()
    deadline = time.monotonic() + 5
    while any(one.name == "worker" for one in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert traces() == before
    assert len(running.clock.getDelayedCalls()) == calls
    assert running.module("a").N == 1


def test_refused_code_is_collected(run):
    """Nothing of a refused generation is alive afterwards."""
    running = run({}, init="from APP import core, lone", core=CORE, lone="class A: pass")
    for _ in range(3):
        report = running.reload(lone="class A:\n    def f(self): pass\nA().me = A()\n1 / 0")
        assert not report.ok
        assert report.holders == []
    marks = [one for one in gc.get_objects() if isinstance(one, Mark) and one.module == "app0.lone"]
    assert len(marks) == 1


def test_what_an_import_has_made_is_listed_by_kind(application):
    """And listing it takes nothing back."""
    ledger = leave(application, "import copyreg\nclass Pair: pass\ncopyreg.pickle(Pair, repr)\n")
    assert [(type(kind).__name__, one.__name__) for kind, one in ledger.additions()] == [
        ("Reducers", "Pair")
    ]
    assert len(list(ledger.additions())) == 1
    ledger.undo()
    assert list(ledger.additions()) == []


def test_values_of_the_process_that_were_set_are_named(application):
    text = (
        "import os, signal, sys, builtins\n"
        "signal.signal(signal.SIGUSR1, print)\n"
        "sys.excepthook = print\n"
        "builtins.shout = print\n"
        "os.environ['SHOUT'] = '1'\n"
    )
    ledger = leave(application, text)
    assert sorted(ledger.changed()) == ["builtins.shout", "signal.SIGUSR1", "sys.excepthook"]
    ledger.undo()
    assert ledger.changed() == []
