"""Dialogues with missing steps: what a step names must be there, and can be called as it will be."""

from __future__ import annotations

import ast
import difflib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from cletus.check.dialogue_steps import Target, targets_of
from cletus.check.finding import Finding, Place, error, warning
from cletus.check.source_map import of_function
from cletus.check.target import Subject
from cletus.client.dialogue import Dialogue


def check_dialogues(subject: Subject) -> Iterator[Finding]:
    """Read every dialogue of the application."""
    for kind in subject.dialogues():
        yield from _DialogueCheck(subject, kind).findings()


class _DialogueCheck:
    """The check of one class."""

    def __init__(self, subject: Subject, kind: type[Dialogue]) -> None:
        self._subject = subject
        self._kind = kind
        self._name = kind.__qualname__

    def findings(self) -> Iterator[Finding]:
        if not self._kind.steps and not self._kind.__subclasses__():
            what = f"{self._name} has no step, so it cannot be begun"
            yield error("no-step", what, "mark its methods with @step(...)", self._place())
        if "<locals>" in self._name:
            what = f"{self._name} is defined inside a function, where a reload cannot find it again"
            todo = "move it to the top level of its module; a reload ends the dialogues of it now"
            yield warning("dialogue-nested", what, todo, self._place())
        yield from self._hidden()
        for name in self._kind.steps:
            yield from self._signature(name)
        for name in self._followed():
            function = vars(self._kind).get(name)
            for target in targets_of(function) if inspect.isfunction(function) else ():
                yield from self._target(name, target, of_function(function).file)

    def _hidden(self) -> Iterator[Finding]:
        """A step that is overridden by a method without ``@step`` is a step no more."""
        inherited = {name: base for base in self._kind.__mro__[1:] for name in _steps_of(base)}
        for name, base in inherited.items():
            function = vars(self._kind).get(name)
            if inspect.isfunction(function) and name not in self._kind.steps:
                what = (
                    f"{self._name}.{name} hides the step of {base.__name__}, and is no step itself"
                )
                todo = f"mark {self._name}.{name} with @step(...), too"
                yield warning("step-hidden", what, todo, of_function(function))

    def _followed(self) -> Iterator[str]:
        """The methods whose results are followed: steps, ``begin``, and what ``then`` names."""
        follows = dict.fromkeys(("begin", *self._kind.steps))
        for name in list(follows):
            function = getattr(self._kind, name, None)
            for target in targets_of(function) if inspect.isfunction(function) else ():
                if target.is_then:
                    follows[target.name] = None
        yield from follows

    def _signature(self, name: str) -> Iterator[Finding]:
        function = inspect.getattr_static(self._kind, name)
        if not inspect.isfunction(function) or name not in vars(self._kind):
            return
        if not takes(function, 2):
            yield error(
                "step-signature",
                f"{self._name}.{name} is called with the line that the person has typed, and its "
                f"signature is {inspect.signature(function)}",
                f"write it as: def {name}(self, line)",
                of_function(function),
            )
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            what = f"{self._name}.{name} has a yield in it, so what it returns is no step"
            todo = "write async def and await"
            yield error("generator", what, todo, of_function(function))
        prompt = function.step.prompt  # type: ignore[attr-defined]  # @step has set it
        if callable(prompt) and not takes(prompt, 1):
            what = f"the prompt of {self._name}.{name} is called with the dialogue, and does not take it"
            todo = "write it as: lambda self: ..."
            yield error("step-signature", what, todo, of_function(function))

    def _target(self, method: str, target: Target, file: str) -> Iterator[Finding]:
        place = Place(file, target.line)
        reason, todo = self._mistake(target)
        if reason:
            yield error("unknown-step", f"{self._name}.{method} {reason}", todo, place)

    def _mistake(self, target: Target) -> tuple[str, str]:
        """What is wrong with a target and what to do about it; nothing if it may be right."""
        if target.constant:
            if target.is_then:
                return f"has then={target.constant}, which is no method", "write then=self.name"
            return (
                f"returns {target.constant}, which is no step",
                "return a step, None to stay, self.done(...) or self.call(...)",
            )
        kinds = [self._kind, *_descendants(self._kind)]
        if any(target.name in kind.steps for kind in kinds):
            return "", ""
        found = inspect.getattr_static(self._kind, target.name, None)
        if inspect.isfunction(found) and not target.is_text:
            return ("", "") if target.is_then else _of_method(target.name, found)
        if not target.is_text and (found is not None or self._may_have(target.name)):
            return "", ""
        near = difflib.get_close_matches(target.name, self._kind.steps, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return (
            f"names the step {target.name!r}, and there is none{hint}",
            f"its steps are: {', '.join(self._kind.steps) or 'none'}",
        )

    def _may_have(self, name: str) -> bool:
        """Whether an object may have this attribute although its class has not."""
        kinds = [self._kind, *_descendants(self._kind)]
        if any(hasattr(kind, name) or hasattr(kind, "__getattr__") for kind in kinds):
            return True
        for base in {one for kind in kinds for one in kind.__mro__}:
            node = self._subject.texts.class_node(base)
            nodes = [] if node is None else ast.walk(node)
            if any(_sets(one, name) for one in nodes):
                return True
        return False

    def _place(self) -> Place:
        return self._subject.texts.of_class(self._kind)


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
        f"returns self.{name}, which is a method and no step",
        f"mark {function.__qualname__} with @step(...), or call it: self.{name}(...)",
    )


def _descendants(kind: type[Dialogue]) -> Iterator[type[Dialogue]]:
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)


def takes(function: Callable[..., Any], count: int) -> bool:
    """Whether a function can be called with so many positional arguments; true if that is not known."""
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # Python does not know the signature of everything in C
        return True
    return True
