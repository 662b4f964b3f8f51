"""Ask somebody who is logged in for their password: their terminal may be unattended."""

from __future__ import annotations

from math import ceil
from typing import Any

from cletus.contrib.addresses import origin_of
from cletus.contrib.users.hashing import Urgency, queued_as
from cletus.logs.audit import audit
from cletus.text import gettext as _
from cletus.text import ngettext

QUESTION = _("Your present password: ")


async def confirm_password(client: Any, password: str, refusal: str) -> bool:
    """Whether this is the password of a client's user. If not, they are told so.

    Failed tries count as failed logins of that account from that address, so somebody who finds an
    unattended terminal cannot guess for long.

    Args:
        client: somebody is logged in there.
        password: as it was typed.
        refusal: what does not happen then: ``Your password was not changed.``
    """
    user = client.user
    throttle, origin = user.users.throttle, origin_of(client.address)
    wait = throttle.try_login(user.key, origin, familiar=True)
    if wait:
        if wait > 0:
            throttle.leave_line(user.key, origin, familiar=True)
            throttle.succeeded(user.key, origin, familiar=True)
        client.write(
            ngettext(
                "Too many wrong passwords. Try again in {count} second.",
                "Too many wrong passwords. Try again in {count} seconds.",
                ceil(abs(wait)),
            )
        )
        return False
    try:
        with queued_as(Urgency.KNOWN, origin):
            answer = user.check_password(password)
        correct: bool = await answer
    except BaseException:
        throttle.succeeded(user.key, origin, familiar=True)
        raise
    report = throttle.succeeded if correct else throttle.failed
    report(user.key, origin, familiar=True)
    if not correct:
        audit("wrong password", user.key, outcome=refusal)
        client.write(_("Wrong password. {refusal}", refusal=refusal))
    return correct
