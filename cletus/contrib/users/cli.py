"""``cletus user``: manage accounts from the command line, in the running service or without one."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from cletus.contrib.users import admin
from cletus.errors import CletusError, NotRunning
from cletus.ops.control.messages import Request
from cletus.ops.control.running import Running
from cletus.reload.load import apply_settings, load, locate

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

_TIMEOUT: Final = (
    60.0  # seconds that a running service has for an answer; passwords may wait in a queue
)

#: Performs one of ``admin.ACTIONS``: called with its name and its arguments, returns its answer.
Perform = Callable[..., str]

_target = click.argument("target", type=click.Path())
_store = click.option("--store", help="folder or URL of the stores (default: that of TARGET)")
_stdin = click.option("--stdin", is_flag=True, help="read the password from the standard input")


@click.group()
def user() -> None:
    """Create and change accounts of TARGET.

    If the service is running, it makes the change itself, through its control socket.
    """


@user.command()
@_target
@click.argument("name")
@click.option("--role", "roles", multiple=True, help="role to give, such as admin; can be repeated")
@_stdin
@_store
def add(target: str, name: str, roles: tuple[str, ...], stdin: bool, store: str | None) -> None:
    """Create an account, such as that of the first admin."""
    with _performing(target, store) as perform:
        perform("check", name=name, roles=list(roles))  # before a password is asked for
        click.echo(perform("add", name=name, password=_password(stdin), roles=list(roles)))


@user.command()
@_target
@click.argument("name")
@_stdin
@_store
def password(target: str, name: str, stdin: bool, store: str | None) -> None:
    """Give a user a new password."""
    with _performing(target, store) as perform:
        perform("find", name=name)
        click.echo(perform("password", name=name, password=_password(stdin)))


@user.command()
@_target
@click.argument("name")
@click.argument("new")
@_store
def rename(target: str, name: str, new: str, store: str | None) -> None:
    """Give a user another name. They can still log in with the old one."""
    with _performing(target, store) as perform:
        click.echo(perform("rename", name=name, new=new))


@user.command()
@_target
@click.argument("name")
@click.option("--yes", is_flag=True, help="do not ask whether to delete it")
@_store
def delete(target: str, name: str, yes: bool, store: str | None) -> None:
    """Delete an account, and what depends on it, such as its mail. This cannot be undone."""
    with _performing(target, store) as perform:
        found = perform("find", name=name)
        if not yes:
            click.confirm(f"Delete the account of {found}?", abort=True)
        click.echo(perform("delete", name=name))


@user.command("list")
@_target
@_store
def list_(target: str, store: str | None) -> None:
    """List all accounts with their roles, separated by a tab."""
    with _performing(target, store) as perform:
        accounts = perform("list")
        if accounts:
            click.echo(accounts)


@user.command()
@_target
@click.argument("name")
@click.argument("roles", nargs=-1)
@click.option("--remove", multiple=True, help="role to take away; can be repeated")
@_store
def role(
    target: str, name: str, roles: tuple[str, ...], remove: tuple[str, ...], store: str | None
) -> None:
    """Give a user roles or take them away; without ROLES, show those that they have."""
    with _performing(target, store) as perform:
        click.echo(perform("role", name=name, grant=list(roles), revoke=list(remove)))


@user.command()
@_target
@click.argument("whom")
@click.option("--for", "duration", help="such as 30m, 12h, 7d or 2w (default: permanent)")
@click.option("--reason", default="", help="shown to those who are turned away")
@click.option("--remove", is_flag=True, help="end the ban")
@_store
def ban(
    target: str, whom: str, duration: str | None, reason: str, remove: bool, store: str | None
) -> None:
    """Ban a name, an address or a network, such as 192.0.2.0/24."""
    with _performing(target, store) as perform:
        if remove:
            click.echo(perform("unban", whom=whom))
        else:
            click.echo(perform("ban", whom=whom, seconds=_seconds(duration), reason=reason))


@contextmanager
def _performing(target: str, store: str | None) -> Iterator[Perform]:
    """Perform actions in the running service, or else on its store; a ``CletusError`` exits with 2."""
    try:
        running = _running(target, store)
        if running is not None:
            yield partial(_ask, running)
            return
        options = {} if store is None else {"store": store}
        service = load(target, Path.cwd(), partial(apply_settings, options=options))
        try:
            yield lambda action, **arguments: admin.perform(service, action, arguments)
        finally:
            service.session.close()
    except CletusError as error:
        click.echo(f"cletus: {error}", err=True)
        sys.exit(2)


def _running(target: str, store: str | None) -> Running | None:
    try:
        running = Running(target, store, locate)
        running.connect(_TIMEOUT).close()
    except NotRunning:  # or without a control socket: then the lock of its store tells
        return None
    return running


def _ask(running: Running, action: str, **arguments: Any) -> str:
    request = Request("user", running.root, {"action": action, "arguments": arguments})
    with running.connect(_TIMEOUT) as client:
        return str(client.ask(request))


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer


def _seconds(duration: str | None) -> float | None:
    if duration is None:
        return None
    match = re.fullmatch(r"(\d{1,6})([mhdw])", duration)
    if match is None:
        raise click.BadParameter(f"{duration!r} is not a duration such as 30m, 12h, 7d or 2w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])}).total_seconds()
