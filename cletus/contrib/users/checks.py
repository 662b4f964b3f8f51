"""Checks of accounts for ``cletus check`` (entry point group ``cletus.checks``)."""

from __future__ import annotations

from collections.abc import Iterator

from cletus.check import Finding, Target, error, warning
from cletus.contrib.users.account import BaseAccount
from cletus.contrib.users.admin import users_of
from cletus.contrib.users.login import LoginDialogue
from cletus.contrib.users.mixins import SeenMixin
from cletus.contrib.users.password import PasswordMixin
from cletus.contrib.users.presence import PresenceMixin
from cletus.errors import NoUsers

_REQUIRED = (PasswordMixin, SeenMixin, PresenceMixin)


def check_users(target: Target) -> Iterator[Finding]:
    """Check that people can log in to the accounts of the application."""
    try:
        users = users_of(target.service)
    except NoUsers:
        for store_cls in target.stores():
            if issubclass(store_cls, BaseAccount):
                yield warning(
                    "no-login",
                    f"nobody can log in: {store_cls.__name__} is a store of accounts, but there is no Users",
                    f"add: users = Users(service, {store_cls.__name__})",
                    target.source_map.of_class(store_cls),
                )
        return
    missing = [mixin.__name__ for mixin in _REQUIRED if not issubclass(users.user, mixin)]
    if missing and type(users.login_dialogue()) is LoginDialogue:
        yield error(
            "user-mixin",
            f"{users.user.__name__} lacks {', '.join(missing)}, which the login dialogue needs",
            "derive it from BaseAccount, or from these mixins too",
            target.source_map.of_class(users.user),
        )
