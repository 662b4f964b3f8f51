"""Passwords: what may be one, and a store's field for the hash of one."""

from __future__ import annotations

import unicodedata
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cletus.contrib.users.hashing import hash_password, is_outdated, verify
from cletus.errors import PasswordRefused
from cletus.storage import Field

#: Characters at the least (NIST SP 800-63B).
SHORTEST = 8

#: Bytes of UTF-8 at the most: far more than anybody remembers, and a line's worth. Longer ones are
#: refused, never cut.
LONGEST = 1024

#: Different characters at the least; our choice. It refuses ``aaaaaaaa`` and ``12121212``.
DIFFERENT = 4

log = Logger()


def check_new_password(password: str, *, name: str = "", line_max: int = 0) -> str:
    """A password in the form in which it is hashed, if it may be one.

    Args:
        password: as it was typed.
        name: of its owner; it is no password.
        line_max: the longest line that the door takes, in bytes: what is as long may have been cut.

    Raises:
        PasswordRefused: it may not; the message says why and does not contain it.
    """
    password = composed(password)
    size = len(password.encode("utf-8", "surrogatepass"))
    longest = min(LONGEST, line_max - 1 if line_max else LONGEST)
    if size > longest or not is_possible(password):
        raise PasswordRefused(f"That is too long: {longest} bytes at most.")
    if len(password) < SHORTEST:
        raise PasswordRefused(f"That is too short: {SHORTEST} characters at least, please.")
    if password.casefold() == name.casefold() or len(set(password)) < DIFFERENT:
        raise PasswordRefused("That is too easy to guess.")
    return password


def composed(password: str) -> str:
    """The password in one form, whichever way a keyboard composed its letters."""
    return unicodedata.normalize("NFC", password)


class PasswordMixin:
    """Gives a store a password. Only its hash is ever kept.

    Attributes:
        password: the hash, or ``None`` for somebody who cannot log in.
    """

    service: ClassVar[Any]
    password: Field[str | None] = Field(type=str, secret=True)

    def set_password(self, password: str) -> Deferred[None]:
        """Replace the password; fires when its hash is in the field. Saving is the caller's.

        Args:
            password: in clear; it is not kept. Whether it is a good one is not asked here:
                ``check_new_password`` does.

        Raises:
            PasswordRefused: through the Deferred: it is longer than passwords can be.
            PasswordsBusy: through the Deferred: too many wait to be hashed.
        """
        return Deferred.fromCoroutine(self._set_password(password))

    def check_password(self, password: str) -> Deferred[bool]:
        """Whether this is the password; fires with the answer.

        Someone without a password has none that fits. It takes as long as for all others, so that
        the time tells nobody who has one. A hash that fits and was made with parameters that are out
        of date is made anew soon after, and saved.

        Raises:
            PasswordsBusy: through the Deferred: too many wait to be hashed.
        """
        return Deferred.fromCoroutine(self._check_password(password))

    async def _set_password(self, password: str) -> None:
        if not is_possible(password):
            raise PasswordRefused(f"That is too long: {LONGEST} bytes at most.")
        self.password = await hash_password(self.service, composed(password))

    async def _check_password(self, password: str) -> bool:
        hashed = self.password
        if not await fits(self.service, hashed, password):
            return False
        if hashed is not None and is_outdated(hashed):
            Deferred.fromCoroutine(self._rehash(hashed, password)).addErrback(self._not_rehashed)
        return True

    async def _rehash(self, before: str, password: str) -> None:
        hashed = await hash_password(self.service, composed(password))
        if self.password == before:  # else it was changed meanwhile
            self.password = hashed
            save_soon: Any = getattr(self, "save_soon", None)
            if save_soon is not None:
                await save_soon()

    def _not_rehashed(self, failure: Any) -> None:
        """The old hash is as good as it was; the next login tries again."""
        log.warn("{who} keeps an old hash: {why}", who=repr(self), why=failure.getErrorMessage())


def is_possible(password: str) -> bool:
    """Whether it can be anybody's password; what cannot is not hashed."""
    try:
        return len(composed(password).encode()) <= LONGEST
    except UnicodeEncodeError:
        return False  # half a surrogate pair, which no door lets through


async def fits(service: Any, hashed: str | None, password: str) -> bool:
    """Whether this is the password of a hash; ``None`` for somebody who has no password.

    Raises:
        PasswordsBusy: too many wait to be hashed.
    """
    password = composed(password)
    if not is_possible(password):
        hashed, password = None, ""  # it is nobody's; that takes as long as any other wrong one
    return await verify(service, hashed, password)
