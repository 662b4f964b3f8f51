"""Importing an application, with its settings in force before its first line runs.

All commands that import an application do so by ``load()``, and so does ``cletus.testing``. The modules
are compiled and found in the way of a reload.
"""

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
from cletus.reload.code.sources import Sources, read_now
from cletus.reload.effects.registrations import Recorder
from cletus.reload.error_text import describe_error
from cletus.reload.watch.file_tree import FileTree
from cletus.renamed import names_of
from cletus.service.application import Application, Root, absolute_path
from cletus.service.construction import Loading, constructing
from cletus.service.service import Service
from cletus.service.siblings import with_siblings


def apply_settings(
    service: Service,
    *,
    options: Mapping[str, Any] | None = None,
    preset: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Give a service the settings of the file beside its application, the environment, and these.

    Args:
        service: it has not been started.
        options: settings of the command line, which win over all others.
        preset: defaults of ``--dev`` or ``--production``, over which all others win.
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
    target: str,
    folder: Path | None = None,
    configure: Callable[[Service], object] = apply_settings,
) -> Service:
    """Import an application and return the service that it makes.

    The application's ``service.run()`` does not run it. Nothing is opened but the store, if the
    application uses it while it is imported; ``service.session.close()`` closes it.

    Args:
        target: a dotted module or package name, or the path of a Python file, of a package, or of a
            folder that contains a package of its own name.
        folder: where names and relative paths are looked up first, by default the current folder; it
            goes to the front of ``sys.path``, as ``python -m`` puts the current folder there.
        configure: called with the service as soon as it is made, before the application uses it;
            by default ``apply_settings``, to which ``functools.partial`` can give options.

    Raises:
        ApplicationNotFound: there is no such module or file.
        SourceError: a file of it cannot be compiled.
        ImportFailed: a module of it raised.
        ServiceNotFound: none of its modules makes a service, or they make several.
        CletusError: what ``configure`` raised.
    """
    application = locate(target, Path.cwd() if folder is None else folder)
    _refuse_taken_names(application)
    sources = read_now(FileTree(application))
    compile_all(Diff(sources), application.entries)
    return import_application(target, application, sources, configure)


def import_application(
    target: str,
    application: Application,
    sources: Sources,
    configure: Callable[[Service], object],
) -> Service:
    """Import an application from texts that were read, and install the finder of its modules.

    Args:
        target: its name in errors.
        application: it has not been imported.
        sources: its texts.
        configure: as for ``load()``, which raises the same errors.
    """
    finder = ApplicationFinder(application, sources)
    finder.install()
    quote(sources)
    configured: list[Service] = []

    def configure_new(service: Service) -> None:
        configured.append(service)
        configure(service)

    try:
        with Recorder(application) as recorder, constructing(Loading(application, configure_new)):
            _import(application, sources)
        finder.registrations = recorder.registrations
        service = find_service(application, target)
        if service not in configured:  # its module was imported before, by others
            service.session.application = application
            configure(service)
    except BaseException:
        finder.uninstall()
        raise
    return service


def locate(target: str, folder: Path) -> Application:
    """The application that a target names, found without importing it. Arguments are as for ``load()``.

    Raises:
        ApplicationNotFound: there is no such application.
    """
    return with_siblings(_locate(target, folder))


def _locate(target: str, folder: Path) -> Application:
    path = absolute_path(str(folder / target))
    if os.path.isfile(path):  # not pathlib's, which raises for some texts
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
    """Whether this folder contains a package of its own name, as one that ``cletus new`` made."""
    package = path / path.name / "__init__.py"
    is_package = os.path.isfile(path / "__init__.py")
    return path.name.isidentifier() and os.path.isfile(package) and not is_package


def _at_file(path: Path) -> Application:
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise ApplicationNotFound(f"{path}: not a Python module (a name like app.py)")
    _search_first(path.parent)
    return Application((Root(path.stem, path, False),), (path.stem,))


def _by_name(target: str) -> Application:
    """The outermost regular package that contains the module, or the module itself."""
    names = target.split(".")
    search: list[str] | None = None
    for end in range(1, len(names) + 1):
        name = ".".join(names[:end])
        spec = _find_spec(name, search)
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


def _find_spec(name: str, search: list[str] | None) -> ModuleSpec | None:
    """By ``sys.path``, or else by the finders of other packages: some editable installs use one."""
    spec = PathFinder.find_spec(name, search)
    finders = (finder for finder in sys.meta_path if not isinstance(finder, ApplicationFinder))
    found = (finder.find_spec(name, search) for finder in finders) if spec is None and name else ()
    return spec or next(filter(None, found), None)


def _root(name: str, spec: ModuleSpec) -> Root:
    path = absolute_path(str(spec.origin))
    if path.suffix != ".py":
        raise ApplicationNotFound(f"{name}: {path} is not Python source")
    if spec.submodule_search_locations is None:
        return Root(name, path, False)
    return Root(name, path.parent, True)


def _refuse_taken_names(application: Application) -> None:
    """Refuse a file called ``random.py``: Python would import its own module of that name."""
    for root in application.roots:
        module = sys.modules.get(root.name)
        file = getattr(module, "__file__", None) or ""
        path = os.path.dirname(file) if root.is_package else file
        if module is not None and not (os.path.exists(path) and root.path.samefile(path)):
            raise ApplicationNotFound(
                f"{root.path}: Python already has a module {root.name!r}; choose another name"
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


def find_service(application: Application, target: str) -> Service:
    """The service that an application's modules hold.

    Args:
        application: it was imported.
        target: its name, for the error.

    Raises:
        ServiceNotFound: none of its modules makes a service, or they make several.
    """
    services: dict[int, Service] = {
        id(value): value
        for module in application.loaded().values()
        for value in list(getattr(module, "__dict__", {}).values())  # a stand-in may have none
        if issubclass(type(value), Service)  # a proxy of a library may raise when it is asked
    }
    if len(services) > 1:
        raise ServiceNotFound(f"{target}: it makes {len(services)} services; it must make one")
    if not services:
        raise ServiceNotFound(
            f"{target}: none of its modules makes a service; add: service = Service()"
        )
    return next(iter(services.values()))


__getattr__ = names_of(__name__)
