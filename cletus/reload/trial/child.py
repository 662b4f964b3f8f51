"""The process in which an edit is tried: it imports the application as a start would, and reloads it once.

It gets a pickled ``Request`` on its standard input, and writes what refuses the edit, or nothing, to the
descriptor ``RESULT``. Nothing is opened but the store, and that to be read only. If the interpreter
crashes, or C code does not return, ``faulthandler`` writes the stack there.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import pickle
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock

from cletus.errors import CletusError
from cletus.reload.code.diff import Diff
from cletus.reload.code.modules import installed, mark
from cletus.reload.code.sources import Sources
from cletus.reload.code.timeout import run_with_timeout
from cletus.reload.error_text import describe_error, quoted
from cletus.reload.load import import_application
from cletus.reload.state.statements import note_statements
from cletus.reload.transaction import Transaction
from cletus.service.application import Application
from cletus.service.report import ReloadReport
from cletus.service.service import Service
from cletus.storage import Writer
from cletus.storage.backends.read_only import read_only_backend

#: The descriptor that the result is written to.
RESULT: Final = 3
#: Seconds past a time limit after which the code is taken not to be interruptible.
GRACE: Final = 1.0

_FORKS: Final = frozenset({"os.fork", "os.forkpty"})
#: Events of ``sys.audit`` for other programs: which files those write is not known here.
_PROGRAMS: Final = frozenset({"subprocess.Popen", "os.posix_spawn", "os.spawn", "os.system"})
#: Those for a file that gets a name, which is their second argument.
_NAMED: Final = frozenset({"os.rename", "os.link", "os.symlink"})
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
#: Characters of a refusal, and of all paths that are told: the parent reads 65,536 bytes.
_REFUSAL_MAX: Final = 10_000
_PATHS_MAX: Final = 5_000
_SLOW: Final = (
    "\n  The service would answer nobody meanwhile. Do such work in a thread, from a listener of "
    "events.PostStart"
)


@dataclass(frozen=True, slots=True)
class Request:
    """An edit to be tried.

    Attributes:
        application: what to import.
        late: modules that its entries need not lead to.
        sources: the text of the edit.
        arguments: ``sys.argv`` of the service.
        reactor: the module of its reactor.
        folder: where its settings file is; ``None`` if it reads none.
        settings: what is set elsewhere than in the code and the file, by source.
        import_timeout: seconds for the first import, which may import libraries; 0 means no limit.
        reload_timeout: seconds for the second import, during which a service would answer nobody.
    """

    application: Application
    late: tuple[str, ...]
    sources: Sources
    arguments: tuple[str, ...]
    reactor: str
    folder: Path | None
    settings: dict[str, dict[str, Any]]
    import_timeout: float
    reload_timeout: float


def main() -> NoReturn:
    """Try the edit that standard input describes, and exit."""
    request: Request = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent
    os.set_inheritable(RESULT, False)
    with contextlib.suppress(OSError):
        os.nice(5)  # the service comes first
    _forbid_to_end(request)
    sys.argv[:] = request.arguments
    sys.stdin = open(os.devnull)  # noqa: SIM115 - open for as long as the process
    _finish(_tried(request))


def _tried(request: Request) -> str:
    """What refuses the edit, in words; "" if nothing does."""
    importlib.import_module(request.reactor).install()
    services: list[Service] = []
    try:
        with _ending_after(request.import_timeout):
            run_with_timeout(request.import_timeout, lambda: services.append(_imported(request)))
    except CletusError as error:
        return str(error)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the edit is refused
        return describe_error(error, request.application, request.sources)
    return _reloaded(services[0], request)


@contextlib.contextmanager
def _ending_after(seconds: float) -> Iterator[None]:
    """End the process with a stack if C code keeps a time limit of this length from being noticed."""
    if seconds:
        faulthandler.dump_traceback_later(seconds + GRACE, exit=True, file=RESULT)
    yield
    faulthandler.cancel_dump_traceback_later()


def _imported(request: Request) -> Service:
    """The first import, as a start would do it."""
    sys.modules.pop("__main__", None)  # the application may be a program
    configure = partial(_configure, request=request)
    application = request.application
    return import_application(application.entries[0], application, request.sources, configure)


def _configure(service: Service, request: Request) -> None:
    if request.folder is not None:
        service.read_settings(request.folder, os.environ)
    for source, changes in request.settings.items():
        service.set(source, changes)

    def open_writer() -> Writer:
        backend = read_only_backend(service.settings)
        backend.open()
        return Writer(backend, Clock(), maybeDeferred)

    service.session.open_with(open_writer)


def _reloaded(service: Service, request: Request) -> str:
    """The second import, as the service will do it."""
    finder = installed(request.application)
    assert finder is not None  # noqa: S101 - import_application() has installed it
    service.reactor = sys.modules["twisted.internet.reactor"]  # that of the service's kind
    service.set("command line", {"reload_timeout": request.reload_timeout})
    note_statements(service.session)
    finder.staging = False
    finder.late = dict.fromkeys(request.late)
    mark(request.application.loaded(), 0)
    report = ReloadReport()
    transaction = Transaction(service, finder, Diff(request.sources), report)
    with _ending_after(request.reload_timeout):
        transaction.run()
    return report.error + _SLOW if transaction.timed_out else report.error


def _forbid_to_end(request: Request) -> None:
    """Refuse code that ends this process without a result, or that copies it."""
    # Not handlers of exceptions: the code could catch them.

    def refuse(call: str, frame: FrameType) -> NoReturn:
        stack = traceback.extract_stack(frame)
        location = quoted(stack, request.application, request.sources)
        _finish(f"{location}{call} is called while the module is imported")

    def on_event(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _FORKS:
            refuse(f"{event}()", sys._getframe(1))
        _written.note(event, arguments)

    faulthandler.enable(RESULT)
    sys.addaudithook(on_event)
    os._exit = lambda status: refuse(f"os._exit({status})", sys._getframe(1))


#: Before the application can replace it.
_leave: Final = os._exit


class _Written:
    """The files that this process writes, as the events of ``sys.audit`` say.

    Attributes:
        paths: their real paths; ``None`` if not all are known.
    """

    def __init__(self) -> None:
        self.paths: set[str] | None = set()

    def note(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An event has come."""
        if event in _PROGRAMS:
            self.paths = None
        elif event in _NAMED:
            self._add(arguments[1])
        elif event == "open" and arguments[2] & _WRITING:
            self._add(arguments[0])

    def _add(self, path: object) -> None:
        # A number is a descriptor, whose file was opened before.
        if isinstance(path, str | bytes | os.PathLike):
            with contextlib.suppress(ValueError):  # not a path
                text = os.path.realpath(os.fsdecode(path))
                if self.paths is not None and f"{os.sep}__pycache__{os.sep}" not in text:
                    self.paths.add(text)


_written: Final = _Written()


def _finish(error: str) -> NoReturn:
    """Write the result and end, whatever the application has put before its end."""
    paths = _written.paths
    if paths is not None and sum(map(len, paths)) > _PATHS_MAX:
        paths = None
    written = None if paths is None else sorted(paths)
    result = json.dumps({"refusal": error[-_REFUSAL_MAX:], "written": written}, ensure_ascii=False)
    os.write(RESULT, result.encode(errors="backslashreplace"))
    _leave(0)
