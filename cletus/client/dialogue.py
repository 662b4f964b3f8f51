"""Dialogues: conversations written as named steps, so that they are state and survive a reload.

    class Login(Dialogue):
        name = Field("")

        @step("What is your name? ")
        def ask_name(self, line):
            self.name = line
            return self.ask_password

        @step("Password: ", hidden=True)
        async def ask_password(self, line):
            ...
            return self.done(user)

A step is called with the line that answers its prompt. It returns the next step, or
``self.done(value)``, or ``None`` to stay at the step; if it raises ``Refused``, the person is told why
and stays as well. The fields of the dialogue hold what it has learnt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from cletus.client.listener_task import ListenerTask
from cletus.errors import CallTimedOut, DialogueError, Disconnected, Refused
from cletus.logs.context import log_context
from cletus.storage.schema import FieldSchema

if TYPE_CHECKING:
    from cletus.client.client import Client

Prompt = str | Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Step:
    """What ``@step`` says about a method: its prompt, and whether the answer is hidden."""

    prompt: Prompt
    hidden: bool


@dataclass(frozen=True, slots=True)
class _Done:
    """What ``self.done(value)`` returns to end the dialogue."""

    value: Any


@dataclass(frozen=True, slots=True)
class _Call:
    """What ``self.call(other, then=...)`` returns to have another dialogue first."""

    dialogue: Dialogue
    then: str


def step(prompt: Prompt = "", *, hidden: bool = False) -> Callable[[Any], Any]:
    """Make a method a step of its dialogue.

    Args:
        prompt: sent before the answer is awaited, without a newline; or a function that takes the
            dialogue and returns the prompt.
        hidden: ask the terminal not to show what is typed.
    """

    def declare(method: Any) -> Any:
        method.step = Step(prompt, hidden)
        return method

    return declare


class Dialogue:
    """A conversation with one person, a step for each answer.

    Args:
        values: values of fields, by name, in place of their defaults.

    Attributes:
        client: whom it is with; set when it starts.
        fields: the class's fields by name.
        schema: converts the values of the fields; a reload carries them over with it.
        steps: the names of the class's steps in the order of declaration; it begins with the first.

    Raises:
        DialogueError: a value is for a field that it does not have.
    """

    fields: ClassVar[dict[str, Any]] = {}
    steps: ClassVar[tuple[str, ...]] = ()
    schema: ClassVar[FieldSchema] = FieldSchema({})
    #: The attributes of an instance that are ours; a reload leaves them as they are.
    OWN: ClassVar[frozenset[str]] = frozenset(
        {"client", "_step", "_running", "_then", "_result", "_is_asked"}
    )

    client: Client

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        declared: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            declared.update(vars(base))
        cls.fields = {
            name: value
            for name, value in declared.items()
            if hasattr(value, "contribute_to_instance")
        }
        cls.steps = tuple(
            name
            for name, value in declared.items()
            if isinstance(getattr(value, "step", None), Step)
        )
        cls.schema = FieldSchema(cls.fields)

    def __init__(self, **values: Any) -> None:
        type(self).schema.initialise(self)
        for name, value in values.items():
            if name not in self.fields:
                known = ", ".join(self.fields) or "none"
                raise DialogueError(f"{self!r} has no field {name!r}; it has {known}")
            setattr(self, name, value)
        self._step = ""
        self._running: ListenerTask | None = None
        self._then = ""
        self._result: Deferred[Any] | None = None
        self._is_asked = False

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__}>"

    # -- to override ------------------------------------------------------------------------

    def begin(self) -> Any:
        """Called first; may greet, and may return what a step may. It may be ``async``."""

    def left(self) -> None:
        """Called when the person has gone, or the dialogue was ended from outside."""

    # -- what a step may return -------------------------------------------------------------

    def done(self, value: Any = None) -> Any:
        """Return this from a step to end the dialogue with a result."""
        return _Done(value)

    def call(self, dialogue: Dialogue, *, then: Callable[..., Any]) -> Any:
        """Return this from a step to have another dialogue first.

        Args:
            dialogue: it starts now.
            then: the step of this dialogue that is called with its result.
        """
        return _Call(dialogue, then.__name__)

    # -- for the client ---------------------------------------------------------------------

    @property
    def step(self) -> str:
        """The name of the step whose answer is awaited."""
        return self._step

    @property
    def is_busy(self) -> bool:
        """Whether an ``async`` step is at work, so that no line can be taken."""
        return self._running is not None

    @property
    def running(self) -> ListenerTask | None:
        """The ``async`` step that is at work."""
        return self._running

    def start(self, client: Client, result: Deferred[Any]) -> None:
        """Begin with this client; ``result`` fires at the end.

        Raises:
            DialogueError: it has no step, or was started already.
        """
        if not self.steps:
            raise DialogueError(f"{self!r} has no step: mark its methods with @step")
        if self._result is not None:
            raise DialogueError(f"{self!r} was started already; make a new one")
        self.client, self._result = client, result
        self._step = self.steps[0]
        self._run(self.begin)

    def take(self, line: str) -> None:
        """The person has answered."""
        self._is_asked = False
        if self._declared.hidden:
            self.client.show_input()
        self._run(getattr(self, self._step), line)

    def prompt(self) -> None:
        """Send the prompt of the present step."""
        self._is_asked = True
        declared = self._declared
        text = declared.prompt if isinstance(declared.prompt, str) else declared.prompt(self)
        if declared.hidden:
            self.client.hide_input()  # first, so that nobody types faster than it takes effect
        self.client.prompt(text)

    def restart(self) -> None:
        """Ask for the first step again; for a reload whose new code lacks the present one."""
        self._step = self.steps[0]
        self._stay()

    def suspend(self) -> None:
        """Another dialogue begins on top of this one, whose prompt is the last one from now on."""
        self._is_asked = False

    def resume(self) -> None:
        """The dialogue on top has ended: ask again, unless this one has gone on meanwhile."""
        if not (self._is_asked or self.is_busy):
            self._stay()

    def stop(self) -> None:
        """End it from outside: the person has left, or its class is gone."""
        if self._running is not None:
            self._running.dismiss()
        self._guard(self.left)
        result, self._result = self._result, None
        if result is not None:
            result.errback(Disconnected(f"{self!r} was ended from outside"))

    # -- to another process ------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """The step and the values, for ``restore()``. A step that is at work is not part of it."""
        own = {name: value for name, value in vars(self).items() if name not in self.OWN}
        data = type(self).schema.serialise(self, session=True)
        others = {name: value for name, value in own.items() if name not in self.fields}
        return {
            "step": self._step,
            "then": self._then,
            "is_asked": self._is_asked,
            "data": data,
            "others": others,
        }

    def restore(
        self, state: Mapping[str, Any], client: Client, caller: Dialogue | None
    ) -> Deferred[Any]:
        """Continue at the step of such a state; for a dialogue that was just made.

        Args:
            state: of a dialogue of this class, by this or other code.
            client: whom it is with.
            caller: the dialogue that has called it and waits for its result, if one has.

        Returns:
            A Deferred of its result, which the caller gets as well.
        """
        self.client, self._result = client, Deferred()
        self._then, self._is_asked = state["then"], state["is_asked"]
        self._step = state["step"] if state["step"] in self.steps else self.steps[0]
        vars(self).update(state["others"])
        type(self).schema.deserialise(self, state["data"], session=True)
        if caller is not None:
            self._result.addCallbacks(caller.receive_result, _ignore)
        return self._result

    def receive_result(self, value: Any) -> None:
        """The dialogue that this one has called has ended with this value."""
        self._called(value)

    @property
    def awaits_result(self) -> bool:
        """Whether it has called another dialogue, which has not ended."""
        return bool(self._then)

    # -- inside -----------------------------------------------------------------------------

    @property
    def _declared(self) -> Step:
        declared: Step = getattr(type(self), self._step).step
        return declared

    def _run(self, method: Callable[..., Any], *args: Any) -> None:
        """Call a step, and go where it says; if it fails, stay."""
        try:
            result = method(*args)
        except (Exception, CallTimedOut):  # noqa: BLE001 - an error of a step must not end the dialogue
            self._failed(Failure())
            return
        if iscoroutine(result):
            running = self._running = ListenerTask(self.client)
            running.start(result).addCallbacks(self._step_ended, self._step_failed)
        else:
            self._go(result)

    def _step_ended(self, result: Any) -> None:
        self._running = None
        self._go(result)

    def _step_failed(self, failure: Failure) -> None:
        running, self._running = self._running, None
        if running is None or not running.ended_as_expected(failure):
            with log_context(self.client, hidden="" if running is None else running.hidden):
                self._failed(failure)
        else:
            self._stay()

    def _failed(self, failure: Failure) -> None:
        """Tell the person the reason of a refusal, log any other error, and stay at the step."""
        if failure.check(Refused):
            self.client.write(failure.value)
        else:
            self.client.failed(f"{type(self).__qualname__}.{self._step}", failure)
        self._stay()

    def _stay(self) -> None:
        if self._result is not None and self.client.input.is_top(self):
            self._guard(self.prompt)
        self.client.input.pump()

    def _go(self, result: Any) -> None:
        """Do what a step has returned."""
        if self._result is None:
            self.client.input.pump()  # it was ended from outside meanwhile
        elif isinstance(result, _Done):
            self._finish(result.value)
        else:
            try:
                self._follow(result)
            except DialogueError:
                self._failed(Failure())

    def _follow(self, result: Any) -> None:
        """Start the dialogue that is called, or go to the step that was returned.

        Raises:
            DialogueError: that dialogue cannot be started, or there is no such step.
        """
        if isinstance(result, _Call):
            self._then = result.then
            self.client.run_dialogue(result.dialogue).addCallbacks(self._called, _ignore)
            return
        if result is not None:
            name = result if isinstance(result, str) else getattr(result, "__name__", None)
            if name not in self.steps:
                raise DialogueError(
                    f"{self!r}: its step {self._step!r} has returned neither a step nor None, "
                    "self.done() or self.call()"
                )
            self._step = name
        self._stay()

    def _called(self, value: Any) -> None:
        """The dialogue that was called has ended."""
        then, self._then = getattr(self, self._then, None), ""
        if self._result is None:
            self.client.input.pump()  # ended from outside, as in _go
        elif then is None:  # a reload has brought code without it
            self.restart()
        else:
            self._run(then, value)

    def _finish(self, value: Any) -> None:
        result, self._result = self._result, None
        self.client.input.end_dialogue(self)
        if result is not None:
            result.callback(value)
        self.client.input.pump()

    def _guard(self, call: Callable[[], Any]) -> None:
        try:
            call()
        except (Exception, CallTimedOut):  # noqa: BLE001 - as in _run
            self.client.failed(f"{type(self).__qualname__}.{self._step}", Failure())


def _ignore(_: Failure) -> None:
    """A called dialogue that was ended from outside has no result: stay, if we are still there."""
