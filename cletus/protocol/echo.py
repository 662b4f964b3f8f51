"""ECHO (RFC 857), for one purpose: what a person types now is not to be shown.

A server that says WILL ECHO promises to show what is typed; the client stops showing it itself.
We promise and then show nothing, as every service that asks for a password does. So the option is
on only while input is hidden: clients of MUDs take WILL ECHO for "a password is asked for", and a
client that asks us to echo for good (PuTTY does) is refused.
"""

from __future__ import annotations

from cletus.protocol.options import Option, Options, Side


class Echo(Option):
    """The option as the negotiation knows it: only we switch it."""

    code = 1


def hide_input(options: Options, hidden: bool) -> bytes:
    """What to send so that the client stops (or goes on) showing what is typed; often nothing.

    Nothing waits for the answer: many clients never give one.
    """
    return options.insist(Side.LOCAL, Echo.code, hidden)
