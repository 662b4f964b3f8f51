"""The control socket, for operators: ``cletus status|who|reload|rollback|shutdown|shell``.

It is a Unix socket in the store folder that only the owner of the folder can open (``socket_path``).
``server`` and ``protocol`` are the side of the service, ``client`` is the other one; ``messages`` is what
they send, ``commands`` and ``shell`` what can be asked for. ``discovery`` finds running services.
"""

from cletus.ops.control.server import control_of

__all__ = ["control_of"]
