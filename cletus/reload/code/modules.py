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
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import decode_source, spec_from_file_location
from types import CodeType, ModuleType
from typing import Any, ClassVar
from weakref import WeakSet

from cletus.reload.code.c_extensions import LoadedExtensions, is_extension
from cletus.reload.code.import_names import ImportCache
from cletus.reload.code.module_listing import listing
from cletus.reload.code.sources import CodeCache, Source, Sources, source_in
from cletus.reload.code.subclasses import HiddenSubclasses
from cletus.reload.effects.registrations import CallSites, Registration
from cletus.service.application import Application, Root

#: The name in a module's namespace that marks its generation.
MARK = "__cletus_generation__"


class Mark:
    """Lives exactly as long as the namespace it is in.

    A module object may die while functions still use its namespace, and a dict has no weak
    references: a weak reference to the mark in it tells when the namespace is gone.


    Args:
        module: the name of the module.
        number: of the generation.
        namespace: of the module; what still runs of old code may be led to the new by it.
    """

    __slots__ = ("__weakref__", "module", "namespace", "number")

    #: Those that live, of all generations.
    living: ClassVar[WeakSet[Mark]] = WeakSet()

    def __init__(self, module: str, number: int, namespace: dict[str, Any]) -> None:
        self.module = module
        self.number = number
        self.namespace = namespace
        self.living.add(self)


class SourceLoader(SourceFileLoader):
    """Loads a module from text in memory, never from a ``.pyc`` file.

    Those are trusted by their time stamp, which misses a second edit in the same second.

    Args:
        name: of the module in ``sys.modules``.
        source: its text. Its name is another one for the module that runs as ``__main__``.
        cache: holds its code.
        generation: to mark the module with.
        namespaces: receives its namespace, by its name, while it is being staged.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        cache: CodeCache,
        generation: int,
        namespaces: dict[str, dict[str, Any]] | None,
    ) -> None:
        super().__init__(name, str(source.path))
        self._source = source
        self._cache = cache
        self._generation = generation
        self._namespaces = namespaces

    def get_code(self, fullname: str) -> CodeType:
        """The code, compiled from the text that was read."""
        return self._cache.code(self._source)

    def get_source(self, fullname: str) -> str:
        """The text that was read. The file may hold another one by now."""
        return decode_source(self._source.data)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's body."""
        setattr(module, MARK, Mark(module.__name__, self._generation, vars(module)))
        # A module refers to its loader, which must not keep the namespaces of other modules alive.
        namespaces, self._namespaces = self._namespaces, None
        if namespaces is not None:
            namespaces[module.__name__] = vars(module)
        if module.__name__ != self._source.name:
            # As runpy leaves it for ``python -m``: relative imports need the package's name.
            module.__spec__ = ModuleSpec(self._source.name, self, origin=self.path)
            module.__package__ = module.__spec__.parent
        super().exec_module(module)


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

    def __init__(self, application: Application, sources: Sources, cache: CodeCache) -> None:
        self.application = application
        self.sources = sources
        self.cache = cache
        self.generation = 0
        self.staging = True
        self.late: dict[str, None] = {}
        self.namespaces: dict[str, dict[str, Any]] = {}
        self.imports = ImportCache()
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
        name = self.application.main if fullname == "__main__" else ""
        source = self.sources.modules.get(name or fullname)
        extension = self.sources.extensions.get(fullname)
        if extension is not None:
            return self.extensions.spec(extension)
        if source is None and self.sources.is_earlier:
            source = self._source_since(fullname, path)
        namespace = self._namespace(fullname, path) if source is None else None
        if source is None and namespace is None:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        if not self.staging:
            self.late[fullname] = None
        if source is None:
            return namespace
        return spec_from_file_location(
            fullname,
            source.path,
            loader=SourceLoader(
                fullname,
                source,
                self.cache,
                self.generation,
                self.namespaces if self.staging else None,
            ),
            submodule_search_locations=[str(source.path.parent)] if source.is_package else None,
        )

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
    """

    def __init__(self, finder: ApplicationFinder, sources: Sources) -> None:
        self._finder = finder
        self._sources = sources
        self._old_sources = finder.sources
        self._old_late = dict(finder.late)
        self._old_number = finder.generation
        self._old_modules = finder.application.loaded()
        self._old_attributes = [
            (holder, name, vars(holder)[name])
            for holder, name in _attributes_of_parents(finder.application.roots)
            if name in vars(holder)
        ]

    @property
    def old_modules(self) -> dict[str, ModuleType]:
        """The modules of the generation in force, by name.

        C extensions belong to every generation, and are left out. So are objects that a module has
        put in its own place in ``sys.modules``.
        """
        return {
            name: module
            for name, module in self._old_modules.items()
            if isinstance(module, ModuleType) and not is_extension(module)
        }

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
        quote(self._sources, finder.cache)
        owns = finder.application.owns
        try:
            with HiddenSubclasses(self.old_modules.values(), owns), self._listing():
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
        imports = self._finder.imports
        return name in imports.of(self._sources) or name not in imports.of(self._old_sources)

    def commit(self) -> None:
        """Put the new modules in force. These are plain assignments: nothing here can fail."""
        finder = self._finder
        loaded = finder.application.loaded()
        finder.late = {name: None for name in finder.late if name in loaded}
        finder.imports.keep_only(self._sources)
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
        quote(self._old_sources, finder.cache)


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


def quote(sources: Sources, cache: CodeCache) -> None:
    """Let tracebacks and ``inspect`` quote this text, whatever the files hold by now."""
    for source in sources.modules.values():
        if lines := cache.lines(source):  # a file that nobody imports may be in any encoding
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
