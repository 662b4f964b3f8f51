"""A form: the fields of a store object, asked one by one, each answer checked by the type of its field.

    client.start_dialogue(Form(user, ("title", "age")))

It is a dialogue, so people keep their answers through a reload.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred

from cletus.client.dialogue import Dialogue, step
from cletus.contrib.editor.editor import check_is_importable
from cletus.contrib.menus.table import table
from cletus.contrib.menus.values import read_value, value_text
from cletus.contrib.saving import save_for
from cletus.errors import DialogueError, Refused
from cletus.storage import Field
from cletus.text import gettext as _


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
        self.client.write(_("Enter keeps what is in brackets; - sets it back; .quit gives up."))

    def question_text(self) -> str:
        """The question for the present field, with its present value."""
        name = self.names[self.at]
        question = self.questions.get(name) or name.replace("_", " ").capitalize()
        value = value_text(self._value(name))
        return _("{question} [{value}]: ", question=question, value=value)

    @step(question_text)
    def answer(self, line: str) -> Any:
        """The value of the present field."""
        typed, name = line.strip(), self.names[self.at]
        if typed.lower() == ".quit":
            return self._give_up()
        if typed:
            self.values = {**self.values, name: read_value(self.obj, name, typed, self.client)}
        self.at += 1
        if self.at < len(self.names) and not self.is_correction:
            return None
        return self._review()

    @step(_("Save it? (y: yes, n: no, or the number of what to change) "))
    def review(self, line: str) -> Any:
        """Whether it is right."""
        typed = line.strip().lower()
        if typed in ("y", "yes"):
            return self._save()
        if typed in ("n", "no", ".quit"):
            return self._give_up()
        index = int(typed) - 1 if typed.isascii() and typed.isdigit() and len(typed) < 4 else -1
        if not 0 <= index < len(self.names):
            raise Refused(_("Type y, n, or a number from 1 to {last}.", last=len(self.names)))
        self.at, self.is_correction = index, True
        return self.answer

    # -- inside -----------------------------------------------------------------------------

    def _value(self, name: str) -> Any:
        return self.values[name] if name in self.values else getattr(self.obj, name)

    def _review(self) -> Any:
        rows = [
            (number, name.replace("_", " "), value_text(self._value(name)))
            for number, name in enumerate(self.names, 1)
        ]
        self.client.write(*table((_("Number"), _("Field"), _("Value")), rows, self.client))
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
        self.client.write(_("Saved."))
        return self.done(self.values)

    def _give_up(self) -> Any:
        self.client.write(_("Nothing was changed."))
        return self.done(None)
