"""The audit log: who did what to whom, from where, and with which outcome.

Its lines have the namespace ``cletus.audit``; so ``log_levels`` can select them, and a collector can keep
them apart. They never contain a password.
"""

from __future__ import annotations

from typing import Final

from twisted.logger import Logger

from cletus.logs import context

NAMESPACE: Final = "cletus.audit"

_log = Logger(NAMESPACE)


def audit(action: str, target: object = "", *, actor: object = "", outcome: str = "") -> None:
    """Write a line to the audit log.

    Args:
        action: such as ``wrong password``. Lines with the same action are of one kind, for the limit of
            lines that clients cause.
        target: to whom or what it was done.
        actor: who did it, if no client is being handled; otherwise it is that client, and its user.
        outcome: what came of it.
    """
    present = context.fields()
    if present.get("client"):
        user = present.get("user")
        actor = f"{user} at {present['client']}" if user else present["client"]
    text = f"{action}: {target}" if target else action
    text += f", by {actor}" if actor else ""
    text += f": {outcome}" if outcome else ""
    _log.info(
        "{text}", text=text, code=action, target=str(target), actor=str(actor), outcome=outcome
    )
