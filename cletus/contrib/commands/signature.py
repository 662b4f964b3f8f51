"""What a command takes, read from its function's signature, and a line read by it.

    def tell(event, who: User, message: Rest): ...

takes a user and the rest of the line. A parameter with a default may be left out; ``*people: User``
takes all words that are left, at least one.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from cletus.contrib.commands.converters import BEFORE, Converter, choose, text
from cletus.errors import CommandDeclarationError, Refused
from cletus.events import ClientEvent


def take_word(text: str) -> tuple[str, str]:
    """The first word of a text, and the rest of it without the spaces between.

    A word in double quotes may have spaces: ``"village green" now``. A quotation mark that is not
    closed is an ordinary character, as people type it.
    """
    text = text.lstrip()
    if text.startswith('"'):
        end = text.find('"', 1)
        if end > 1 and (end + 1 == len(text) or text[end + 1].isspace()):
            return text[1:end], text[end + 1 :].lstrip()
    parts = text.split(None, 1)
    if not parts:
        return "", ""
    return parts[0], parts[1] if len(parts) > 1 else ""


#: What marks ``Rest``.
_REST = "the rest of the line"

#: Everything that is left of the line, as it was typed.
Rest = Annotated[str, _REST]


class Unfitting(Refused):
    """A line does not fit the signature; its message stands before the usage line, if there is one."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that a command takes.

    Attributes:
        name: as it stands in the usage line.
        kind: the type that it states.
        convert: makes a value of a word.
        default: the value if it is left out; ``inspect.Parameter.empty`` if it cannot be.
        takes_rest: whether it takes all that is left, as it was typed.
        takes_many: whether it takes all words that are left.
    """

    name: str
    kind: Any
    convert: Converter
    default: Any
    takes_rest: bool = False
    takes_many: bool = False

    @property
    def is_required(self) -> bool:
        """Whether it cannot be left out."""
        return self.default is inspect.Parameter.empty

    @property
    def usage(self) -> str:
        """How it stands in the usage line: ``<who>``, ``[on|off]``, ``<people ...>``."""
        is_choice = get_origin(self.kind) is Literal
        name = "|".join(map(str, get_args(self.kind))) if is_choice else self.name
        name = f"{name} ..." if self.takes_many else name
        return f"<{name}>" if self.is_required else f"[{name}]"


class Signature:
    """What one command takes.

    Args:
        command: its name, for messages.
        function: takes the event first.
        converters: by type; the nearest of a type's bases is used.
        using: converters by parameter name, in place of their type's.

    Raises:
        CommandDeclarationError: the function cannot be called from a line of words.
    """

    def __init__(
        self,
        command: str,
        function: Callable[..., Any],
        converters: Mapping[type, Converter],
        using: Mapping[str, Converter],
    ) -> None:
        self._command = command
        self._converters = converters
        self._using = using
        try:
            found = list(inspect.signature(function, eval_str=True).parameters.values())
        except (NameError, TypeError) as error:
            raise CommandDeclarationError(command, f"its signature: {error}") from error
        if not found or found[0].kind not in (found[0].POSITIONAL_ONLY, _ORDINARY):
            raise CommandDeclarationError(command, "its first parameter must be the event")
        self.parameters = tuple(self._parameter(one) for one in found[1:])
        self._check(using)

    @property
    def usage(self) -> str:
        """What stands after the command's name in the usage line."""
        return " ".join(one.usage for one in self.parameters)

    def read(self, line: str, event: ClientEvent) -> list[Any]:
        """The values of the parameters.

        Args:
            line: what was typed after the command's name.
            event: passed on to converters.

        Raises:
            Refused: it does not fit.
        """
        values: list[Any] = []
        rest = line.strip()
        for one in self.parameters:
            if not rest:
                if one.is_required:
                    raise Unfitting("")
                values += [] if one.takes_many else [one.default]
            elif one.takes_rest:
                values.append(one.convert(rest, one.kind, event))
                rest = ""
            else:
                rest = self._take(one, rest, event, values)
        if rest:
            raise Unfitting("" if self.parameters else "That is more than this command takes.")
        return values

    # -- inside -----------------------------------------------------------------------------

    def _take(self, one: Parameter, rest: str, event: ClientEvent, values: list[Any]) -> str:
        while rest:
            word, rest = take_word(rest)
            if rest and word.lower() in BEFORE.get(one.kind, ()):
                word, rest = take_word(rest)
            values.append(one.convert(word, one.kind, event))
            if not one.takes_many:
                break
        return rest

    def _parameter(self, found: inspect.Parameter) -> Parameter:
        if found.kind is found.KEYWORD_ONLY or found.kind is found.VAR_KEYWORD:
            reason = f"parameter {found.name!r} can only be given by name; words have none"
            raise CommandDeclarationError(self._command, reason)
        kind = _without_none(str if found.annotation is found.empty else found.annotation)
        takes_rest = get_origin(kind) is Annotated and _REST in get_args(kind)
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        return Parameter(
            found.name.replace("_", " ").strip(),
            kind,
            self._using.get(found.name) or self._converter(found.name, kind),
            found.default,
            takes_rest,
            takes_many=found.kind is found.VAR_POSITIONAL,
        )

    def _converter(self, name: str, kind: Any) -> Converter:
        if get_origin(kind) is Literal:
            return partial(_choice, {str(one).lower(): one for one in get_args(kind)})
        for base in getattr(kind, "__mro__", ()):
            if base in self._converters:
                return self._converters[base]
        if kind is Any:
            return text
        reason = f"nothing converts a word to {kind!r}, the type of parameter {name!r}"
        raise CommandDeclarationError(self._command, reason)

    def _check(self, using: Mapping[str, Converter]) -> None:
        names = {one.name for one in self.parameters}
        for name in using:
            if name.replace("_", " ") not in names:
                raise CommandDeclarationError(self._command, f"it has no parameter {name!r}")
        for one in self.parameters[:-1]:
            if one.takes_rest:
                reason = f"nothing can follow {one.name!r}, which takes the rest of the line"
                raise CommandDeclarationError(self._command, reason)


_ORDINARY = inspect.Parameter.POSITIONAL_OR_KEYWORD


def _choice(choices: Mapping[str, Any], word: str, _kind: Any, _event: ClientEvent) -> Any:
    return choose(word, choices)


def _without_none(kind: Any) -> Any:
    """``User`` of ``User | None``."""
    if get_origin(kind) not in (Union, types.UnionType):
        return kind
    rest = [one for one in get_args(kind) if one is not type(None)]
    return rest[0] if len(rest) == 1 else kind
