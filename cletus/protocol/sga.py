"""SUPPRESS GO AHEAD (RFC 858): no GA after what we say.

Either side may have it at any time; it costs nothing. A peer for which we suppress GA gets no GA
after prompts. We never ask for it: clients of MUDs refuse it (Mudlet: "line mode only"), and with
ECHO it would put terminals in character mode for good.
"""

from __future__ import annotations

from cletus.protocol.options import Option, Side


class SuppressGoAhead(Option):
    """The option as the negotiation knows it: whoever wants it has it."""

    code = 3
    accepts = frozenset(Side)
