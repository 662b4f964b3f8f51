"""What only some may do. ``cletus user role example_service ann admin``."""

from datetime import timedelta

from cletus import Client
from cletus.contrib.announce import (
    BaseShutdown,
    announce_reloads,
    reload,
    rollback,
)
from cletus.contrib.commands import Refused, Rest
from cletus.contrib.users import has_permission
from cletus.events import Receive
from cletus.storage import TempStoreMixin
from cletus.text import style

from example_service.commands import admin, keeping
from example_service.core import service
from example_service.login import users
from example_service.users import User, tell_everyone

admin.register(reload)
admin.register(rollback)


class Shutdown(TempStoreMixin, BaseShutdown):
    """The end of the evening."""

    service = service

    def announce(self, text: str) -> None:
        """Strangers at the door are not told."""
        tell_everyone(text)


def is_developer(client: Client) -> bool:
    """Who is told of every reload."""
    return has_permission(client.user, "reload")


announce_reloads(service, is_developer)


@admin.register(in_full=True)
def shutdown(_: Receive, when: timedelta, why: Rest = "") -> None:
    """Close the place after a while: .shutdown in 5m a new kernel."""
    planned = Shutdown.manager.get("planned") or Shutdown("planned")
    planned.start(when.total_seconds(), why)


@admin.register
def stay(_: Receive) -> None:
    """Do not close it after all."""
    planned = Shutdown.manager.get("planned")
    if planned is None or not planned.cancel():
        raise Refused("Nobody wants to close it.")


@admin.register
def role(event: Receive, somebody: User, name: str) -> None:
    """Give somebody a role, or take it: .role ann keeper."""
    if name in somebody.roles:
        somebody.revoke(name)
    else:
        somebody.grant(name)
    somebody.save_when_possible()
    roles = ", ".join(sorted(somebody.roles)) or "none"
    event.user.write(f"Roles of {somebody}: {roles}.")


@keeping.register(requires="announce")
def announce(_: Receive, text: Rest) -> None:
    """Tell everybody something."""
    tell_everyone(style("[bold]*** {text} ***[/]", text=text))


@keeping.register(requires="ban")
def ban(
    event: Receive, whom: str, how_long: timedelta, reason: Rest = ""
) -> None:
    """Keep a name or an address out: .ban bob 7d shouting."""
    made = users.ban(whom, duration=how_long, by=event.user.key, reason=reason)
    event.user.write(f"{made.target} is banned.")


@keeping.register(requires="ban")
def unban(event: Receive, whom: str) -> None:
    """Let a name or an address in again."""
    done = users.bans.unban(whom)
    event.user.write(f"{whom} is {'no longer' if done else 'not'} banned.")
