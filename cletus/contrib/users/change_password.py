"""Changing one's password, with the old one asked first.

client.begin(ChangePassword())
"""

from __future__ import annotations

from math import ceil
from typing import Any

from cletus.client.dialogue import Dialogue, step
from cletus.contrib.users.addresses import origin_of
from cletus.contrib.users.hashing import hash_password
from cletus.contrib.users.password import check_new_password, fits
from cletus.storage import Field


class ChangePassword(Dialogue):
    """Asks the user of its client for their old password and for a new one, twice.

    Its result is whether the password was changed. Failed tries count as failed logins of that account
    at that address: someone who finds another's terminal unattended cannot guess for long.

    Attributes:
        hashed: the hash of the new one, until it has been typed again.
    """

    hashed: Field[str] = Field("")

    @step("Your present password: ", hidden=True)
    async def ask_old(self, line: str) -> Any:
        """They have given the old one."""
        client, user = self.client, self.client.user
        if user is None:
            return self.done(False)
        throttle, origin = user.users.throttle, origin_of(client.address)
        wait = throttle.try_login(user.key, origin, familiar=True)
        if wait:
            client.write(f"There were too many wrong ones. Try again in {ceil(abs(wait))} seconds.")
            return self.done(False)
        if not await user.check_password(line):
            client.write("That is not your password; it stays as it is.")
            return self.done(False)
        throttle.forgive(user.key, origin, familiar=True)
        return self.ask_new

    @step("A new one: ", hidden=True)
    async def ask_new(self, line: str) -> Any:
        """They have chosen a new one; ``Refused`` has them choose again."""
        service, user = self.client.service, self.client.user
        name = "" if user is None else str(user)
        password = check_new_password(line, name=name, line_max=service.settings.line_max)
        self.hashed = await hash_password(service, password)
        return self.ask_again

    @step("The same again, to be sure: ", hidden=True)
    async def ask_again(self, line: str) -> Any:
        """They have repeated it."""
        user = self.client.user
        if user is None or not await fits(self.client.service, self.hashed, line):
            self.client.write("Those were different; your password stays as it is.")
            return self.done(False)
        user.password, self.hashed = self.hashed, ""
        await user.save_soon()
        self.client.write("Your password is changed.")
        return self.done(True)
