"""Importing an application for the first time, from a name or a path, the way reloads will do it."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from cletus.errors import (
    ApplicationNotFound,
    CletusError,
    ImportFailed,
    ServiceNotFound,
)
from cletus.reload.code.diff import Diff, compile_all
from cletus.reload.code.modules import ApplicationFinder, quote
from cletus.reload.code.sources import CodeCache, Sources, read_now
from cletus.reload.effects.registrations import Recorder
from cletus.reload.error_text import describe_error
from cletus.reload.watch.file_tree import FileTree
from cletus.service.application import Application, Root, place_of
from cletus.service.construction import Loading, constructing
from cletus.service.service import Service


def apply_settings(
    service: Service,
    *,
    options: Mapping[str, Any] | None = None,
    preset: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Give a service the settings that ``cletus run`` would give it.

    The settings file is the one beside the application.

    Args:
        service: it was not started yet.
        options: settings of the command line; they win over all others.
        preset: defaults of ``--dev`` or ``--production``; all others win over them.
        environment: in place of ``os.environ``.

    Raises:
        SettingError: a setting is unknown, or its value is of the wrong type.
    """
    service.set("preset", preset or {})
    roots = service.session.application.roots
    folder = roots[0].path.parent if roots else Path.cwd()
    service.read_settings(folder, os.environ if environment is None else environment)
    service.set("command line", options or {})


def load(
    target: str, folder: Path, configure: Callable[[Service], object] = apply_settings
) -> Service:
    """Import an application, with its settings in force, and return the service that it makes.

    Its ``service.run()`` does not run it. Nothing is opened, unless the application uses its store
    while it is imported; ``service.session.close()`` closes that.

    Args:
        target: a dotted module or package name, or the path of a Python file or package folder, or
            of a folder that has a package of its own name.
        folder: where names and relative paths are looked up first; it goes to the front of
            ``sys.path``, as ``python -m`` puts the current folder there.
        configure: is called with the service as soon as it is made, before the application uses it;
            ``partial(apply_settings, options={...})``, for instance.

    Raises:
        ApplicationNotFound: there is no such module or file.
        SourceError: a file of it cannot be compiled.
        ImportFailed: a module of it raised.
        ServiceNotFound: no module of it made a service, or several made one each.
        SettingError: by ``configure``: a setting is unknown, or its value is of the wrong type.
    """
    application = locate(target, folder)
    _refuse_taken_names(application)
    cache = CodeCache()
    sources = read_now(FileTree(application))
    compile_all(Diff(sources), cache)
    finder = ApplicationFinder(application, sources, cache)
    finder.install()
    quote(sources)
    configured: list[Service] = []

    def configure_new(service: Service) -> None:
        configured.append(service)
        configure(service)

    try:
        with Recorder(application) as recorder, constructing(Loading(application, configure_new)):
            _import(application, sources)
        finder.registrations = recorder.made
        service = _find_service(application, target)
        if service not in configured:  # its module had been imported before
            service.session.application = application
            configure(service)
    except BaseException:
        finder.uninstall()
        raise
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
