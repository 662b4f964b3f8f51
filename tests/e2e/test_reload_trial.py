"""``reload_trial``: an edit that would end or hold up the service never touches it."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.harness import Caller, Talker, wait_until

APP = """\
from cletus import Service, events
from cletus.storage import Field, Store

service = Service()

class Note(Store):
    service = service
    text = Field("")

@service.listen(events.Receive)
def receive(event):
    event.client.write(f"you say {event.data}")
"""

#: What each edit adds, and what its report says.
REFUSED = {
    "crash": ("import ctypes\nctypes.string_at(0)", "crashes the interpreter (SIGSEGV)"),
    "exit": ("import os\nos._exit(3)", "os._exit(3) is called while the module is imported"),
    "fork": ("import os\nos.fork()", "os.fork() is called while the module is imported"),
    "fork by a library": (
        "import multiprocessing as mp\nmp.get_context('fork').Process(target=print).start()",
        "os.fork() is called while the module is imported",
    ),
    "kill": (
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "the import crashes the interpreter (SIGKILL)",
    ),
    "hang": ("while True: pass", "not finished after 3 s"),
    "hang in C": (
        "import ctypes\nmutex = ctypes.create_string_buffer(64)\nlock = ctypes.PyDLL(None).pthread_mutex_lock\nlock(mutex)\nlock(mutex)",
        "the import does not end, and cannot be interrupted",
    ),
    "raise": ("1/0", "ZeroDivisionError: division by zero"),
    "sys.exit": ("import sys\nsys.exit(2)", "SystemExit: 2"),
    "no service": ("del service, receive, Note", "none of its modules makes a service"),
    "flood": ("while True: print('x' * 1000)", "not finished after 3 s"),
}


@pytest.fixture
def app(tmp_path: Path, run: Callable[..., Talker]) -> Talker:
    (tmp_path / "app.py").write_text(APP)
    return started(run, "--reload-timeout", "3")


def kept_app(folder: Path) -> Talker:
    (folder / "app.py").write_text(APP)
    options = ("--port", "0", "--store", "store", "--reload-trial", "--reload-timeout", "3")
    return Talker(folder, "-m", "cletus", "run", "app.py", *options)


def started(run: Callable[..., Talker], *options: str) -> Talker:
    """The service, when it watches its files."""
    app = run("app.py", "--reload-trial", "--store", "store", *options)
    app.prints("Stop with Ctrl-C")
    return app


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_its_line_and_nobody_waits(
    kept: Callable[[Callable[[Path], Talker]], Talker], call: Callable[[Talker], Caller], name: str
) -> None:
    addition, reason = REFUSED[name]
    app = kept(kept_app)
    ann = call(app)
    ann.types("before")
    ann.sees("you say before")
    app.write("app.py", f"{APP}\n{addition}\n")
    app.prints(r"Reload refused \(trial\)")
    ann.types("after")
    ann.sees("you say after")
    app.prints(re.escape(reason))
    app.write("app.py", APP.replace("you say", f"after {name} you say"))
    app.prints("Reloaded, generation")
    ann.types("again")
    ann.sees(f"after {name} you say again")


def test_an_import_that_would_hold_people_up_is_refused(
    tmp_path: Path, run: Callable[..., Talker], call: Callable[[Talker], Caller]
) -> None:
    """A start may take that long, but a reload answers nobody meanwhile."""
    (tmp_path / "app.py").write_text(APP)
    app = started(run, "--call-timeout", "1")
    slow = "import time\ntime.sleep(5)"
    ann = call(app)
    app.write("app.py", f"{APP}\n{slow}\n")
    app.prints(
        r"Reload refused \(trial\)[\s\S]*time.sleep\(5\)\nnot finished after 1 s\n  The service would"
    )
    ann.types("after")
    ann.sees("you say after")


def test_a_trial_leaves_no_process_and_no_document(app: Talker) -> None:
    body = (
        "import os, subprocess, threading\nNote('left', text='x').save()\n"
        "sleeper = subprocess.Popen(['sleep', '1000'])\n"
        "open('pids', 'w').write(f'{os.getpid()} {sleeper.pid} ')\n"
        "threading.Thread(target=threading.Event().wait).start()\n1/0"
    )
    app.write("app.py", f"{APP}\n{body}\n")
    app.prints(r"Reload refused \(trial\)[\s\S]*ZeroDivisionError")
    child, sleeper = map(int, (app.folder / "pids").read_text().split())
    assert child != app.process.pid
    wait_until(lambda: not (is_running(child) or is_running(sleeper)), "the end of both")
    assert not (app.folder / "store" / "note").exists()


def test_a_stop_does_not_wait_for_a_trial(tmp_path: Path, run: Callable[..., Talker]) -> None:
    (tmp_path / "app.py").write_text(APP)
    app = started(run, "--reload-timeout", "1000")
    body = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(1000)"
    app.write("app.py", f"{APP}\n{body}\n")
    pid = app.folder / "pid"
    wait_until(lambda: pid.exists() and pid.read_text(), "the trial", lambda: app.output)
    app.gets(signal.SIGTERM)
    assert app.ends() == 0
    wait_until(lambda: not is_running(int(pid.read_text())), "the end of the trial")
    assert "Reload refused" not in app.output


def test_a_rollback_needs_no_trial(app: Talker, call: Callable[[Talker], Caller]) -> None:
    """Its code was in force before; and the trial of something else may be why it is wanted."""
    note = "import os\nwith open('imports', 'a') as file: file.write(f'{os.getpid()} ')\n"
    back = "\n    if event.data == 'back': service.rollback()\n"
    app.write("app.py", f"{note}{APP}{back}")
    app.prints("Reloaded, generation 1")
    app.edit("app.py", "you say", "you said")
    app.prints("Reloaded, generation 2")
    before = (app.folder / "imports").read_text().split()
    assert set(before) > {str(app.process.pid)}  # and trials
    call(app).types("back")
    app.prints("Reloaded, generation 3")
    after = (app.folder / "imports").read_text().split()[len(before) :]
    assert after == [str(app.process.pid)]


def test_a_module_body_that_writes_files_is_not_tried_for_ever(app: Talker) -> None:
    """What the trial has written is not an edit."""
    body = "from pathlib import Path\nimport os\nwith Path('count').open('a') as file: file.write('x')\n"
    writes = "Path('made.py').write_text(f'X = {os.urandom(4)!r}')\nimport made\n1/0"
    app.write("app.py", f"{APP}\n{body}{writes}\n")
    app.prints(r"written by a module body while it was imported; that is not reloaded")
    assert len((app.folder / "count").read_text()) <= 2


def test_what_is_saved_during_a_trial_is_tried_next_however_often(app: Talker) -> None:
    """It is not taken for what the trial has written, which the process knows."""
    body = "from pathlib import Path\nimport time\n"
    body += "with Path('count').open('a') as file: file.write('x')\n"
    body += "while not Path('go').exists(): time.sleep(0.01)\nPath('go').unlink()\n1/0"
    count = app.folder / "count"
    count.touch()
    app.write("app.py", f"{APP}\n{body}\n")
    for tried in range(1, 6):
        has_begun = re.compile(f"x{{{tried}}}").fullmatch
        wait_until(lambda begun=has_begun: begun(count.read_text()), f"trial {tried}")
        edit = "# good" if tried == 5 else f"{body} + {tried}"
        app.write("app.py", f"{APP}\n{edit}\n")
        (app.folder / "go").touch()
    app.prints("Reloaded, generation 1")


def is_running(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
