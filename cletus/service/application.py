"""The application: the modules that a reload rebuilds, and how to tell them from all others.

The application is the package (or single file) whose module body called ``Service()``, and what the
setting ``reload_modules`` names. Cletus itself and third-party packages are never part of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType, ModuleType


@dataclass(frozen=True, slots=True)
class Root:
    """One package or single-file module of the application.

    Attributes:
        name: dotted module name; ``__main__`` for ``python app.py``.
        path: the package's folder, or the file of a module that is no package.
        is_package: whether ``path`` is a folder.
    """

    name: str
    path: Path
    is_package: bool

    def owns(self, module: str) -> bool:
        """Whether a module of this dotted name is this root or below it."""
        return module == self.name or (self.is_package and module.startswith(self.name + "."))


@dataclass(frozen=True, slots=True)
class Application:
    """All that is rebuilt.

    Attributes:
        roots: the packages and modules.
        entries: names of the modules to import, in order; the others follow from their imports.
        main: the dotted name of its module that runs as ``__main__``, as with ``python -m talker``;
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
        return any(root.owns(module) for root in self.roots)

    def is_importing(self) -> bool:
        """Whether the caller is being run by the body of one of these modules.

        What a module body registers belongs to its generation and is made anew by the next one; what
        is registered while the service runs has no module body to make it again and is carried over.
        """
        return any(
            frame.f_code.co_name == "<module>" and self.owns(frame.f_globals.get("__name__"))
            for frame in _callers()
        )

    def loaded(self) -> dict[str, ModuleType]:
        """Those of its modules that are imported now, by name."""
        return {name: module for name, module in list(sys.modules.items()) if self.owns(name)}

    def including(self, names: Iterable[str]) -> Application:
        """This application with further importable packages or modules, by dotted name.

        Raises:
            ImportError: one of them cannot be imported, or is not made of Python source.
        """
        wanted = tuple(name for name in names if not self.owns(name))
        more = dict.fromkeys(root_of(_imported(name)) for name in wanted)
        return replace(self, roots=(*self.roots, *more), entries=self.entries + wanted)


def maker_of(instance: object) -> FrameType:
    """The frame that makes this instance, whose ``__init__`` calls this function.

    It is the first one outside of the ``__init__`` methods of the instance's classes.
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


def application_of(frame: FrameType) -> Application:
    """The application whose module body this frame is; an empty one if it is no module body."""
    if frame.f_code.co_name != "<module>":
        return Application()
    name = frame.f_globals["__name__"]
    module = sys.modules.get(name)
    if module is None or getattr(module, "__file__", None) is None:
        return Application()
    root = root_of(module)
    main = _name_of_main(root)
    if not main:
        return Application((root,), (name,))
    # As ``python -m`` does it: first the package, then the module as ``__main__``.
    packages = (root.name,) if root.is_package and main != root.name else ()
    return Application((root,), (*packages, "__main__"), main)


def _name_of_main(root: Root) -> str:
    """The dotted name of the module that runs as ``__main__``, if it is of this root."""
    module = sys.modules.get("__main__")
    name = "__main__" if module is None else _spec_name(module)
    return name if name != "__main__" and root.owns(name) else ""


def root_of(module: ModuleType) -> Root:
    """The outermost regular package that holds this module, or the module itself if none does.

    A namespace package is not taken for a root: others may have put their modules into it.
    """
    name = _spec_name(module)
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        holder = sys.modules.get(".".join(parts[:end]))
        if holder is not None and _is_regular_package(holder):
            return Root(".".join(parts[:end]), place_of(str(holder.__file__)).parent, True)
    return Root(name, place_of(str(module.__file__)), False)


def place_of(path: str) -> Path:
    """An absolute path that keeps the links on its way.

    Where ``current`` is a link to ``releases/7``, the application lives in ``current``: when the link
    is switched, that is a change of its files. Only a path that goes back with ``..`` is resolved,
    since what comes before that may be a link, too.
    """
    absolute = Path(path).absolute()
    return absolute.resolve() if ".." in absolute.parts else absolute


def _spec_name(module: ModuleType) -> str:
    """Its dotted name, also where ``python -m`` runs it as ``__main__``."""
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
