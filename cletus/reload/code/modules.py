"""Import a new generation of the application's modules while the old one stays usable.

While the service runs, all modules of the application come from text that was read before
(``sources.py``), also those that a function imports later: a file that is edited meanwhile must not
mix new text into the old generation. ``Staging`` takes the old modules out of ``sys.modules``, imports
the entries again, and can put everything back exactly as it was. It does not use
``importlib.reload()``: that runs the new text in the old namespace, where removed names stay, and
after an error half of the new ones.
"""

from __future__ import annotations

import importlib
import linecache
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from cletus.reload.code.c_extensions import LoadedExtensions, is_extension
from cletus.reload.code.import_names import all_imports
from cletus.reload.code.loader import MARK, Mark, SourceLoader
from cletus.reload.code.module_listing import listing
from cletus.reload.code.names import Names
from cletus.reload.code.sources import Source, Sources, source_in
from cletus.reload.code.subclasses import HiddenSubclasses
from cletus.reload.effects.registrations import CallSites, Registration
from cletus.service.application import Application, Root


class ApplicationFinder(MetaPathFinder):
    """Finds the application's modules in its sources; all others are left to Python.

    Attributes:
        application: whose modules it finds.
        sources: where it finds them.
        generation: the number that new modules are marked with.
        staging: whether modules that are imported now belong to a generation that is not in force yet.
        late: modules that the entries need not lead to, in the order of their import: those first
            imported while the service ran, or by code outside the application.
        namespaces: of the modules that are being staged, by name.
        call_sites: where calls of the reactor were scheduled.
        registrations: what the generation in force has passed to ``atexit`` and the like.
    """

    def __init__(self, application: Application, sources: Sources) -> None:
        self.application = application
        self.sources = sources
        self.generation = 0
        self.staging = True
        self.late: dict[str, None] = {}
        self.namespaces: dict[str, dict[str, Any]] = {}
        self.call_sites = CallSites()
        self.registrations: list[Registration] = []
        self.extensions = LoadedExtensions()

    def install(self) -> None:
        """Be the first that every import asks."""
        sys.meta_path.insert(0, self)

    def uninstall(self) -> None:
        """Be asked no more. Does nothing the second time."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """The spec of a module of the application; ``None`` for others.

        Raises:
            ModuleNotFoundError: the application has no such module. Other finders are not asked:
                they would import a ``.pyc`` file or an empty folder left behind by a removed module.
        """
        if not self.application.owns(fullname):
            return None
        main = self.application.main if fullname == "__main__" else ""
        source = self.sources.modules.get(main or fullname)
        if source is None:
            extension = self.sources.extensions.get(fullname)
            if extension is not None:
                return self.extensions.spec(extension)
            source = self._source_since(fullname, path) if self.sources.is_earlier else None
        spec = self._namespace(fullname, path) if source is None else self._spec(fullname, source)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        if not self.staging:
            self.late[fullname] = None
        return spec

    def _spec(self, fullname: str, source: Source) -> ModuleSpec:
        namespaces = self.namespaces if self.staging else None
        loader = SourceLoader(fullname, source, self.generation, namespaces)
        spec = ModuleSpec(fullname, loader, origin=loader.path, is_package=source.is_package)
        if source.is_package:
            spec.submodule_search_locations = [source.folder]
        spec.has_location = True
        # Python would work it out for each module in each reload.
        spec.cached = source.bytecode
        return spec

    def _source_since(self, fullname: str, path: Sequence[str] | None) -> Source | None:
        """A module that has come since the sources were read, and that a module body looks for.

        Code that lists its folder itself finds it there: a rollback must not fail for that.
        """
        source = next(filter(None, (source_in(folder, fullname) for folder in path or ())), None)
        if source is not None:
            self.sources.modules[fullname] = source
        return source

    def _namespace(self, fullname: str, path: Sequence[str] | None) -> ModuleSpec | None:
        """The spec of a package without an ``__init__.py``: a folder of modules, or of data.

        It is Python's own, which ``importlib.resources`` can read.
        """
        spec = PathFinder.find_spec(fullname, path)
        folders = () if spec is None else spec.submodule_search_locations or ()
        if spec is not None and spec.loader is None and any(map(_has_data, folders)):
            return spec
        if not self.sources.is_namespace(fullname):
            return None
        folder = fullname.rpartition(".")[2]
        spec = ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = [os.path.join(above, folder) for above in path or ()]
        return spec


class Staging:
    """One attempt to import a generation.

    Args:
        finder: of the running application.
        sources: of the new generation.

    Attributes:
        old_modules: the modules of the generation in force, by name. C extensions belong to every
            generation, and are left out. So are objects that a module has put in its own place in
            ``sys.modules``.
        old_names: what they name.
    """

    def __init__(self, finder: ApplicationFinder, sources: Sources) -> None:
        self._finder = finder
        self._sources = sources
        self._old_sources = finder.sources
        self._old_late = dict(finder.late)
        self._old_number = finder.generation
        self._old_modules = finder.application.loaded()
        self.old_modules = {
            name: module
            for name, module in self._old_modules.items()
            if isinstance(module, ModuleType) and not is_extension(module)
        }
        self.old_names = Names({name: vars(module) for name, module in self.old_modules.items()})
        self._old_attributes = [
            (holder, name, vars(holder)[name])
            for holder, name in _attributes_of_parents(finder.application.roots)
            if name in vars(holder)
        ]

    @property
    def new_namespaces(self) -> dict[str, dict[str, Any]]:
        """Of all modules that were imported so far, by name, also those whose import has failed."""
        return self._finder.namespaces

    def run(self) -> None:
        """Import the new modules. What a module body raises is raised here."""
        finder = self._finder
        finder.namespaces.clear()
        _remove(self._old_modules)
        # ``from parent import child`` takes the attribute that is there, and imports nothing.
        for holder, name, module in self._old_attributes:
            if isinstance(module, ModuleType):
                delattr(holder, name)
        finder.sources = self._sources
        finder.generation = self._old_number + 1
        finder.staging = True
        importlib.invalidate_caches()
        quote(self._sources, self._old_sources)
        owns = finder.application.owns
        try:
            with HiddenSubclasses(self.old_names, owns), self._listing():
                for entry in finder.application.entries:
                    importlib.import_module(entry)
                for name in self._old_late:
                    if name not in sys.modules and self._is_wanted(name):
                        importlib.import_module(name)
        finally:
            finder.staging = False

    def _listing(self) -> AbstractContextManager[None]:
        return listing(self._finder.application, self._sources)

    def _is_wanted(self, name: str) -> bool:
        """Whether to import a late module: not if its file, or the statement that named it, is gone."""
        if name not in self._sources.modules and not self._sources.is_namespace(name):
            return False
        return name in all_imports(self._sources) or name not in all_imports(self._old_sources)

    def commit(self) -> None:
        """Put the new modules in force. These are plain assignments: nothing here can fail."""
        finder = self._finder
        finder.late = {name: None for name in finder.late if name in sys.modules}
        finder.namespaces.clear()

    def rollback(self) -> None:
        """Put the old modules back.

        Modules outside the application that were imported meanwhile stay: some of them (numpy, PyO3
        modules) cannot be imported twice.
        """
        finder = self._finder
        _remove(finder.application.loaded())
        sys.modules.update(self._old_modules)
        for holder, name, value in self._old_attributes:
            setattr(holder, name, value)
        finder.sources = self._old_sources
        finder.generation = self._old_number
        finder.late = self._old_late
        finder.namespaces.clear()
        quote(self._old_sources, self._sources)


def installed(application: Application) -> ApplicationFinder | None:
    """The finder that imports this application's first root already, if there is one."""
    for finder in sys.meta_path:
        if (
            isinstance(finder, ApplicationFinder)
            and finder.application.roots[:1] == application.roots[:1]
        ):
            return finder
    return None


def mark(modules: dict[str, ModuleType], generation: int) -> None:
    """Mark modules that were imported before the finder was installed."""
    for name, module in modules.items():
        if isinstance(module, ModuleType) and MARK not in vars(module):
            setattr(module, MARK, Mark(name, generation, vars(module)))


def quote(sources: Sources, quoted: Sources | None = None) -> None:
    """Let tracebacks and ``inspect`` quote this text, whatever the files hold by now.

    Args:
        sources: have the text.
        quoted: what they quote already.
    """
    known = {} if quoted is None else quoted.modules
    for name, source in sources.modules.items():
        # A file that nobody imports may be in any encoding.
        if source is not known.get(name) and (lines := source.lines):
            # Without a time stamp, linecache never compares the entry with the file.
            path = str(source.path)
            linecache.cache[path] = (len(source.data), None, lines, path)


def _has_data(folder: str) -> bool:
    """Whether there is more in it than what Python has compiled: a removed package leaves that."""
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    return any(name != "__pycache__" and not name.endswith(".pyc") for name in names)


def _remove(modules: dict[str, ModuleType]) -> None:
    for name in modules:
        sys.modules.pop(name, None)


def _attributes_of_parents(roots: tuple[Root, ...]) -> list[tuple[ModuleType, str]]:
    """Packages outside the application that have one of its roots as an attribute, with its name."""
    parts = (root.name.rpartition(".") for root in roots)
    return [(sys.modules[parent], child) for parent, _, child in parts if parent in sys.modules]
