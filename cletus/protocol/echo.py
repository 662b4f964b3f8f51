"""ECHO (RFC 857), used to hide what a person types, and for the character mode of terminals.

A server that says WILL ECHO promises to show what is typed, and the client stops showing it. We
promise and then show nothing, as every service that asks for a password does. So the option is on only
while input is hidden: MUD clients understand WILL ECHO as "type a password", and a client that asks us
to echo for good (PuTTY does) is refused.
"""

from __future__ import annotations

from collections.abc import Callable

from cletus.protocol.options import Option, Options, Side
from cletus.protocol.telnet import IAC, Verb


class Echo(Option):
    """The option: only we switch it on.

    Args:
        switched: called when it was switched on or off. Returns what to send then.
    """

    code = 1

    __slots__ = ("_switched",)

    def __init__(self, switched: Callable[[], bytes] = bytes) -> None:
        self._switched = switched

    def switched(self, side: Side, on: bool) -> bytes:
        """It may be a part of character mode."""
        return self._switched()


def hide_input(options: Options, hidden: bool) -> bytes:
    """What to send so that the client stops (or goes on) showing what is typed; often nothing.

    Nothing waits for the answer, since many clients never give one.
    """
    return options.insist(Side.LOCAL, Echo.code, hidden)


def repeat(hidden: bool) -> bytes:
    """What to send to a client that may not have received the latest of ``hide_input``.

    A client that has received it ignores this (RFC 854: a request for what is in effect is not answered).
    """
    return bytes((IAC, Verb.WILL if hidden else Verb.WONT, Echo.code))
