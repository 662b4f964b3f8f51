"""``cletus user``: manage accounts from the command line, while the service is stopped."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import click

from cletus.contrib.users import admin
from cletus.contrib.users.users import Users
from cletus.errors import CletusError
from cletus.reload.load import apply_settings, load

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

_target = click.argument("target")
_store = click.option("--store", help="folder or URL of the stores (default: that of TARGET)")
_stdin = click.option("--stdin", is_flag=True, help="read the password from the standard input")


@click.group()
def user() -> None:
    """Create and change accounts of TARGET while it is not running."""


@user.command()
@_target
@click.argument("name")
@click.option("--role", "roles", multiple=True, help="role to give, such as admin; can be repeated")
@_stdin
@_store
def add(target: str, name: str, roles: tuple[str, ...], stdin: bool, store: str | None) -> None:
    """Create an account, such as that of the first admin."""
    with _opened(target, store) as users:
        admin.check_account(users, name, roles)  # before a password is asked for
        added = admin.add_user(users, name, _password(stdin), roles)
        click.echo(f"{added} has an account{_as(roles)}.")


@user.command()
@_target
@click.argument("name")
@_stdin
@_store
def password(target: str, name: str, stdin: bool, store: str | None) -> None:
    """Give a user a new password."""
    with _opened(target, store) as users:
        admin.find_user(users, name)
        changed = admin.set_password(users, name, _password(stdin))
        click.echo(f"{changed} has a new password.")


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
    with _opened(target, store) as users:
        changed = admin.change_roles(users, name, roles, remove)
        click.echo(f"{changed}: {', '.join(sorted(changed.roles)) or 'no roles'}")


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
    with _opened(target, store) as users:
        if remove:
            was_banned = users.bans.unban(whom)
            click.echo(f"{whom} is {'no longer' if was_banned else 'not'} banned.")
            return
        new = admin.ban(users, whom, _duration(duration), reason)
        until = "permanently" if new.until is None else f"until {new.until:%Y-%m-%d %H:%M} UTC"
        click.echo(f"{new.target} is banned {until}.")


@contextmanager
def _opened(target: str, store: str | None) -> Iterator[Users]:
    """The users of a target, with its store open; a ``CletusError`` is printed and exits with 2."""
    try:
        options = {} if store is None else {"store": store}
        service = load(target, Path.cwd(), partial(apply_settings, options=options))
        try:
            yield admin.users_of(service)
        finally:
            service.session.close()
    except CletusError as error:
        click.echo(f"cletus: {error}", err=True)
        sys.exit(2)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer


def _duration(text: str | None) -> timedelta | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if match is None:
        raise click.BadParameter(f"{text!r} is not a duration such as 30m, 12h, 7d or 2w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _as(roles: tuple[str, ...]) -> str:
    return f" as {', '.join(roles)}" if roles else ""
