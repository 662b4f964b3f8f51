"""What attributes, properties and values of modules say about themselves is taken as it stands.

Napoleon reads the first line of such a description as ``type: description``, as Google's style allows;
ours have sentences with a colon there (``Lines: one page``). And a value that a package has from one of
its modules has the comment that stands in that module.
"""

from __future__ import annotations

import importlib
from typing import Any

from public_names import comment_on, public_modules
from sphinx.application import Sphinx
from sphinx.ext.napoleon import GoogleDocstring

_VALUES = frozenset({"attribute", "data", "property"})
_written: dict[str, list[str]] = {}


def _keep(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    module, _, own = name.rpartition(".")
    if what == "data" and module in public_modules():
        lines[:] = [*comment_on(importlib.import_module(module), own), ""]
    if what in _VALUES:
        _written[name] = list(lines)


def _restore(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    if what in _VALUES:
        # As for a function: its sections (Raises) are read, and nothing is made of its first line.
        read = GoogleDocstring(
            _written.pop(name), app.config, app, "function", name, value, options
        )
        lines[:] = read.lines()


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _keep, priority=400)  # napoleon has 500
    app.connect("autodoc-process-docstring", _restore, priority=600)
    return {"parallel_read_safe": True}
