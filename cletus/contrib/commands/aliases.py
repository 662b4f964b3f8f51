"""Personal aliases: a user's own short words for commands, with arguments: ``gg = give $1 gold``.

An alias becomes one command line before that is looked up. So it can do nothing that its user could not type,
and the audit log has the command. The name of a command always means the command.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from cletus.contrib.commands.signature import take_word
from cletus.errors import Refused
from cletus.storage import Field
from cletus.text import gettext as _
from cletus.text import ngettext

#: Aliases that lead to one another. Our choice.
DEPTH_MAX: Final = 5
#: Characters of a line that an alias becomes. Our choice.
LINE_MAX: Final = 1000

_NAME = re.compile(r"[^\W\d_][\w-]{0,19}")
_ARGUMENT = re.compile(r"\$([1-9*$])")


class AliasesMixin:
    """Gives a user aliases for commands.

    Attributes:
        command_aliases: name of the alias to the command line that it stands for. In it, ``$1`` to ``$9`` are
            words that follow the alias, ``$*`` is all that follows, and ``$$`` is a dollar sign. Without any
            of these, what follows is added at the end.
    """

    #: How many aliases a user may have. Our choice.
    aliases_max: ClassVar[int] = 50
    #: Maximum number of characters that an alias stands for. Our choice.
    alias_text_max: ClassVar[int] = 200

    command_aliases: Field[dict[str, str]] = Field(dict, type=dict[str, str])


def expand(
    line: str,
    aliases: Mapping[str, str],
    split: Callable[[str], tuple[str, str]],
    is_command: Callable[[str], bool],
) -> str:
    """The line, or what it becomes if its first word is an alias.

    Args:
        line: as it was typed.
        aliases: as ``command_aliases``.
        split: returns the first word of a line and the rest.
        is_command: whether a word is the name of a command, whoever may use it.

    Raises:
        Refused: words are missing or too many, the line becomes too long, or aliases lead to one another
            more often than ``DEPTH_MAX``.
    """
    for _depth in range(DEPTH_MAX + 1):
        name, text = split(line)
        stands_for = None if is_command(name.lower()) else aliases.get(name.lower())
        if stands_for is None:
            return line
        line = _filled(name.lower(), stands_for, text)
        if len(line) > LINE_MAX:
            raise Refused(_("With the alias {name}, that line is too long.", name=name))
    raise Refused(_("The alias {name} leads to too many others, or to itself.", name=name))


def edit_aliases(registry: Any, user: Any, text: str = "") -> list[str]:
    """What a command such as ``alias gg = give $1 gold`` does. The caller saves the user.

    Args:
        registry: the commands that aliases stand for.
        user: has ``AliasesMixin``.
        text: ``name = line`` makes an alias, ``name =`` removes it, ``name`` shows it; empty for all of them.

    Returns:
        Lines for the user.

    Raises:
        Refused: there is no such alias, or it cannot be one.
    """
    aliases, prefix = user.command_aliases, registry.prefix
    name, sign, line = (part.strip() for part in text.partition("="))
    name, line = name.removeprefix(prefix).lower(), line.removeprefix(prefix)
    if not sign:
        if name and name not in aliases:
            raise Refused(_("You have no alias {name!r}.", name=name[:40]))
        rows = [f"{each} = {aliases[each]}" for each in ([name] if name else sorted(aliases))]
        return rows or [
            _("You have no aliases. Make one: {prefix}alias hi = say Hello, $1!", prefix=prefix)
        ]
    if not line:
        if name not in aliases:
            raise Refused(_("You have no alias {name!r}.", name=name[:40]))
        user.command_aliases = {each: aliases[each] for each in aliases if each != name}
        return [_("{name} is no longer an alias.", name=name)]
    if not _NAME.fullmatch(name):
        raise Refused(_("The name of an alias is a word of at most 20 characters."))
    if registry.is_command(name):
        raise Refused(_("{name} is a command.", name=name))
    if len(line) > user.alias_text_max:
        raise Refused(
            _(
                "An alias can stand for at most {length} characters.",
                length=user.alias_text_max,
            )
        )
    if name not in aliases and len(aliases) >= user.aliases_max:
        raise Refused(_("You have {count} aliases already.", count=len(aliases)))
    user.command_aliases = {**aliases, name: line}
    return [f"{name} = {line}"]


def _filled(name: str, stands_for: str, text: str) -> str:
    """The line of an alias with its arguments."""
    marks = _ARGUMENT.findall(stands_for)
    if not any(mark != "$" for mark in marks):
        return f"{stands_for.replace('$$', '$')} {text}".rstrip()
    words: list[str] = []
    rest = text
    while rest and len(words) < 9:
        word, rest = take_word(rest)
        words.append(f'"{word}"' if " " in word else word)
    wanted = max((int(mark) for mark in marks if mark.isdigit()), default=0)
    if len(words) < wanted or ("*" not in marks and (len(words) > wanted or rest)):
        count = ngettext("{count} word", "{count} words", wanted)
        raise Refused(
            _("{name} takes {count}: {stands_for}", name=name, count=count, stands_for=stands_for)
        )
    values = {"$": "$", "*": text, **{str(at): word for at, word in enumerate(words, 1)}}
    return _ARGUMENT.sub(lambda match: values[match[1]], stands_for)
