"""Passwords: rules for new ones, and a mixin that stores the hash of one."""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib.resources import files
from string import digits, punctuation
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cletus.contrib.users.hashing import hash_password, is_outdated, verify
from cletus.errors import PasswordRefused
from cletus.storage import Field
from cletus.text import gettext as _

#: Minimum length in characters (NIST SP 800-63B).
SHORTEST = 8

#: Maximum length in bytes of UTF-8. Longer passwords are refused, never cut.
LONGEST = 1024

#: Minimum number of different characters; our choice. It refuses ``aaaaaaaa`` and ``12121212``.
DIFFERENT = 4

log = Logger()


def check_new_password(password: str, *, name: str = "", line_max: int = 0) -> str:
    """Check a new password, and return it. It is hashed as it was typed.

    Args:
        password: as it was typed.
        name: of its owner; it may not be their password, nor with digits or signs around it, nor twice.
        line_max: the longest line that the door accepts, in bytes: a longer one may have been cut.

    Raises:
        PasswordRefused: the message says why, and does not contain the password.
    """
    try:
        size = len(password.encode())
    except UnicodeEncodeError:  # of half a surrogate pair, such as a byte that is not UTF-8 becomes
        raise PasswordRefused(_("That password contains characters that are not UTF-8.")) from None
    longest = min(LONGEST, line_max - 1 if line_max else LONGEST)
    if size > longest:
        raise PasswordRefused(
            _("That password is too long: it can have at most {longest} bytes.", longest=longest)
        )
    letters = composed(password)
    if len(letters) < SHORTEST:
        raise PasswordRefused(
            _(
                "That password is too short: it must have at least {shortest} characters.",
                shortest=SHORTEST,
            )
        )
    if is_name(letters, name) or len(set(letters)) < DIFFERENT:
        raise PasswordRefused(_("That password is too easy to guess."))
    if is_common(letters):
        raise PasswordRefused(
            _("That password is too easy to guess: it is on lists of common ones.")
        )
    return password


def is_name(password: str, name: str) -> bool:
    """Whether a password is nothing but a name, digits and signs."""
    folded, own = password.casefold(), name.casefold()
    return bool(own) and own in folded and not folded.replace(own, "").strip(digits + punctuation)


def is_common(password: str) -> bool:
    """Whether a password is one of the most common in leaks, also with digits or signs at its end."""
    folded = password.casefold()
    return not _common().isdisjoint({folded, folded.rstrip(digits + punctuation)})


@cache
def _common() -> frozenset[str]:
    text = (files("cletus.contrib.users") / "common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.split("\n") if not line.startswith("#")) - {""}


def composed(password: str) -> str:
    """The password in Unicode's composed form: what it looks like, however it was typed."""
    return unicodedata.normalize("NFC", password)


class PasswordMixin:
    """Gives a user a password. Only its hash is kept.

    Attributes:
        password: the hash, or ``None`` if they cannot log in.
    """

    service: ClassVar[Any]
    password: Field[str | None] = Field(type=str, secret=True)

    def set_password(self, password: str) -> Deferred[None]:
        """Replace the password; fires when its hash is in the field. The caller saves.

        Args:
            password: in clear; it is not kept. Call ``check_new_password`` first to check its
                quality.

        Raises:
            PasswordRefused: through the Deferred: it is too long.
            PasswordsBusy: through the Deferred: too many passwords are waiting to be hashed.
        """
        return Deferred.fromCoroutine(self._set_password(password))

    def check_password(self, password: str) -> Deferred[bool]:
        """Whether this is the password; fires with the answer.

        If they have no password, the answer is false and takes as long as any other, so that the
        time does not tell. If the password is correct and its hash was made with outdated
        parameters, it is hashed again soon after, and saved.

        Raises:
            PasswordsBusy: through the Deferred: too many passwords are waiting to be hashed.
        """
        return Deferred.fromCoroutine(self._check_password(password))

    async def _set_password(self, password: str) -> None:
        if not is_possible(password):
            raise PasswordRefused(
                _(
                    "That password is too long: it can have at most {longest} bytes.",
                    longest=LONGEST,
                )
            )
        self.password = await hash_password(self.service, password)

    async def _check_password(self, password: str) -> bool:
        hashed = self.password
        if not await matches(self.service, hashed, password):
            return False
        if hashed is not None and is_outdated(hashed):
            Deferred.fromCoroutine(self._rehash(hashed, password)).addErrback(self._not_rehashed)
        return True

    async def _rehash(self, before: str, password: str) -> None:
        hashed = await hash_password(self.service, password)
        if self.password == before:  # otherwise it was changed meanwhile
            self.password = hashed
            save_soon: Any = getattr(self, "save_soon", None)
            if save_soon is not None:
                await save_soon()

    def _not_rehashed(self, failure: Any) -> None:
        """The old hash still works; the next login tries again."""
        reason = failure.getErrorMessage()
        log.warn("{user} was not rehashed: {reason}", user=repr(self), reason=reason)


def is_possible(password: str) -> bool:
    """Whether it is short enough to be somebody's password; otherwise it is not hashed."""
    try:
        return len(password.encode()) <= LONGEST
    except UnicodeEncodeError:
        return False  # half a surrogate pair, which doors never pass on


async def matches(service: Any, hashed: str | None, password: str) -> bool:
    """Whether a password matches a hash; ``None`` matches no password.

    Raises:
        PasswordsBusy: too many passwords are waiting to be hashed.
    """
    if not is_possible(password):
        hashed, password = None, ""  # takes as long as any other wrong password
    if await verify(service, hashed, password):
        return True
    former = composed(password)  # what was hashed by former versions
    return former != password and await verify(service, hashed, former)
