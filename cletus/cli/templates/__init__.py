"""Starting points for an application: what ``cletus new`` copies.

The templates are in ``data``, a folder each: code that is copied, and that nothing of Cletus imports.
"""

from cletus.cli.templates.making import TEMPLATES, make

__all__ = ["TEMPLATES", "make"]
