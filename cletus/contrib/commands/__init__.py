"""Commands: functions whose signatures declare what people can type. See ``docs/contrib/commands.md``."""

from cletus.contrib.commands.aliases import AliasesMixin, edit_aliases
from cletus.contrib.commands.command import Command, CooldownsMixin, Requirement
from cletus.contrib.commands.converters import Converter, choose, here, online
from cletus.contrib.commands.events import CommandFailed
from cletus.contrib.commands.registry import CommandRegistry, Group
from cletus.contrib.commands.signature import Rest, take_word
from cletus.contrib.language import parse_duration, say_duration
from cletus.errors import CommandDeclarationError, CommandError, Refused
from cletus.renamed import names_of

__all__ = [
    "AliasesMixin",
    "Command",
    "CommandDeclarationError",
    "CommandError",
    "CommandFailed",
    "CommandRegistry",
    "Converter",
    "CooldownsMixin",
    "Group",
    "Refused",
    "Requirement",
    "Rest",
    "choose",
    "edit_aliases",
    "here",
    "online",
    "parse_duration",
    "say_duration",
    "take_word",
]

__getattr__ = names_of(__name__)
