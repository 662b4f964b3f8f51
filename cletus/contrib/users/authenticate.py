"""Answers doors that ask who somebody is before they are a client (SSH), and checks passwords.

The same throttle holds at all doors. Bans are told later, by the login, to those who have come in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from cletus.contrib.addresses import origin_of
from cletus.contrib.users.hashing import Urgency, queued_as
from cletus.contrib.users.password import matches
from cletus.errors import InvalidKey, PasswordsBusy
from cletus.logs.audit import audit
from cletus.storage.keys import normalise

if TYPE_CHECKING:
    from cletus.contrib.users.interfaces import Accounts
    from cletus.events import Authenticate


async def authenticate(users: Accounts, event: Authenticate, *, registration: bool) -> None:
    """Accept or refuse a name with what proves it. A name without an account gets no answer.

    Args:
        users: whose accounts these are.
        event: it gets the answer.
        registration: whether people can create accounts. If not, nobody is told which accounts exist.
    """
    account = users.user.manager.peek(event.name)
    if account is None and (registration or _is_guest(users, event.name)):
        return
    if event.method == "password":
        if await _is_password(users, account, event):
            event.accept()
            return
    elif event.method == "publickey" and account is not None:
        has_key = getattr(account, "has_ssh_key", None)
        if has_key is not None and has_key(event.secret):
            event.accept()
            return
    event.refuse()


async def check_password(
    users: Accounts, service: Any, account: Any, key: str, origin: str, password: str
) -> bool:
    """Whether this is the password of an account. The throttle has allowed the try, and is told.

    Args:
        users: whose accounts these are.
        service: it has the threads that hash.
        account: ``None`` if there is none of that name, which takes as long.
        key: its key, or the one that it would have.
        origin: as ``addresses.origin_of`` returns it.
        password: as it was typed.

    Raises:
        PasswordsBusy: too many passwords are waiting to be hashed; the try is not counted.
    """
    throttle = users.throttle
    familiar = account is not None and account.has_logged_in_from(origin)
    urgency = Urgency.KNOWN if familiar else Urgency.LOGIN
    try:
        with queued_as(urgency, origin):
            if account is None:
                answer = Deferred.fromCoroutine(matches(service, None, password))
            else:
                answer = account.check_password(password)
        correct = await answer
    except BaseException as error:
        # Not checked, or they did not wait: leaving before the answer counts as a guess.
        report = throttle.succeeded if isinstance(error, PasswordsBusy) else throttle.failed
        report(key, origin, familiar=familiar)
        raise
    report = throttle.succeeded if correct else throttle.failed
    report(key, origin, familiar=familiar)
    if not correct:
        audit("wrong password", key)
    return bool(correct)


async def _is_password(users: Accounts, account: Any, event: Authenticate) -> bool:
    """As ``check_password``, after the time that the throttle asks for; false if that is too long."""
    key, origin = _key_of(account, event.name), origin_of(event.address)
    familiar = account is not None and account.has_logged_in_from(origin)
    wait = users.throttle.try_login(key, origin, familiar=familiar)
    if wait < 0:
        return False
    if wait:
        await event.service.sleep(wait)
    try:
        return await check_password(users, event.service, account, key, origin, event.secret)
    except PasswordsBusy:
        return False


def _key_of(account: Any, name: str) -> str:
    if account is not None:
        return str(account.key)
    try:
        return normalise(name.strip())
    except InvalidKey:
        return "?"


def _is_guest(users: Accounts, name: str) -> bool:
    return name.lower() == "guest" and users.guest is not None
