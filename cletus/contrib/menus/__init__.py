"""Menus, forms and tables, for terminals of any width and for screen readers. See ``docs/contrib/menus.md``."""

from cletus.contrib.menus.form import Form
from cletus.contrib.menus.menu import Menu
from cletus.contrib.menus.table import table

__all__ = ["Form", "Menu", "table"]
