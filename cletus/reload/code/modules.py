"""Importing a new generation of the application's modules beside the old one.

While the service runs, all modules of the application come from text that was read before
(``sources.py``), also those that are first imported inside a function. Staging takes the old
modules out of ``sys.modules``, imports the entries anew, and can put everything back exactly.
"""

from __future__ import annotations

import importlib
import linecache
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import decode_source, spec_from_file_location
from types import CodeType, ModuleType
from typing import Any

from cletus.reload.code.c_extensions import LoadedExtensions, is_extension
from cletus.reload.code.import_names import ImportCache
from cletus.reload.code.sources import CodeCache, Source, Sources
from cletus.reload.effects.registrations import CallSites, Registration
from cletus.service.application import Application, Root

#: The name in a module's namespace that marks its generation; see ``stale.py``.
MARK = "__cletus_generation__"


class Mark:
    """Lives exactly as long as the namespace that holds it."""

    __slots__ = ("__weakref__", "module", "number")

    def __init__(self, module: str, number: int) -> None:
        self.module = module
        self.number = number


class SourceLoader(SourceFileLoader):
    """Loads one module from text in memory, never from ``.pyc``.

    Args:
        name: of the module in ``sys.modules``.
        source: its text; its name differs from that of the module that runs as ``__main__``.
        cache: has its code.
        generation: what to mark it with.
        made: is given its namespace, by its name, if it is being staged.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        cache: CodeCache,
        generation: int,
        made: dict[str, dict[str, Any]] | None,
    ) -> None:
        super().__init__(name, str(source.path))
        self._source = source
        self._cache = cache
        self._generation = generation
        self._made = made

    def get_code(self, fullname: str) -> CodeType:
        """The code, compiled from the text that was read."""
        return self._cache.code(self._source)

    def get_source(self, fullname: str) -> str:
        """The text that was read, which may not be what the file holds now."""
        return decode_source(self._source.data)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's body."""
        setattr(module, MARK, Mark(module.__name__, self._generation))
        made, self._made = self._made, None  # modules know their loader: it must not keep others
        if made is not None:
            made[module.__name__] = vars(module)
        if module.__name__ != self._source.name:
            # As runpy leaves it for ``python -m``: relative imports need the package's name.
            module.__spec__ = ModuleSpec(self._source.name, self, origin=self.path)
            module.__package__ = module.__spec__.parent
        super().exec_module(module)


class ApplicationFinder(MetaPathFinder):
    """Finds the application's modules in its sources, and leaves all others to Python.

    Attributes:
        application: which modules are its business.
        sources: where it finds them.
        generation: the number of the generation that it imports for.
        staging: whether an import belongs to a generation that is not in force yet.
        late: modules that no entry need lead to, in the order of their import: those that were
            first imported while the service ran, or by code outside the application.
        made: the namespaces of the modules that are being staged, by name.
        places: where calls of the reactor were asked for.
        registrations: what the generation in force has given to where nobody can see it.
    """

    def __init__(self, application: Application, sources: Sources, cache: CodeCache) -> None:
        self.application = application
        self.sources = sources
        self.cache = cache
        self.generation = 0
        self.staging = True
        self.late: dict[str, None] = {}
        self.made: dict[str, dict[str, Any]] = {}
        self.imports = ImportCache()
        self.places = CallSites()
        self.registrations: list[Registration] = []
        self.extensions = LoadedExtensions()

    def install(self) -> None:
        """Be asked first by every import from now on."""
        sys.meta_path.insert(0, self)

    def uninstall(self) -> None:
        """Be asked no more; doing it twice is harmless."""
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
            ModuleNotFoundError: the application has no such module. What a ``.pyc`` file or an
                empty folder left behind pretends to be one is not asked.
        """
        if not self.application.owns(fullname):
            return None
        name = self.application.main if fullname == "__main__" else ""
        source = self.sources.modules.get(name or fullname)
        extension = self.sources.extensions.get(fullname)
        if extension is not None:
            return self.extensions.spec(extension)
        if source is None and not self.sources.is_namespace(fullname):
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        if not self.staging:
            self.late[fullname] = None
        if source is None:
            folder = fullname.rpartition(".")[2]
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [os.path.join(above, folder) for above in path or ()]
            return spec
        return spec_from_file_location(
            fullname,
            source.path,
            loader=SourceLoader(
                fullname,
                source,
                self.cache,
                self.generation,
                self.made if self.staging else None,
            ),
            submodule_search_locations=[str(source.path.parent)] if source.is_package else None,
        )


class Staging:
    """One attempt to import a generation.

    Args:
        finder: the finder of the running application.
        sources: what the new modules are made from.
    """

    def __init__(self, finder: ApplicationFinder, sources: Sources) -> None:
        self._finder = finder
        self._sources = sources
        self._old_sources = finder.sources
        self._old_late = dict(finder.late)
        self._old_number = finder.generation
        self._old_modules = finder.application.loaded()
        self._old_attributes = [
            (holder, name, getattr(holder, name, None))
            for holder, name in _attributes_of_parents(finder.application.roots)
        ]

    @property
    def old_modules(self) -> dict[str, ModuleType]:
        """The modules of the generation in force, by name.

        C extensions are of every generation; what a module has put in its own place is no module.
        """
        return {
            name: module
            for name, module in self._old_modules.items()
            if isinstance(module, ModuleType) and not is_extension(module)
        }

    @property
    def new_namespaces(self) -> dict[str, dict[str, Any]]:
        """What has been imported so far, by name, also modules whose import has failed."""
        return self._finder.made

    def run(self) -> None:
        """Import the new modules. Whatever a module's body raises comes out of here."""
        finder = self._finder
        finder.made.clear()
        _remove(self._old_modules)
        finder.sources = self._sources
        finder.generation = self._old_number + 1
        finder.staging = True
        importlib.invalidate_caches()
        quote(self._sources)
        try:
            for entry in finder.application.entries:
                importlib.import_module(entry)
            for name in self._old_late:
                if name not in sys.modules and self._is_wanted(name):
                    importlib.import_module(name)
        finally:
            finder.staging = False

    def _is_wanted(self, name: str) -> bool:
        """Whether a module that no entry has led to shall be imported all the same.

        It shall not when its file is gone, or when the import statement that named it is gone.
        """
        if name not in self._sources.modules and not self._sources.is_namespace(name):
            return False
        imports = self._finder.imports
        return name in imports.of(self._sources) or name not in imports.of(self._old_sources)

    def commit(self) -> None:
        """The new modules are in force. Plain assignments: nothing here can fail."""
        finder = self._finder
        loaded = finder.application.loaded()
        finder.late = {name: None for name in finder.late if name in loaded}
        finder.imports.keep_only(self._sources)
        finder.made.clear()

    def rollback(self) -> None:
        """Put the old modules back. Modules of others that were imported meanwhile stay.

        They are not the application's, and some (numpy, PyO3 modules) cannot be imported twice.
        """
        finder = self._finder
        _remove(finder.application.loaded())
        sys.modules.update(self._old_modules)
        for holder, name, value in self._old_attributes:
            setattr(holder, name, value)
        finder.sources = self._old_sources
        finder.generation = self._old_number
        finder.late = self._old_late
        finder.made.clear()
        quote(self._old_sources)


def installed(application: Application) -> ApplicationFinder | None:
    """The finder that imports the first of this application's roots already, if there is one."""
    for finder in sys.meta_path:
        if (
            isinstance(finder, ApplicationFinder)
            and finder.application.roots[:1] == application.roots[:1]
        ):
            return finder
    return None


def mark(modules: dict[str, ModuleType], generation: int) -> None:
    """Mark modules that were imported before there was a finder."""
    for name, module in modules.items():
        if isinstance(module, ModuleType) and MARK not in vars(module):
            setattr(module, MARK, Mark(name, generation))


def quote(sources: Sources) -> None:
    """Have tracebacks and ``inspect`` quote this text, whatever the files hold meanwhile."""
    for source in sources.modules.values():
        try:
            lines = decode_source(source.data).splitlines(keepends=True)
        except (SyntaxError, UnicodeDecodeError):
            continue  # a file that is not imported need not be readable
        # No time stamp: linecache then never compares the entry with the file.
        linecache.cache[str(source.path)] = (len(source.data), None, lines, str(source.path))


def _remove(modules: dict[str, ModuleType]) -> None:
    for name in modules:
        sys.modules.pop(name, None)


def _attributes_of_parents(roots: tuple[Root, ...]) -> list[tuple[ModuleType, str]]:
    """Where packages outside the application hold its roots as attributes."""
    found = []
    for root in roots:
        parent, _, child = root.name.rpartition(".")
        if parent in sys.modules:
            found.append((sys.modules[parent], child))
    return found
