"""Import the application as ``cletus run`` would, without opening ports.

Its store is only read, and not locked. Each wrong setting is a finding, so that none hides the others.
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

from cletus.check.finding import Finding, Location, error, warning
from cletus.check.setting_sources import read_settings
from cletus.check.source_map import SourceMap, of_error
from cletus.check.target import Progress, Target
from cletus.errors import (
    ApplicationNotFound,
    CletusError,
    ImportFailed,
    ServiceNotFound,
    SettingError,
    SourceError,
)
from cletus.reload.code.modules import installed
from cletus.reload.code.sources import Sources, compiled, read_now
from cletus.reload.code.timeout import TimedOut, run_with_timeout
from cletus.reload.effects.ledger import Ledger
from cletus.reload.load import load, locate
from cletus.reload.watch.file_tree import FileTree
from cletus.service.application import Application
from cletus.service.service import Service
from cletus.storage import Writer
from cletus.storage.backends.read_only import read_only_backend, readable_backend

_MEND = "mend it; the application can be checked when it can be imported"


class Importer:
    """The import of an application.

    Args:
        target: as for ``cletus run``.
        folder: where it is searched for first.
        environment: ``os.environ``.
        options: settings from the command line.
        reactor: Twisted's; it need not run.
        timeout: seconds for the import; 0 means no limit.

    Attributes:
        findings: those about the settings, and why the import failed.

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
        self._settings_folder = self._application.roots[0].path.parent
        self._is_configured = False
        self.findings: list[Finding] = []

    def _configure(self, service: Service) -> None:
        """Called with the service as soon as it is created, before the application uses it."""
        if self._is_configured:
            return  # the application has created a second one, and load() is going to refuse it
        self._is_configured = True
        findings = read_settings(service, self._settings_folder, self._environment)
        self.findings += (replace(finding, group="Settings") for finding in findings)
        service.set("command line", self._options)

        def open_writer() -> Writer:
            backend = read_only_backend(service.settings)
            backend.open()
            # Objects in save_soon() wait for the trial reload, which flushes as each reload does.
            return Writer(backend, Clock(), maybeDeferred)

        service.session.open_with(open_writer)

    def load(self, progress: Progress = lambda _name, _total, _done: None) -> Target | None:
        """Import it.

        Returns:
            the target of the checks; ``None`` if the import failed, and then ``findings`` says why.
        """
        with quiet():
            ledger = Ledger(self._reactor, self._application)
            try:
                with ledger:
                    service = self._imported()
            except (CletusError, TimedOut) as refused:
                self.findings += (
                    replace(finding, group="Import") for finding in self._refused(refused)
                )
                ledger.undo()
                return None
            changed = tuple(ledger.changed())
        unused = self._unreadable()
        self.findings += (replace(finding, group="Import") for finding in unused)
        finder = installed(self._application)
        source_map = SourceMap({} if finder is None else finder.sources.modules)
        backend = readable_backend(service.settings)
        return Target(service, source_map, self._reactor, ledger, changed, backend, progress)

    def _imported(self) -> Service:
        services: list[Service] = []
        run_with_timeout(
            self._timeout,
            lambda: services.append(load(self._target, self._folder, self._configure)),
        )
        return services[0]

    def _refused(self, refused: CletusError | TimedOut) -> Iterator[Finding]:
        if isinstance(refused, SourceError):
            yield from self._unreadable(refused)
            return
        cause: BaseException = refused
        if isinstance(refused, ImportFailed):
            cause = refused.__cause__ or refused.__context__ or refused
        is_ours = isinstance(cause, CletusError | TimedOut)
        name = "" if is_ours else f"{type(cause).__name__}: "
        yield error("import", f"{name}{cause}", _todo(cause), self._location(cause))

    def _location(self, cause: BaseException) -> Location:
        location = of_error(cause, self._application)
        if location.file or not isinstance(cause, ServiceNotFound):
            return location
        root = self._application.roots[0]
        return Location(str(root.path / "__init__.py" if root.is_package else root.path))

    def _unreadable(self, first: SourceError | None = None) -> Iterator[Finding]:
        """Each file that cannot be compiled; only a warning if the import has not failed for it."""
        errors = [*([first] if first else []), *_uncompilable(self._application)]
        for wrong in {(wrong.path, wrong.line): wrong for wrong in errors}.values():
            quoted = f": {wrong.text.strip()}" if wrong.text.strip() else ""
            location = Location(str(wrong.path), wrong.line)
            message = f"{wrong.reason}{quoted}"
            if first:
                yield error("syntax", message, _MEND, location)
            else:
                yield warning(
                    "syntax", f"nothing imports this file yet: {message}", _MEND, location
                )


@contextmanager
def quiet() -> Iterator[None]:
    """Send what the application prints to stderr; stdout is for the findings."""
    with redirect_stdout(sys.stderr):
        yield


def _todo(cause: BaseException) -> str:
    if isinstance(cause, TimedOut):
        return "let the import end: move long work into a listener of events.PostStart"
    if isinstance(cause, ModuleNotFoundError):
        return f"install the package with the module {cause.name!r}, or mend the name"
    if isinstance(cause, SettingError):
        return "mend the setting"
    if isinstance(cause, ServiceNotFound | ApplicationNotFound):
        return "give the module that creates the service"
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
