"""A dialogue in which a user changes their password: ``client.start_dialogue(ChangePassword())``."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from cletus.client.dialogue import Dialogue, step
from cletus.contrib.addresses import origin_of
from cletus.contrib.saving import save_for
from cletus.contrib.users.confirm_password import QUESTION, confirm_password
from cletus.contrib.users.hashing import Urgency, hash_password, queued_as
from cletus.contrib.users.password import check_new_password, matches
from cletus.logs.audit import audit
from cletus.storage import Field
from cletus.text import gettext as _


class ChangePassword(Dialogue):
    """Asks the user of its client for the current password, and for a new one twice.

    Its result is whether the password was changed.

    Attributes:
        hashed: the hash of the new password, until it has been repeated.
    """

    hashed: Field[str] = Field("")

    @step(QUESTION, hidden=True)
    async def ask_old(self, line: str) -> Any:
        """The current password."""
        if self.client.user is None:
            return self.done(False)
        confirmed = confirm_password(self.client, line, _("Your password was not changed."))
        return self.ask_new if await confirmed else self.done(False)

    @step(_("Choose a new one: "), hidden=True)
    async def ask_new(self, line: str) -> Any:
        """The new password; asked again if it is refused."""
        service, user = self.client.service, self.client.user
        name = "" if user is None else str(user)
        password = check_new_password(line, name=name, line_max=service.settings.line_max)
        with queued_as(Urgency.KNOWN, origin_of(self.client.address)):
            hashed = hash_password(service, password)
        self.hashed = await hashed
        return self.ask_again

    @step(_("Type it again, to be sure: "), hidden=True)
    async def ask_again(self, line: str) -> Any:
        """The new password again."""
        user = self.client.user
        with queued_as(Urgency.KNOWN, origin_of(self.client.address)):
            is_same = Deferred.fromCoroutine(matches(self.client.service, self.hashed, line))
        if not await is_same or user is None:
            self.client.write(_("The passwords differ. Your password was not changed."))
            return self.done(False)
        user.password, self.hashed = self.hashed, ""
        audit("password changed", user.key)
        if await save_for(user, user):
            self.client.write(_("Your password has been changed."))
        return self.done(True)
