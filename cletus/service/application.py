"""The application: the modules that a reload rebuilds.

They are the package whose module body called ``Service()``, or the single file and the modules beside
it that it imports (``siblings.py``), and what the setting ``reload_modules`` names. Cletus itself and
third-party packages are never among them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import FrameType, ModuleType

#: Folders of installed packages.
_INSTALLED = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True, slots=True)
class Root:
    """One package or single-file module of the application.

    Attributes:
        name: dotted module name; ``__main__`` for ``python app.py``.
        path: the folder of a package, the file of a single module.
        is_package: whether ``path`` is a folder.
        is_sibling: whether it belongs to the application because a single file beside it imports it.
    """

    name: str
    path: Path
    is_package: bool
    is_sibling: bool = False

    def owns(self, module: str) -> bool:
        """Whether a module of this dotted name is this root or below it."""
        return module == self.name or (self.is_package and module.startswith(self.name + "."))


@dataclass(frozen=True)
class Application:
    """The modules that a reload rebuilds.

    Attributes:
        roots: its packages and modules.
        entries: names of the modules to import, in order; they import the others.
        main: the dotted name of the module that runs as ``__main__``, as with ``python -m talker``;
            "" if that is not one of its modules, or has no other name, as with ``python app.py``.
    """

    roots: tuple[Root, ...] = ()
    entries: tuple[str, ...] = ()
    main: str = ""

    def owns(self, module: str | None) -> bool:
        """Whether a module of this dotted name is rebuilt by a reload."""
        if module is None:
            return False
        if self.main and module == "__main__":
            return True
        return module in self._names or module.startswith(self._beginnings)

    # Each reload asks for every module of the process, several times: what is compared is made once.
    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(root.name for root in self.roots)

    @cached_property
    def _beginnings(self) -> tuple[str, ...]:
        return tuple(f"{root.name}." for root in self.roots if root.is_package)

    def has_file(self, path: str) -> bool:
        """Whether this file is one of its modules, or below one of its packages."""
        return any(Path(path).is_relative_to(root.path) for root in self.roots)

    def is_importing(self) -> bool:
        """Whether a module body of the application is running, and has called the calling code.

        What a module body registers is registered again by the body of the next generation. What is
        registered while the service runs is not: a reload carries that over.
        """
        for frame in _callers():
            if frame.f_code.co_name == "<module>" and self.owns(_module_name(frame)):
                return True
        return False

    def loaded(self) -> dict[str, ModuleType]:
        """The modules of the application that are imported now, by name."""
        modules = sys.modules.copy()
        return {name: modules[name] for name in filter(self.owns, modules)}

    def with_main(self) -> Application:
        """This application with the module that runs as ``__main__``, if that is one of its own.

        ``python -m talker`` imports the package first: while its ``__init__.py`` makes the service,
        it is not known yet what will run as ``__main__``.
        """
        name = next(filter(None, map(_main_name, self.roots)), "")
        if not name or self.main:
            return self
        return replace(self, entries=(*self.entries, "__main__"), main=name)

    def others_in(self, folder: Path) -> list[str]:
        """Packages and modules inside this folder that are imported, but not the application's.

        They are candidates for the setting ``reload_modules``: an editable install, for example. What
        ``pip`` has installed into a virtual environment is not among them.
        """
        names = set()
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            top = name.partition(".")[0]
            if not file or self.owns(name) or top in {"cletus", "__main__"}:
                continue
            path = Path(file)
            if path.suffix == ".py" and path.is_relative_to(folder):
                inner = path.relative_to(folder).parts
                if not any(part in _INSTALLED or part.startswith(".") for part in inner):
                    names.add(root_of(module).name)
        return sorted(names)

    def merged(self, other: Application) -> Application:
        """This application with the roots of another as well."""
        return replace(self, roots=tuple(dict.fromkeys((*self.roots, *other.roots))))

    def including(self, names: Iterable[str]) -> Application:
        """This application with further packages or modules, by dotted name. Imports them.

        Raises:
            ImportError: one of them cannot be imported, or is not made of Python source.
        """
        added = tuple(name for name in names if not self.owns(name))
        roots = dict.fromkeys(root_of(_imported(name)) for name in added)
        return replace(self, roots=(*self.roots, *roots), entries=self.entries + added)


def maker_of(instance: object) -> FrameType:
    """The frame that makes this instance, whose ``__init__`` calls this function.

    It is the first frame outside of the ``__init__`` methods of the instance's classes.
    """
    frames = _callers()
    next(frames)  # this function
    return next(
        frame
        for frame in frames
        if frame.f_code.co_name != "__init__"
        or not any(value is instance for value in frame.f_locals.values())
    )


def _callers() -> Iterator[FrameType]:
    """The frames that are being executed, from the calling one outwards."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _module_name(frame: FrameType) -> str | None:
    """The dotted name of a frame's module, also if ``python -m`` runs it as ``__main__``."""
    name = frame.f_globals.get("__name__")
    spec = frame.f_globals.get("__spec__") if name == "__main__" else None
    return name if spec is None else spec.name


def application_of(frame: FrameType) -> Application:
    """The application that a module body belongs to; an empty one for the frame of a function."""
    if frame.f_code.co_name != "<module>":
        return Application()
    name = frame.f_globals["__name__"]
    module = sys.modules.get(name)
    if module is None or getattr(module, "__file__", None) is None:
        return Application()
    root = root_of(module)
    main = _main_name(root)
    if not main:
        return Application((root,), (name,))
    # In the order of ``python -m``: first the package, then the module as ``__main__``.
    packages = (root.name,) if root.is_package and main != root.name else ()
    return Application((root,), (*packages, "__main__"), main)


def _main_name(root: Root) -> str:
    """The dotted name of the module that runs as ``__main__``, if this root owns it, else ""."""
    module = sys.modules.get("__main__")
    name = "__main__" if module is None else _spec_name(module)
    return name if name != "__main__" and root.owns(name) else ""


def root_of(module: ModuleType) -> Root:
    """The outermost regular package that contains this module, or else the module itself.

    A namespace package is not a root: other distributions may have modules in it.
    """
    names = _spec_name(module).split(".")
    for end in range(1, len(names) + 1):
        name = ".".join(names[:end])
        package = sys.modules.get(name)
        if package is not None and _is_regular_package(package):
            return Root(name, absolute_path(str(package.__file__)).parent, True)
    return Root(name, absolute_path(str(module.__file__)), False)


def absolute_path(path: str) -> Path:
    """An absolute path that keeps its symbolic links.

    Where ``current`` is a link to ``releases/7``, the application lives in ``current``: switching the
    link is a change of its files. Only a path with ``..`` is resolved, since what precedes the dots
    may be a link, too.
    """
    absolute = Path(path).absolute()
    return absolute.resolve() if ".." in absolute.parts else absolute


def _spec_name(module: ModuleType) -> str:
    """The module's dotted name, also where ``python -m`` runs it as ``__main__``."""
    spec = getattr(module, "__spec__", None)
    return module.__name__ if spec is None else str(spec.name)


def _is_regular_package(module: ModuleType) -> bool:
    return hasattr(module, "__path__") and getattr(module, "__file__", None) is not None


def _imported(name: str) -> ModuleType:
    __import__(name)
    module = sys.modules[name]
    if not str(getattr(module, "__file__", None)).endswith(".py"):
        raise ImportError(f"{name} is not made of Python source", name=name)
    return module
