"""Dialogues: each step that is referred to exists, and takes the arguments of its calls."""

from __future__ import annotations

import ast
import difflib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from cletus.check.dialogue_steps import StepReference, references_of
from cletus.check.finding import Finding, Location, error, warning
from cletus.check.source_map import of_function
from cletus.check.target import Target
from cletus.client.dialogue import Dialogue


def check_dialogues(target: Target) -> Iterator[Finding]:
    """Read every dialogue of the application."""
    for dialogue in target.dialogues():
        yield from _DialogueCheck(target, dialogue).findings()


class _DialogueCheck:
    """The check of a class."""

    def __init__(self, target: Target, dialogue: type[Dialogue]) -> None:
        self._application = target
        self._dialogue = dialogue
        self._name = dialogue.__qualname__

    def findings(self) -> Iterator[Finding]:
        if not self._dialogue.steps and not self._dialogue.__subclasses__():
            message = f"{self._name} has no step, so it cannot be started"
            yield error("no-step", message, "mark its methods with @step(...)", self._location())
        if "<locals>" in self._name:
            message = (
                f"{self._name} is defined inside a function, where a reload cannot find it again"
            )
            todo = "move it to the top level of its module; now a reload ends its dialogues"
            yield warning("dialogue-nested", message, todo, self._location())
        yield from self._hidden()
        for name in self._dialogue.steps:
            yield from self._signature(name)
        for name in self._followed():
            function = vars(self._dialogue).get(name)
            for reference in references_of(function) if inspect.isfunction(function) else ():
                yield from self._reference(name, reference, of_function(function).file)

    def _hidden(self) -> Iterator[Finding]:
        """A step that a method without ``@step`` overrides is not a step any more."""
        inherited = {name: base for base in self._dialogue.__mro__[1:] for name in _steps_of(base)}
        for name, base in inherited.items():
            function = vars(self._dialogue).get(name)
            if inspect.isfunction(function) and name not in self._dialogue.steps:
                message = (
                    f"{self._name}.{name} hides the step of {base.__name__}, and is not a step"
                )
                todo = f"mark {self._name}.{name} with @step(...), too"
                yield warning("step-hidden", message, todo, of_function(function))

    def _followed(self) -> Iterator[str]:
        """The methods that are read: steps, ``begin``, and those that ``then`` refers to."""
        follows = dict.fromkeys(("begin", *self._dialogue.steps))
        for name in list(follows):
            function = getattr(self._dialogue, name, None)
            for reference in references_of(function) if inspect.isfunction(function) else ():
                if reference.is_then:
                    follows[reference.name] = None
        yield from follows

    def _signature(self, name: str) -> Iterator[Finding]:
        function = inspect.getattr_static(self._dialogue, name)
        if not inspect.isfunction(function) or name not in vars(self._dialogue):
            return
        if not takes(function, 2):
            yield error(
                "step-signature",
                f"{self._name}.{name} is called with the line that was typed, and its "
                f"signature is {inspect.signature(function)}",
                f"write it as: def {name}(self, line)",
                of_function(function),
            )
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            message = (
                f"{self._name}.{name} contains a yield, so it returns a generator and not a step"
            )
            todo = "write async def and await"
            yield error("generator", message, todo, of_function(function))
        prompt = function.step.prompt  # type: ignore[attr-defined]  # @step has set it
        if callable(prompt) and not takes(prompt, 1):
            message = f"the prompt of {self._name}.{name} is called with the dialogue, but takes no argument"
            todo = "write it as: lambda self: ..."
            yield error("step-signature", message, todo, of_function(function))

    def _reference(self, method: str, reference: StepReference, file: str) -> Iterator[Finding]:
        location = Location(file, reference.line)
        reason, todo = self._mistake(reference)
        if reason:
            yield error("unknown-step", f"{self._name}.{method} {reason}", todo, location)

    def _mistake(self, reference: StepReference) -> tuple[str, str]:
        """The problem of a reference, and what to do about it; ("", "") if it may be right."""
        name = reference.name
        if reference.constant:
            if reference.is_then:
                return (
                    f"has then={reference.constant}, which is not a method",
                    "write then=self.name",
                )
            return (
                f"returns {reference.constant}, which is not a step",
                "return a step, None to stay, self.done(...) or self.call(...)",
            )
        if any(name in dialogue.steps for dialogue in self._family()):
            return "", ""
        attribute = inspect.getattr_static(self._dialogue, name, None)
        if inspect.isfunction(attribute) and not reference.is_text:
            return ("", "") if reference.is_then else _of_method(name, attribute)
        if not reference.is_text and (attribute is not None or self._may_have(name)):
            return "", ""
        near = difflib.get_close_matches(name, self._dialogue.steps, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return (
            f"names the step {name!r}, and there is none{hint}",
            f"its steps are: {', '.join(self._dialogue.steps) or 'none'}",
        )

    def _may_have(self, name: str) -> bool:
        """Whether objects may have this attribute although their class does not have it."""
        family = self._family()
        if any(hasattr(cls, name) or hasattr(cls, "__getattr__") for cls in family):
            return True
        for base in {base for cls in family for base in cls.__mro__}:
            node = self._application.source_map.class_node(base)
            if node is not None and any(_sets(child, name) for child in ast.walk(node)):
                return True
        return False

    def _family(self) -> list[type[Dialogue]]:
        """The class and its subclasses."""
        return [self._dialogue, *_descendants(self._dialogue)]

    def _location(self) -> Location:
        return self._application.source_map.of_class(self._dialogue)


def _steps_of(base: type) -> tuple[str, ...]:
    return base.steps if issubclass(base, Dialogue) else ()


def _sets(node: ast.AST, attribute: str) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == attribute
        and isinstance(node.ctx, ast.Store)
    )


def _of_method(name: str, function: Any) -> tuple[str, str]:
    if name in {"done", "call"}:
        return f"returns self.{name} itself", f"call it: self.{name}(...)"
    return (
        f"returns self.{name}, which is a method without @step",
        f"mark {function.__qualname__} with @step(...), or call it: self.{name}(...)",
    )


def _descendants(cls: type[Dialogue]) -> Iterator[type[Dialogue]]:
    for child in cls.__subclasses__():
        yield child
        yield from _descendants(child)


def takes(function: Callable[..., Any], count: int) -> bool:
    """Whether a function takes this number of positional arguments; true if that is not known."""
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # some functions in C have no known signature
        return True
    return True
