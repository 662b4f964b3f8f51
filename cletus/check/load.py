"""An application on its way in: imported with its settings as ``cletus run`` has them, and nothing opened.

Its store is only read, and nothing is locked. What is wrong with the settings is collected, so that
one of them does not hide the others.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock

from cletus.check.finding import Finding, Place, error
from cletus.check.setting_sources import read_settings
from cletus.check.source_map import Texts, of_error
from cletus.check.target import Progress, Subject
from cletus.errors import (
    ApplicationNotFound,
    CletusError,
    ImportFailed,
    ServiceNotFound,
    SettingError,
    SourceError,
    StoreUnusable,
)
from cletus.reload.code.modules import installed
from cletus.reload.code.sources import Sources, compiled, read_now
from cletus.reload.code.timeout import TimedOut, run_with_timeout
from cletus.reload.effects.ledger import Ledger
from cletus.reload.load import load, locate
from cletus.reload.watch.file_tree import FileTree
from cletus.service.application import Application
from cletus.service.service import Service
from cletus.storage import Writer, backend_for
from cletus.storage.backends.memory import Memory
from cletus.storage.backends.read_only import ReadOnlyBackend
from cletus.storage.interfaces import Backend, Browsable

_MEND = "mend it; the rest can only be checked once the application can be imported"


class Intake:
    """The import of one application.

    Args:
        target: as for ``cletus run``.
        folder: where it is looked up first.
        environment: ``os.environ``.
        options: settings that the command line names.
        reactor: Twisted's; it need not run.
        timeout: seconds that the import may take; 0 means no limit.

    Attributes:
        findings: what was found so far: with the settings, and why it could not be imported.

    Raises:
        ApplicationNotFound: there is no such module or file.
    """

    def __init__(
        self,
        target: str,
        folder: Path,
        environment: Mapping[str, str],
        options: Mapping[str, Any],
        reactor: Any,
        timeout: float = 0,
    ) -> None:
        self._target = target
        self._folder = folder
        self._environment = environment
        self._options = options
        self._reactor = reactor
        self._timeout = timeout
        self._application = locate(target, folder)
        self._beside = self._application.roots[0].path.parent
        self._is_told = False
        self.findings: list[Finding] = []

    def _configure(self, service: Service) -> None:
        """Called with the service as soon as it is made, before the application uses it."""
        if self._is_told:
            return  # it has made another one, which load() is going to complain of
        self._is_told = True
        found = read_settings(service, self._beside, self._environment)
        self.findings += (replace(one, group="Settings") for one in found)
        service.set("command line", self._options)

        def open_writer() -> Writer:
            overlay = ReadOnlyBackend(home_of(service) or _nothing())
            overlay.open()
            # What is saved soon waits for the trial of a reload, which flushes as a reload does.
            return Writer(overlay, Clock(), maybeDeferred)

        service.session.open_with(open_writer)

    def load(self, progress: Progress = lambda _what, _total, _done: None) -> Subject | None:
        """Import it.

        Returns:
            What can be checked; ``None`` if it cannot be imported, and then ``findings`` says why.
        """
        with quiet():
            ledger = Ledger(self._reactor, self._application)
            try:
                with ledger:
                    service = self._imported()
            except (CletusError, TimedOut) as refused:
                self.findings += (replace(one, group="Import") for one in self._refused(refused))
                ledger.undo()
                return None
            changed = tuple(ledger.changed())
        finder = installed(self._application)
        texts = Texts({} if finder is None else finder.sources.modules)
        home = home_of(service)
        return Subject(service, texts, self._reactor, ledger, changed, home, progress)

    def _imported(self) -> Service:
        made: list[Service] = []
        run_with_timeout(
            self._timeout, lambda: made.append(load(self._target, self._folder, self._configure))
        )
        return made[0]

    def _refused(self, refused: CletusError | TimedOut) -> Iterator[Finding]:
        if isinstance(refused, SourceError):
            yield from self._unreadable(refused)
            return
        cause: BaseException = refused
        if isinstance(refused, ImportFailed):
            cause = refused.__cause__ or refused.__context__ or refused
        is_told = isinstance(cause, CletusError | TimedOut)
        kind = "" if is_told else f"{type(cause).__name__}: "
        yield error("import", f"{kind}{cause}", _todo(cause), self._place(cause))

    def _place(self, cause: BaseException) -> Place:
        place = of_error(cause, self._application)
        if place.file or not isinstance(cause, ServiceNotFound):
            return place
        root = self._application.roots[0]
        return Place(str(root.path / "__init__.py" if root.is_package else root.path))

    def _unreadable(self, first: SourceError) -> Iterator[Finding]:
        """Every file that cannot be compiled, not the first alone."""
        found = [first, *_uncompilable(self._application)]
        for one in {(each.path, each.line): each for each in found}.values():
            quoted = f": {one.text.strip()}" if one.text.strip() else ""
            place = Place(str(one.path), one.line)
            yield error("syntax", f"{one.reason}{quoted}", _MEND, place)


def home_of(service: Service) -> Backend | None:
    """The home that the settings name, if it can be read without opening it."""
    try:
        home = backend_for(service.settings)
    except StoreUnusable:
        return None  # the check of the settings says so
    return home if isinstance(home, Browsable) else None


def _nothing() -> Backend:
    home = Memory()
    home.open()
    return home


@contextmanager
def quiet() -> Iterator[None]:
    """What the application prints meanwhile goes to stderr: stdout is for the findings."""
    with redirect_stdout(sys.stderr):
        yield


def _todo(cause: BaseException) -> str:
    if isinstance(cause, TimedOut):
        return (
            "let the import come to its end: what lasts belongs into a listener of events.PostStart"
        )
    if isinstance(cause, ModuleNotFoundError):
        return f"install what has the module {cause.name!r}, or mend the name"
    if isinstance(cause, SettingError):
        return "mend the setting"
    if isinstance(cause, ServiceNotFound | ApplicationNotFound):
        return "give cletus the module that makes the service"
    return _MEND


def _uncompilable(application: Application) -> Iterator[SourceError]:
    try:
        sources: Sources = read_now(FileTree(application))
    except SourceError as refused:
        yield refused
        return
    for source in sources.modules.values():
        try:
            compiled(source)
        except SourceError as refused:
            yield refused
