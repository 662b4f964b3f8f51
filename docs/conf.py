"""How `make docs` builds these pages. Nothing here needs the network."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

from cletus import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "Cletus"
author = "the Cletus authors"
copyright = "2026, the Cletus authors"  # noqa: A001 - Sphinx reads it under this name
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "repository_links",
    "fences",
    "settings_page",
    "commands_page",
    "public_names",
    "value_descriptions",
]

# -- Markdown ---------------------------------------------------------------------------------
source_suffix = {".md": "markdown"}
exclude_patterns = ["_ext", "session/*.txt"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
highlight_language = "text"  # an indented block is what somebody types, seldom Python
pygments_style = "friendly"
pygments_dark_style = "native"

# -- docstrings -------------------------------------------------------------------------------
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
autoclass_content = "both"  # the errors describe their facts at __init__
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
napoleon_google_docstring = True
napoleon_numpy_docstring = False

# -- what a signature names and these pages do not describe ------------------------------------
nitpicky = True
nitpick_ignore_regex = [
    # Python, Twisted and the others have their inventories on the network, where we do not go.
    (r"py:.*", r"(twisted|zope|msgspec|sqlalchemy|pyte)\..*"),
    (r"py:.*", rf"({'|'.join(sys.stdlib_module_names)})\..*"),
    # An annotation may name a type variable, an alias, or what is of the house itself and not public.
    # That it exists is for mypy to say. (What a docstring says is raised is still looked for.)
    (r"py:(class|obj)", r"cletus\..*"),
    # What is imported for type checkers alone has no module in an annotation.
    (r"py:class", r"[A-Z]\w*(\[\w+\]| \| None)?"),
]

# -- HTML -------------------------------------------------------------------------------------
html_theme = "furo"
html_title = f"Cletus {version}"
html_static_path = ["_static"]
html_css_files = ["cletus.css"]
html_show_sphinx = False
html_copy_source = False


def _without_factories(
    app: Sphinx, what: str, name: str, value: object, options: object, signature: str, returned: str
) -> tuple[str, str] | None:
    """A dataclass shows a default that is made as ``<factory>``, which is not Python."""
    if signature and "<factory>" in signature:
        return signature.replace("<factory>", "..."), returned
    return None


def _builtins_are_no_links(app: Sphinx, doctree: nodes.document) -> None:
    """Sphinx would take ``object`` for whatever attribute has this name: ``Pronouns.object``."""
    for link in list(doctree.findall(addnodes.pending_xref)):
        if link.get("refdomain") == "py" and hasattr(builtins, link["reftarget"]):
            link.replace_self(link.children)


def _every_class_is_an_object(app: Sphinx, doctree: nodes.document) -> None:
    """So nobody needs to be told."""
    for line in list(doctree.findall(nodes.paragraph)):
        if line.astext() == "Bases: object":
            line.parent.remove(line)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("doctree-read", _every_class_is_an_object)
    app.connect("doctree-read", _builtins_are_no_links)
    app.connect("autodoc-process-signature", _without_factories)
