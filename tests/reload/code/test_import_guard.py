"""Threads that import modules of the application while these are being rebuilt."""

from __future__ import annotations

import builtins
import importlib
import pickle
import sys
import threading
import time
from importlib import _bootstrap

import pytest

from cletus.errors import ImportDuringReload
from cletus.reload.code.import_guard import ImportGuard
from cletus.service.application import Application, Root
from cletus.testing import reload_with
from tests.reload.conftest import CORE

#: Far more than anything here takes.
LONG = 20.0


def in_thread(call, *, name="other"):
    """Call something in a thread; gives the thread and the list that its outcome comes into."""
    outcome = []

    def run() -> None:
        try:
            outcome.append(call())
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test looks at it
            outcome.append(error)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread, outcome


@pytest.fixture
def application(tmp_path):
    (tmp_path / "guarded").mkdir()
    (tmp_path / "guarded" / "__init__.py").write_text("N = 1\n")
    (tmp_path / "guarded" / "part.py").write_text("N = 1\n")
    (tmp_path / "bystander.py").write_text("from guarded import part\n")
    sys.path.insert(0, str(tmp_path))
    importlib.import_module("guarded.part")
    return Application((Root("guarded", tmp_path / "guarded", True),), ("guarded",))


def statement(text):
    def run():
        namespace = {"__name__": "guarded.other", "__package__": "guarded"}
        exec(text, namespace)
        return namespace

    return run


IMPORTS = {
    "import": statement("import guarded.part"),
    "from": statement("from guarded.part import N"),
    "from_package": statement("from guarded import part"),
    "relative": statement("from . import part"),
    "relative_name": statement("from .part import N"),
    "import_module": lambda: importlib.import_module("guarded.part"),
    "import_module_relative": lambda: importlib.import_module(".part", "guarded"),
    "dunder": lambda: __import__("guarded.part"),
    "pickle": lambda: pickle.loads(b"cguarded.part\nN\n."),
}


@pytest.mark.parametrize("call", IMPORTS.values(), ids=IMPORTS)
def test_other_threads_wait(application, call):
    """However a thread imports a module of the application, it waits until the reload is over."""
    with ImportGuard(application, LONG):
        thread, outcome = in_thread(call)
        thread.join(0.05)
        assert outcome == []
        call()  # the reactor's own thread goes on
    thread.join(LONG)
    assert not isinstance(outcome[0], BaseException)


def test_other_modules_are_nobodys_business(application):
    """Imports of anything else are not held up."""
    with ImportGuard(application, LONG):
        thread, outcome = in_thread(lambda: importlib.import_module("json.tool"))
        thread.join(LONG)
    assert outcome == [sys.modules["json.tool"]]


def test_waiting_ends_with_an_error(application):
    """A thread that has waited for the whole timeout is told which module and why."""
    with ImportGuard(application, 0.02):
        thread, outcome = in_thread(IMPORTS["from"])
        thread.join(LONG)
    assert isinstance(outcome[0], ImportDuringReload)
    assert isinstance(outcome[0], ImportError)
    assert str(outcome[0]) == (
        "guarded.part is just being reloaded, and that takes longer than 0.02 seconds;"
        " import it again"
    )


def test_thread_that_holds_import_locks_gets_an_error(application):
    """A thread in the middle of another import would make the reload wait in turn; it must not wait."""
    with ImportGuard(application, LONG):
        thread, outcome = in_thread(lambda: importlib.import_module("bystander"))
        thread.join(LONG)
        importlib.import_module("bystander")  # its lock is free again
    assert isinstance(outcome[0], ImportDuringReload)


def test_everything_is_put_back(application):
    """Afterwards imports are Python's own again."""
    before = builtins.__import__, _bootstrap._gcd_import
    with pytest.raises(ZeroDivisionError), ImportGuard(application, LONG):
        _ = 1 / 0
    assert (builtins.__import__, _bootstrap._gcd_import) == before


def test_thread_in_the_middle_of_an_import_is_noticed(application, tmp_path):
    """The guard says who is importing what, and nothing when they have finished."""
    (tmp_path / "guarded" / "slow.py").write_text("import gate\ngate.arrived.set()\ngate.go.wait()")
    gate = type(sys)("gate")
    gate.arrived, gate.go = threading.Event(), threading.Event()
    sys.modules["gate"] = gate
    thread, _ = in_thread(lambda: importlib.import_module("guarded.slow"), name="slow one")
    gate.arrived.wait(LONG)
    with ImportGuard(application, LONG) as guard:
        assert guard.busy() == "thread 'slow one' is importing guarded.slow"
    gate.go.set()
    thread.join(LONG)
    with ImportGuard(application, LONG) as guard:
        assert guard.busy() == ""


SLOW = """
import gate
gate.arrived.set()
gate.go.wait()
"""


@pytest.fixture
def gate():
    module = type(sys)("gate")
    module.arrived, module.go = threading.Event(), threading.Event()
    sys.modules["gate"] = module
    yield module
    module.go.set()
    del sys.modules["gate"]


LAZY = CORE + "def lazily():\n    from APP import slow\n    return slow\n"


def test_reload_waits_for_a_lazy_import(run, gate):
    """While a thread is importing a module for the first time, the reload is put off."""
    running = run({}, init="from APP import core", core=LAZY, slow=SLOW)
    thread, _ = in_thread(running.module("core").lazily)
    gate.arrived.wait(LONG)
    reports = []
    reload_with(running.service).addCallback(reports.append)
    running.clock.advance(0.1)
    assert reports == []
    gate.go.set()
    thread.join(LONG)
    running.clock.pump([0.1] * 5)
    assert reports[0].ok, reports[0]
    assert sys.modules["app0.slow"] is not None


def test_reload_does_not_wait_for_ever(run, gate):
    """A thread that never finishes its import refuses the reload, which names it."""
    settings = {"reload_timeout": 0.2}
    running = run(settings, init="from APP import core", core=LAZY, slow=SLOW)
    in_thread(running.module("core").lazily, name="stuck")
    gate.arrived.wait(LONG)
    reports = []
    reload_with(running.service).addCallback(reports.append)
    running.clock.pump([0.1] * 10)
    assert not reports[0].ok
    assert "thread 'stuck' is importing app0.slow, which does not end" in reports[0].error


TICKING = """
from APP import core
GOOD = True
ORDER = core.ORDER
def number():
    from APP.core import ORDER
    return ORDER
"""


def test_hammering_threads(run, request):
    """Threads that import all the time never get a module of a refused reload, nor stop the reloads."""
    running = run(core=CORE + "ORDER = 0\n", part=TICKING, last="from APP import part\n")
    stop = threading.Event()
    wrong, errors, tries = [], [], [0, 0, 0]

    def hammer(number: int) -> None:
        while not stop.is_set():
            try:
                from app0 import part
                from app0.core import ORDER

                last = importlib.import_module("app0.last")
            except BaseException as error:  # noqa: BLE001 - none is expected
                errors.append(error)
                return
            tries[number] += 1
            wrong.extend(one for one in (part.ORDER, ORDER, last.part.ORDER) if one < 0)

    threads = [threading.Thread(target=hammer, args=(one,), daemon=True) for one in range(3)]
    interval = sys.getswitchinterval()
    request.addfinalizer(lambda: sys.setswitchinterval(interval))
    sys.setswitchinterval(0.0005)  # ten times as many chances to be in the wrong place
    for thread in threads:
        thread.start()
    good = 0
    start = time.monotonic()
    for number in range(1, 13):
        broken = number % 3 == 0
        order = -number if broken else number
        edits = {"app0.core": CORE + f"ORDER = {order}\n"}
        edits["app0.last"] = "from app0 import part\n" + ("1 / 0\n" if broken else "")
        reports = []
        reload_with(running.service, edits).addCallback(reports.append)
        while not reports:
            running.clock.advance(0.05)
        assert reports[0].ok is not broken, reports[0]
        good += not broken
    stop.set()
    for thread in threads:
        thread.join(LONG)
    assert not any(thread.is_alive() for thread in threads)
    assert errors == []
    assert wrong == []
    assert good == 8
    assert all(tries)
    assert time.monotonic() - start < 60
