"""Commands: functions whose signatures say what people may type. See ``docs/contrib/commands.md``."""

from cletus.contrib.commands.command import Can, Command, CooldownsMixin
from cletus.contrib.commands.converters import Converter, choose, online
from cletus.contrib.commands.registry import CommandRegistry, Group
from cletus.contrib.commands.signature import Rest, take_word
from cletus.contrib.language import parse_duration, say_duration
from cletus.errors import CommandDeclarationError, CommandError, Refused

__all__ = [
    "Can",
    "Command",
    "CommandDeclarationError",
    "CommandError",
    "CommandRegistry",
    "Converter",
    "CooldownsMixin",
    "Group",
    "Refused",
    "Rest",
    "choose",
    "online",
    "parse_duration",
    "say_duration",
    "take_word",
]
