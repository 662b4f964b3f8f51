"""A form: the fields of a store object, asked one by one, each answer checked by the type of its field.

    client.start_dialogue(Form(user, ("title", "age")))

It is a dialogue, so people keep their answers through a reload.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from datetime import timedelta
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from twisted.internet.defer import Deferred

from cletus import events
from cletus.client.dialogue import Dialogue, step
from cletus.contrib.commands import choose
from cletus.contrib.commands.converters import BUILT_IN, stored
from cletus.contrib.editor.editor import check_is_importable
from cletus.contrib.menus.table import table
from cletus.contrib.saving import save_for
from cletus.errors import DialogueError, FieldValueError, Refused
from cletus.storage import Field, StoreField

#: Types that are written as words with commas between them.
_LISTS: Final = (list, set, frozenset, tuple)


class Form(Dialogue):
    """Ask for the values of fields.

    Args:
        obj: a store object. The values are set and saved at the end.
        names: of its fields, in this order; by default all permanent fields that are not secret.
        then: called with a dict of the values instead, as ``then`` of ``Editor``. If it raises
            ``Refused``, the person reads why and stays in the form.
        questions: field to question, instead of the field's name.

    Attributes:
        values: field to value, of what was answered so far.
        at: the index of the field that is asked.
        is_correction: whether it is asked again, after the others.

    The dialogue's result is the values, or ``None`` if the person gave up.

    Raises:
        DialogueError: there is no such field, or it is secret.
    """

    obj: Field[Any] = Field(None)
    names: Field[list[str]] = Field(list)
    then: Field[Any] = Field(None)
    questions: Field[dict[str, str]] = Field(dict)
    values: Field[dict[str, Any]] = Field(dict)
    at: Field[int] = Field(0)
    is_correction: Field[bool] = Field(False)

    def __init__(
        self,
        obj: Any,
        names: Iterable[str] = (),
        *,
        then: Callable[[dict[str, Any]], Any] | None = None,
        questions: dict[str, str] | None = None,
    ) -> None:
        super().__init__()
        check_is_importable(then)
        fields = type(obj).fields
        self.obj, self.then = obj, then
        self.names = list(names) or [
            name for name, field in fields.items() if not (field.session or field.secret)
        ]
        self.questions = dict(questions or {})
        for name in self.names:
            if name not in fields or fields[name].secret:
                reason = "is secret" if name in fields else "does not exist"
                raise DialogueError(
                    f"a form cannot ask for the field {name!r} of {obj!r}: it {reason}"
                )

    def begin(self) -> None:
        """Say how it is answered."""
        self.client.write("Enter keeps what is in brackets; - sets it back; .quit gives up.")

    def question_text(self) -> str:
        """The question for the present field, with its present value."""
        name = self.names[self.at]
        question = self.questions.get(name) or name.replace("_", " ").capitalize()
        return f"{question} [{_shown(self._value(name))}]: "

    @step(question_text)
    def answer(self, line: str) -> Any:
        """The value of the present field."""
        typed, name = line.strip(), self.names[self.at]
        if typed.lower() == ".quit":
            return self._give_up()
        if typed:
            self.values = {**self.values, name: self._converted(name, typed)}
        self.at += 1
        if self.at < len(self.names) and not self.is_correction:
            return None
        return self._review()

    @step("Save it? (y: yes, n: no, or the number of what to change) ")
    def review(self, line: str) -> Any:
        """Whether it is right."""
        typed = line.strip().lower()
        if typed in ("y", "yes"):
            return self._save()
        if typed in ("n", "no", ".quit"):
            return self._give_up()
        index = int(typed) - 1 if typed.isascii() and typed.isdigit() and len(typed) < 4 else -1
        if not 0 <= index < len(self.names):
            raise Refused(f"Type y, n, or a number from 1 to {len(self.names)}.")
        self.at, self.is_correction = index, True
        return self.answer

    # -- inside -----------------------------------------------------------------------------

    def _value(self, name: str) -> Any:
        return self.values[name] if name in self.values else getattr(self.obj, name)

    def _review(self) -> Any:
        rows = [
            (number, name.replace("_", " "), _shown(self._value(name)))
            for number, name in enumerate(self.names, 1)
        ]
        self.client.write(*table(("Number", "Field", "Value"), rows, self.client))
        return self.review

    def _save(self) -> Any:
        if self.then is not None:
            result = self.then(self.values)
            return self._wait(result) if isinstance(result, Deferred) else self._saved()
        for name, value in self.values.items():
            setattr(self.obj, name, value)
        save_for(self.obj, self.client)
        return self._saved()

    async def _wait(self, result: Deferred[Any]) -> Any:
        await result
        return self._saved()

    def _saved(self) -> Any:
        self.client.write("Saved.")
        return self.done(self.values)

    def _give_up(self) -> Any:
        self.client.write("Nothing was changed.")
        return self.done(None)

    def _converted(self, name: str, typed: str) -> Any:
        """The value of what was typed. Raises ``Refused`` if it does not fit the field."""
        field = type(self.obj).fields[name]
        if typed == "-":
            return field.make_default()
        value = self._read(field, typed)
        if field.typed is not None:
            try:
                value = field.typed.accept(value, self.obj, name)
            except FieldValueError as error:
                raise Refused(f"That does not fit: expected {error.expected}.") from None
        return value

    def _read(self, field: Any, typed: str) -> Any:
        event = events.Receive(self.client.service, self.client, typed)
        if isinstance(field, StoreField):
            store_cls: Any = self.client.service.session.find(field.store)
            return stored(typed, store_cls, event)
        value_type = _plain(field.type if field.type is not None else type(field.make_default()))
        origin = get_origin(value_type)
        if origin is Literal:
            return choose(typed, {str(value).lower(): value for value in get_args(value_type)})
        if value_type in _LISTS or origin in _LISTS:
            words = [word.strip() for word in typed.split(",")]
            return (origin or value_type)(word for word in words if word)
        if isinstance(value_type, type) and issubclass(value_type, enum.Enum):
            return BUILT_IN[enum.Enum](typed, value_type, event)
        if value_type in (int, float, bool, timedelta):
            return BUILT_IN[value_type](typed, value_type, event)
        return typed


def _plain(value_type: Any) -> Any:
    """``int`` of ``Annotated[int, ...]``, and of ``int | None``."""
    if get_origin(value_type) is Annotated:
        return _plain(get_args(value_type)[0])
    if get_origin(value_type) in (Union, UnionType):
        members = [each for each in get_args(value_type) if each is not type(None)]
        return _plain(members[0]) if len(members) == 1 else value_type
    return value_type


def _shown(value: Any) -> str:
    """A value as a person reads it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, enum.Enum):
        return value.name.lower()
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_shown(part)}" for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_shown, value))
    if isinstance(value, (set, frozenset)):
        return ", ".join(sorted(map(_shown, value)))
    return str(value)
