"""C extensions inside the application: loaded once, and shared by all generations.

Python cannot unload compiled code, and many extensions break when they are loaded twice (PyO3 raises,
numpy crashes). So every generation gets the module object that was loaded first, as long as its file
holds the same bytes; if they have changed, the reload is refused by name (see ``diff.py``). A limit:
what such a module has stored of an old generation, for example a class, stays in it. The report names it.
"""

from __future__ import annotations

from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from types import ModuleType

from cletus.reload.code.sources import Content


class LoadedExtensions:
    """The C extensions of the application that this process has loaded."""

    def __init__(self) -> None:
        self._loaded: dict[str, tuple[bytes, ModuleType]] = {}

    def spec(self, content: Content) -> ModuleSpec | None:
        """The spec that imports an extension."""
        loader = _Loader(content, self)
        return spec_from_file_location(content.name, content.path, loader=loader)

    def adopt(self, contents: dict[str, Content], modules: dict[str, ModuleType]) -> None:
        """Remember extensions that Python has imported without us."""
        for name in contents.keys() & modules.keys():
            self.remember(contents[name], modules[name])

    def remember(self, content: Content, module: ModuleType) -> None:
        """This extension is loaded, for as long as the process lives."""
        self._loaded.setdefault(content.name, (content.digest, module))

    def loaded(self, content: Content) -> ModuleType | None:
        """The module of this extension; ``None`` if it is not loaded.

        Raises:
            ImportError: it was loaded from other bytes.
        """
        digest, module = self._loaded.get(content.name, (content.digest, None))
        if digest != content.digest:
            raise ImportError(
                f"{content.path}: other compiled code of this name is loaded already; "
                "restart the service",
                name=content.name,
                path=str(content.path),
            )
        return module


def is_extension(module: ModuleType) -> bool:
    """Whether this is compiled code, and not an object that stands in for a module."""
    spec = getattr(module, "__spec__", None)
    return isinstance(getattr(spec, "loader", None), ExtensionFileLoader)


class _Loader(ExtensionFileLoader):
    """Loads an extension, or gives the module that is loaded already."""

    def __init__(self, content: Content, extensions: LoadedExtensions) -> None:
        super().__init__(content.name, str(content.path))
        self._content = content
        self._extensions = extensions

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The loaded module, or a new one."""
        return self._extensions.loaded(self._content) or super().create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Initialise the module, once."""
        if self._extensions.loaded(self._content) is not module:
            super().exec_module(module)
            self._extensions.remember(self._content, module)
