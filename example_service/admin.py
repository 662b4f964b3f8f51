"""Commands for keepers and admins.

``cletus user role example_service ann admin`` makes ann an admin.
"""

from datetime import timedelta

from cletus import Client
from cletus.contrib.announce import (
    BaseShutdown,
    announce_reloads,
    reload,
    restart,
    rollback,
)
from cletus.contrib.commands import Refused, Rest
from cletus.contrib.users import ADMIN, has_permission
from cletus.events import Receive
from cletus.storage import TempStoreMixin
from cletus.text import style

from example_service.commands import admin, keeping
from example_service.core import service
from example_service.login import users
from example_service.users import User, tell_everyone

SHORT = timedelta(minutes=10)
admin.register(reload)
admin.register(restart, in_full=True)
admin.register(rollback)


class Shutdown(TempStoreMixin, BaseShutdown):
    """A planned shutdown."""

    service = service

    def announce(self, text: str) -> None:
        """Tell everybody who is logged in."""
        tell_everyone(text)


def is_developer(client: Client) -> bool:
    """Whether somebody gets the report of every reload."""
    return has_permission(client.user, "reload")


announce_reloads(service, is_developer)


@admin.register(in_full=True)
def shutdown(_: Receive, when: timedelta, reason: Rest = "") -> None:
    """Shut down after a while: .shutdown in 5m a new kernel."""
    planned = Shutdown.manager.get("planned") or Shutdown("planned")
    planned.start(when.total_seconds(), reason)


@admin.register
def cancel(_: Receive) -> None:
    """Cancel the planned shutdown."""
    planned = Shutdown.manager.get("planned")
    if planned is None or not planned.cancel():
        raise Refused("No shutdown is planned.")


@admin.register
def role(event: Receive, user: User, name: str) -> None:
    """Give somebody a role, or take it away: .role ann keeper."""
    users.check_rank(user, event.user)
    if name in user.roles:
        if name == ADMIN:
            users.check_not_only_admin(user)
        user.revoke(name)
    else:
        user.grant(name)
    user.save_when_possible()
    roles = ", ".join(sorted(user.roles)) or "none"
    event.user.write(f"Roles of {user}: {roles}.")


@keeping.register(requires="announce")
def announce(_: Receive, text: Rest) -> None:
    """Tell everybody something."""
    tell_everyone(style("[bold]*** {text} ***[/]", text=text))


@keeping.register(requires="ban")
def ban(
    event: Receive, whom: str, duration: timedelta, reason: Rest = ""
) -> None:
    """Ban a name or an address: .ban bob 7d shouting."""
    new = users.ban(whom, duration=duration, by=event.user.key, reason=reason)
    event.user.write(f"{new.target} is banned.")


@keeping.register(requires="ban")
def unban(event: Receive, whom: str) -> None:
    """End the ban of a name or an address."""
    word = "no longer" if users.bans.unban(whom) else "not"
    event.user.write(f"{whom} is {word} banned.")


@keeping.register(requires="ban")
def hush(
    event: Receive, user: User, duration: timedelta = SHORT, reason: Rest = ""
) -> None:
    """Silence somebody: .hush bob 10m shouting. Guests: all of an address."""
    users.hush(user, duration=duration, by=event.user.key, reason=reason)
    event.user.write(f"{user} is hushed.")


@keeping.register(requires="ban")
def unhush(event: Receive, user: User) -> None:
    """Let somebody speak again."""
    word = "no longer" if users.unhush(user) else "not"
    event.user.write(f"{user} is {word} hushed.")
