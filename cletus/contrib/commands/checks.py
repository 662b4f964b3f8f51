"""What ``cletus check`` says about commands (entry point group ``cletus.checks``)."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Collection, Iterator
from typing import Final

from cletus.check import Finding, Subject, warning
from cletus.check.source_map import of_function
from cletus.contrib.commands.command import Command
from cletus.contrib.commands.registry import CommandRegistry

#: In what ``ROLES`` gives to a role that may do whatever there is.
_ANYTHING: Final = "\0anything"


def check_commands(subject: Subject) -> Iterator[Finding]:
    """Look through every registry that a module of the application has."""
    named, may_anything = _permissions(subject)
    for registry in _registries(subject):
        for command in registry:
            yield from _hidden_topics(registry, command)
            for permission in command.can:
                if isinstance(permission, str) and named is not None:
                    yield from _permission(command, permission, named, may_anything)


def _registries(subject: Subject) -> list[CommandRegistry]:
    if "cletus.contrib.commands" not in sys.modules:
        return []
    found = {
        id(value): value
        for _, namespace in subject.namespaces()
        for value in namespace.values()
        if isinstance(value, CommandRegistry)
    }
    return list(found.values())


def _permissions(subject: Subject) -> tuple[set[str] | None, bool]:
    """Every permission that a role names, and whether a role grants whatever there is.

    The names are ``None`` where no store has roles.
    """
    all_roles = [getattr(one, "ROLES", None) for one in subject.service.session.stores.values()]
    granted: list[Collection[str]] = [
        permissions
        for roles in all_roles
        if isinstance(roles, dict)
        for permissions in roles.values()
    ]
    if not granted:
        return None, False
    named = {permission for permissions in granted for permission in permissions}
    return named, any(_ANYTHING in permissions for permissions in granted)


def _hidden_topics(registry: CommandRegistry, command: Command) -> Iterator[Finding]:
    if any(can is not None for can in command.can):
        return  # those who may not use the command are shown the topic
    for name in (command.name, *command.aliases):
        if name in registry.topics:
            yield warning(
                "topic-hidden",
                f"the help topic {name!r} is never shown, since a command is called so",
                "give the topic another name, or say it in the docstring of the command",
                of_function(command.function),
            )


def _permission(
    command: Command, permission: str, named: Collection[str], may_anything: bool
) -> Iterator[Finding]:
    """A role may be meant to have it by being granted everything; but a near miss is none."""
    if permission in named:
        return
    near = difflib.get_close_matches(permission, named, n=1, cutoff=0.8)
    if near or not may_anything:
        hint = f"; did you mean {near[0]!r}?" if near else ""
        whom = "but one that grants everything " if may_anything else ""
        yield warning(
            "permission",
            f"the command {command.name!r} asks for the permission {permission!r}, and no role {whom}"
            f"grants it{hint}",
            "name it in ROLES of the class of users",
            of_function(command.function),
        )
