"""Importing an application for the first time, from a name or a path, the way reloads will do it."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from cletus.errors import (
    ApplicationNotFound,
    CletusError,
    ImportFailed,
    ServiceNotFound,
)
from cletus.reload.code.diff import Plan, check
from cletus.reload.code.modules import ApplicationFinder, quote
from cletus.reload.code.sources import CodeCache, Sources, read_now
from cletus.reload.effects.registrations import Recorder
from cletus.reload.error_text import describe_error
from cletus.reload.watch.file_tree import Scope
from cletus.service.application import Application, Root, place_of
from cletus.service.service import Service


def load(target: str, folder: Path) -> Service:
    """Import an application and give the service that it made.

    Args:
        target: a dotted module or package name, or the path of a Python file or package folder, or
            of a folder that has a package of its own name.
        folder: where names and relative paths are looked up first; it goes to the front of
            ``sys.path``, as ``python -m`` puts the current folder there.

    Raises:
        ApplicationNotFound: there is no such module or file.
        SourceError: a file of it cannot be compiled.
        ImportFailed: a module of it raised.
        ServiceNotFound: no module of it made a service, or several made one each.
    """
    application = locate(target, folder)
    _refuse_taken_names(application)
    cache = CodeCache()
    sources = read_now(Scope(application))
    check(Plan(sources), cache)
    finder = ApplicationFinder(application, sources, cache)
    finder.install()
    quote(sources)
    try:
        with Recorder(application) as recorder:
            _import(application, sources)
        finder.registrations = recorder.made
        service = _find_service(application, target)
    except BaseException:
        finder.uninstall()
        raise
    service.session.application = application
    return service


def locate(target: str, folder: Path) -> Application:
    """The application that a target names, without importing anything.

    Raises:
        ApplicationNotFound: there is none.
    """
    path = place_of(str(folder / target))
    if os.path.isfile(path):  # unlike pathlib's, it takes any nonsense for no file
        return _at_file(path)
    if _is_project(path):
        path /= path.name
    elif "/" not in target:
        _search_first(folder)
        return _by_name(target)
    if os.path.isfile(path / "__init__.py"):
        _search_first(path.parent)
        return Application((Root(path.name, path, True),), (path.name,))
    raise ApplicationNotFound(f"{target}: there is no such Python file or package")


def _is_project(path: Path) -> bool:
    """Whether this is a folder that has a package of its own name, as ``cletus new`` makes them."""
    package = path / path.name / "__init__.py"
    is_package = os.path.isfile(path / "__init__.py")
    return path.name.isidentifier() and os.path.isfile(package) and not is_package


def _at_file(path: Path) -> Application:
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise ApplicationNotFound(f"{path}: not a Python module (a name like app.py)")
    _search_first(path.parent)
    return Application((Root(path.stem, path, False),), (path.stem,))


def _by_name(target: str) -> Application:
    """Find the outermost regular package on the way to the module, or the module itself."""
    parts = target.split(".")
    search: list[str] | None = None
    for end in range(1, len(parts) + 1):
        name = ".".join(parts[:end])
        spec = PathFinder.find_spec(name, search)
        if spec is None:
            break
        if spec.origin is not None and spec.has_location:
            return Application((_root(name, spec),), (target,))
        search = list(spec.submodule_search_locations or ())
    missing = "no such file" if target.endswith(".py") else "no module of this name"
    raise ApplicationNotFound(
        f"{target}: {missing}; give a package or module that Python can import "
        "from here, or the path of a .py file"
    )


def _root(name: str, spec: ModuleSpec) -> Root:
    path = place_of(str(spec.origin))
    if path.suffix != ".py":
        raise ApplicationNotFound(f"{name}: {path} is not Python source")
    if spec.submodule_search_locations is None:
        return Root(name, path, False)
    return Root(name, path.parent, True)


def _refuse_taken_names(application: Application) -> None:
    """A file called ``random.py`` would not be imported: Python has that module already."""
    for root in application.roots:
        module = sys.modules.get(root.name)
        file = getattr(module, "__file__", None) or ""
        holder = os.path.dirname(file) if root.is_package else file
        if module is not None and not (os.path.exists(holder) and root.path.samefile(holder)):
            raise ApplicationNotFound(
                f"{root.path}: Python has a module {root.name!r} already; give it another name"
            )


def _search_first(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _import(application: Application, sources: Sources) -> None:
    try:
        for entry in application.entries:
            importlib.import_module(entry)
    except CletusError:
        raise
    except ModuleNotFoundError as error:
        if error.name in application.entries:
            raise ApplicationNotFound(f"{error.name}: no module of this name") from None
        raise ImportFailed(describe_error(error, application, sources)) from None
    except (Exception, SystemExit) as error:
        raise ImportFailed(describe_error(error, application, sources)) from error


def _find_service(application: Application, target: str) -> Service:
    found = {
        id(value): value
        for module in application.loaded().values()
        for value in list(getattr(module, "__dict__", {}).values())  # a stand-in may have none
        if isinstance(value, Service)
    }
    if len(found) > 1:
        raise ServiceNotFound(f"{target}: it makes {len(found)} services; there can be one")
    if not found:
        raise ServiceNotFound(
            f"{target}: no module of it has a Service(); add: service = Service()"
        )
    return next(iter(found.values()))


def load_target(target: str, options: Mapping[str, Any] | None = None) -> Service:
    """Import an application, with its settings as ``cletus run`` would have them.

    Args:
        target: a package, a module, or the path of a Python file; looked up from the current folder.
        options: settings that the command line names. They are in force already while the application
            is imported.

    Returns:
        Its service. Nothing is open, unless the application used its store while it was imported;
        ``service.session.close()`` closes that.

    Raises:
        CletusError: as ``load()`` does, or a setting is unknown or its value is of the wrong type.
    """
    tell = partial(configure, options=options or {})
    with importing(tell):
        service = load(target, Path.cwd())
    tell(service)  # once more: only now it is certain which folder the application is in
    return service


@contextmanager
def importing(tell: Callable[[Service], object]) -> Iterator[None]:
    """While an application is imported, its ``service.run()`` does not run it.

    Args:
        tell: called with the service as soon as it is made, before the application uses it.
    """
    Service.born = tell
    try:
        yield
    finally:
        Service.born = None


def configure(
    service: Service, options: Mapping[str, Any], preset: Mapping[str, Any] | None = None
) -> None:
    """Have a service take its settings from the file beside the application, the environment and this.

    Args:
        service: it was not started yet.
        options: what the command line says.
        preset: what holds where nothing else says otherwise; by default nothing.

    Raises:
        SettingError: a setting is unknown, or its value is of the wrong type.
    """
    roots = service.session.application.roots
    if preset:
        service.set("preset", preset)
    service.read_settings(roots[0].path.parent if roots else Path.cwd(), os.environ)
    service.set("command line", options)
