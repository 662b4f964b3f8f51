"""Checks of commands for ``cletus check`` (entry point group ``cletus.checks``)."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Collection, Iterator
from typing import Final

from cletus.check import Finding, Target, warning
from cletus.check.source_map import of_function
from cletus.contrib.commands.command import Command
from cletus.contrib.commands.registry import CommandRegistry

#: Only a role that grants every permission grants this one.
_ANY_PERMISSION: Final = "\0any"


def check_commands(target: Target) -> Iterator[Finding]:
    """Check all registries that modules of the application hold."""
    granted, some_role_grants_all = _permissions(target)
    for registry in _registries(target):
        for command in registry:
            yield from _hidden_topics(registry, command)
            for permission in command.requires:
                if isinstance(permission, str) and granted is not None:
                    yield from _permission(command, permission, granted, some_role_grants_all)


def _registries(target: Target) -> list[CommandRegistry]:
    if "cletus.contrib.commands" not in sys.modules:
        return []
    registries = {
        id(value): value
        for _, namespace in target.namespaces()
        for value in namespace.values()
        if issubclass(type(value), CommandRegistry)
    }
    return list(registries.values())


def _permissions(target: Target) -> tuple[set[str] | None, bool]:
    """All permissions that a role names, and whether some role grants every permission.

    The set is ``None`` if no store has roles.
    """
    tables = [getattr(store, "ROLES", None) for store in target.service.session.stores.values()]
    roles = {
        role: permissions
        for table in tables
        if isinstance(table, dict)
        for role, permissions in table.items()
    }
    if not roles:
        return None, False
    granted = {permission for permissions in roles.values() for permission in permissions}
    grants_all = any(_ANY_PERMISSION in permissions for permissions in roles.values())
    return granted | roles.keys(), grants_all


def _hidden_topics(registry: CommandRegistry, command: Command) -> Iterator[Finding]:
    if any(requirement is not None for requirement in command.requires):
        return  # those who may not use the command see the topic
    for name in (command.name, *command.aliases):
        if name in registry.topics:
            yield warning(
                "topic-hidden",
                f"the help topic {name!r} is never shown, since a command has the same name",
                "rename the topic, or move its text to the docstring of the command",
                of_function(command.function),
            )


def _permission(
    command: Command, permission: str, granted: Collection[str], some_role_grants_all: bool
) -> Iterator[Finding]:
    """A permission that no role names is fine if a role grants all, unless it looks misspelled."""
    if permission in granted:
        return
    near = difflib.get_close_matches(permission, granted, n=1, cutoff=0.8)
    if near or not some_role_grants_all:
        hint = f"; did you mean {near[0]!r}?" if near else ""
        exception = "except one that grants everything " if some_role_grants_all else ""
        yield warning(
            "permission",
            f"the command {command.name!r} requires the permission {permission!r}, and no role "
            f"{exception}grants it{hint}",
            "add it to ROLES of the class of users",
            of_function(command.function),
        )
