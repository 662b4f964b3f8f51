"""The arguments of a command, declared by its function's signature, and a parser for them.

    def tell(event, who: User, message: Rest): ...

takes a user and the rest of the line. A parameter with a default may be left out; ``*people: User``
takes all remaining words, at least one.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from cletus.contrib.commands.converters import SKIPPED_BEFORE, Converter, choose, text
from cletus.errors import CommandDeclarationError, Refused
from cletus.events import ClientEvent
from cletus.text import gettext as _


def take_word(text: str) -> tuple[str, str]:
    """Split a text into its first word and the rest.

    A word in double quotes may have spaces: ``"village green" now``. A quotation mark that is not
    closed is an ordinary character.
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


#: Marks ``Rest`` among other annotated types.
_REST = "the rest of the line"

#: The type of a parameter that takes the rest of the line, as it was typed.
Rest = Annotated[str, _REST]


class UsageError(Refused):
    """A line does not fit the signature. Its message, if any, is shown before the usage line."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a command.

    Attributes:
        name: as in the usage line.
        type: its annotation.
        convert: converts a word to a value.
        default: the value if it is left out; ``inspect.Parameter.empty`` if it is required.
        takes_rest: whether it takes the rest of the line, as it was typed.
        takes_many: whether it takes all remaining words.
    """

    name: str
    type: Any
    convert: Converter
    default: Any
    takes_rest: bool = False
    takes_many: bool = False

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is inspect.Parameter.empty

    @property
    def usage(self) -> str:
        """The parameter in the usage line: ``<who>``, ``[on|off]``, ``<people ...>``."""
        is_choice = get_origin(self.type) is Literal
        name = "|".join(map(str, get_args(self.type))) if is_choice else self.name
        name = f"{name} ..." if self.takes_many else name
        return f"<{name}>" if self.is_required else f"[{name}]"


class Signature:
    """The parameters of one command.

    Args:
        command: its name, for error messages.
        function: its first parameter is the event.
        converters: by type; the nearest base of a type is used.
        using: converters by name of the parameter, in place of that of its type.

    Raises:
        CommandDeclarationError: a line of words cannot provide the arguments of the function.
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
            declared = list(inspect.signature(function, eval_str=True).parameters.values())
        except (NameError, TypeError) as error:
            raise CommandDeclarationError(command, f"its signature: {error}") from error
        if not declared or declared[0].kind not in (declared[0].POSITIONAL_ONLY, _ORDINARY):
            raise CommandDeclarationError(command, "its first parameter must be the event")
        self.parameters = tuple(map(self._parameter, declared[1:]))
        self._check(using)

    @property
    def usage(self) -> str:
        """The arguments in the usage line."""
        return " ".join(parameter.usage for parameter in self.parameters)

    @property
    def needs_words(self) -> bool:
        """Whether nothing after the command's name is too little."""
        return any(parameter.is_required for parameter in self.parameters)

    def read(self, line: str, event: ClientEvent) -> list[Any]:
        """Parse what was typed after the command's name.

        Args:
            line: the text to parse.
            event: passed to the converters.

        Returns:
            The values of the parameters.

        Raises:
            Refused: the line does not fit.
        """
        values: list[Any] = []
        rest = line.strip()
        for parameter in self.parameters:
            if not rest:
                if parameter.is_required:
                    raise UsageError("")
                values += [] if parameter.takes_many else [parameter.default]
            elif parameter.takes_rest:
                values.append(parameter.convert(rest, parameter.type, event))
                rest = ""
            else:
                rest = self._take(parameter, rest, event, values)
        if rest:
            raise UsageError("" if self.parameters else _("This command takes no arguments."))
        return values

    # -- inside -----------------------------------------------------------------------------

    def _take(self, parameter: Parameter, rest: str, event: ClientEvent, values: list[Any]) -> str:
        """Append the values of a parameter that takes words; returns the rest of the line."""
        while rest:
            word, rest = take_word(rest)
            if rest and word.lower() in SKIPPED_BEFORE.get(parameter.type, ()):
                word, rest = take_word(rest)
            values.append(parameter.convert(word, parameter.type, event))
            if not parameter.takes_many:
                break
        return rest

    def _parameter(self, declared: inspect.Parameter) -> Parameter:
        if declared.kind is declared.KEYWORD_ONLY or declared.kind is declared.VAR_KEYWORD:
            reason = f"parameter {declared.name!r} is keyword-only; typed words have no names"
            raise CommandDeclarationError(self._command, reason)
        annotation = str if declared.annotation is declared.empty else declared.annotation
        annotation = _without_none(annotation)
        takes_rest = get_origin(annotation) is Annotated and _REST in get_args(annotation)
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        return Parameter(
            declared.name.replace("_", " ").strip(),
            annotation,
            self._using.get(declared.name) or self._converter(declared.name, annotation),
            declared.default,
            takes_rest,
            takes_many=declared.kind is declared.VAR_POSITIONAL,
        )

    def _converter(self, name: str, annotation: Any) -> Converter:
        if get_origin(annotation) is Literal:
            return partial(_choice, {str(value).lower(): value for value in get_args(annotation)})
        for base in getattr(annotation, "__mro__", ()):
            if base in self._converters:
                return self._converters[base]
        if annotation is Any:
            return text
        reason = f"there is no converter for {annotation!r}, the type of parameter {name!r}"
        raise CommandDeclarationError(self._command, reason)

    def _check(self, using: Mapping[str, Converter]) -> None:
        names = {parameter.name for parameter in self.parameters}
        for name in using:
            if name.replace("_", " ") not in names:
                raise CommandDeclarationError(self._command, f"it has no parameter {name!r}")
        for parameter in self.parameters[:-1]:
            if parameter.takes_rest:
                reason = f"{parameter.name!r} takes the rest of the line, so it must be the last"
                raise CommandDeclarationError(self._command, reason)


_ORDINARY = inspect.Parameter.POSITIONAL_OR_KEYWORD


def _choice(choices: Mapping[str, Any], word: str, _type: Any, _event: ClientEvent) -> Any:
    return choose(word, choices)


def _without_none(annotation: Any) -> Any:
    """``User`` of ``User | None``."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation
    members = [member for member in get_args(annotation) if member is not type(None)]
    return members[0] if len(members) == 1 else annotation
