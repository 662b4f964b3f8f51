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
from cletus.contrib.moderation import register_commands, report
from cletus.contrib.users import ADMIN, has_permission, save_for
from cletus.events import Receive
from cletus.storage import TempStoreMixin
from cletus.text import style

from example_service.commands import admin, keeping, people
from example_service.core import service
from example_service.login import users
from example_service.users import User, tell_everyone

register_commands(
    keeping, names={"kick": "boot"}, leave_out=("jail", "release")
)
people.register(report, cooldown=30)
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
    save_for(user, event.user)
    roles = ", ".join(sorted(user.roles)) or "none"
    event.user.write(f"Roles of {user}: {roles}.")


@keeping.register(requires="announce")
def announce(_: Receive, text: Rest) -> None:
    """Tell everybody something."""
    tell_everyone(style("[bold]*** {text} ***[/]", text=text))
