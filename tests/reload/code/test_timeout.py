"""A time limit for code that is not ours, even if it never returns."""

from __future__ import annotations

import signal
import sys
import threading
import time

import pytest

from cletus.reload.code.timeout import TimedOut, run_with_timeout

LIMIT = 0.05
#: Far less than a loop without end takes.
SOON = 5.0


def run_text(text: str) -> None:
    exec(compile(text, "endless.py", "exec"), {"__name__": "endless"})


@pytest.fixture(autouse=True)
def nothing_is_left():
    """The alarm, its handler and the trace function are as they were."""
    before = signal.getsignal(signal.SIGALRM), sys.gettrace()
    yield
    assert (signal.getsignal(signal.SIGALRM), sys.gettrace()) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


ENDLESS = {
    "loop": "while True: pass",
    "except_exception": "while True:\n    try:\n        1 / 0\n    except Exception: pass\n",
    "sleep": "import time\ntime.sleep(60)",
    "lock": "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
    "join": (
        "import threading\nstop = threading.Event()\n"
        "thread = threading.Thread(target=stop.wait, args=(3,), daemon=True)\n"
        "thread.start()\ntry:\n    thread.join()\nfinally:\n    stop.set()\n"
    ),
    "power": "9 ** 9 ** 9",
    "regex": "import re\nre.match('(a*)*b', 'a' * 40)",
    "bare_except": "while True:\n    try:\n        x = 1\n    except:\n        pass\n",
    "bare_except_sleep": (
        "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except:\n        pass\n"
    ),
    "bare_except_in_function": (
        "def patient():\n    while True:\n        try:\n            while True: pass\n"
        "        except BaseException:\n            continue\npatient()\n"
    ),
    "import_loop": (
        "while True:\n    try:\n        import no_such_module_at_all\n    except ImportError: pass\n"
    ),
}


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS)
def test_endless_code_is_cut_off(text):
    """Whatever never returns to us is ended soon after its time, even if it catches everything."""
    start = time.monotonic()
    with pytest.raises(TimedOut, match=r"not finished after 0\.05 s"):
        run_with_timeout(LIMIT, lambda: run_text(text))
    assert time.monotonic() - start < SOON


@pytest.mark.parametrize("text", ["bare_except", "bare_except_sleep"])
def test_trace_function_of_others_is_given_back(text):
    """A debugger or coverage goes on measuring, although Python drops a trace function that raises."""

    def others(*_: object) -> None:
        return None

    before = sys.gettrace()
    sys.settrace(others)
    try:
        with pytest.raises(TimedOut):
            run_with_timeout(LIMIT, lambda: run_text(ENDLESS[text]))
        left = sys.gettrace()
    finally:
        sys.settrace(before)
    assert left is others


def test_import_lock_deadlock_is_cut_off():
    """Waiting for a module that another thread never finishes importing ends, too."""
    from importlib import _bootstrap  # the lock that an import takes has no public name

    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with _bootstrap._ModuleLockManager("endless_import"):
            locked.set()
            done.wait(SOON)

    thread = threading.Thread(target=hold)
    thread.start()
    locked.wait(SOON)
    with pytest.raises(TimedOut):
        run_with_timeout(LIMIT, lambda: run_text("import endless_import"))
    done.set()
    thread.join()


def test_what_returns_in_time_is_left_alone():
    """Nothing is raised during or after a call that is fast enough."""
    done = []
    run_with_timeout(0.2, lambda: done.append(1))
    time.sleep(0.25)
    assert done == [1]


def test_nothing_is_raised_after_the_call():
    """Whenever the call returns, close to its time or not, the alarm rings inside it or not at all."""
    passed = 0
    for number in range(200):
        seconds = 0.001 + number % 20 * 0.00001
        outcome = []
        try:
            run_with_timeout(0.001, lambda: (time.sleep(seconds), outcome.append("returned")))  # noqa: B023 - called at once
        except TimedOut:
            passed += 1
        for _ in range(50):
            pass
    assert passed


def test_zero_is_no_limit():
    run_with_timeout(0, lambda: time.sleep(0.01))


def test_other_threads_have_no_limit():
    """Signals arrive in the main thread only; elsewhere the call just runs."""
    done = []
    thread = threading.Thread(
        target=run_with_timeout, args=(0.001, lambda: done.append(time.sleep(0.05)))
    )
    thread.start()
    thread.join()
    assert done == [None]


def test_an_alarm_of_the_application_goes_on():
    """The application's own alarm rings after the call, at its time."""
    rung = []
    previous = signal.signal(signal.SIGALRM, lambda *_: rung.append(time.monotonic()))
    try:
        start = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        run_with_timeout(1, lambda: time.sleep(0.02))
        while not rung and time.monotonic() - start < SOON:
            time.sleep(0.005)
        assert 0.09 < rung[0] - start < 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_errors_of_the_call_come_through():
    with pytest.raises(ZeroDivisionError):
        run_with_timeout(1, lambda: 1 / 0)


@pytest.mark.parametrize("name", ["loop", "bare_except", "lock"])
def test_reload_is_refused(run, name):
    """An import that never ends refuses the reload, and the report names the line where it was."""
    # A good reload, with all that pytest has in memory, must not take as long.
    running = run({"reload_timeout": 0.5}, a="N = 1")
    report = running.reload(a=ENDLESS[name])
    assert not report.ok
    assert "not finished after 0.5 s" in report.error
    assert "a.py:" in report.error
    assert running.module("a").N == 1
    assert running.reload(a="N = 2").ok
