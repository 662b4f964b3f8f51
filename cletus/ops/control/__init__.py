"""A running service answers its operators: ``cletus status|who|reload|rollback|shutdown|shell``.

They talk through a Unix socket in the store folder, which only the owner of the folder can open.
``messages.py`` is what is said, ``place.py`` where, ``commands.py`` what can be asked for.
"""

from cletus.ops.control.server import control_of

__all__ = ["control_of"]
