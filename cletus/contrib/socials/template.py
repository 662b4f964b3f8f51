"""Sentence templates that read correctly for the actor, the target, and everybody else.

    {actor} {wave} at {target}, and {their} {sleeve} slips.

Words in braces that do not name a person are verbs in their base form; they are conjugated for the
subject. So the actor reads "You wave at Bob", Bob "Ann waves at you", all others "Ann waves at Bob".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from typing_extensions import override

from cletus.contrib.language import YOU, Pronouns, capitalised, conjugated, pronouns_of
from cletus.errors import SocialError
from cletus.text import Text

_PART = re.compile(r"\{([^{}]*)\}")

#: Placeholders for the pronouns of the actor, or with the prefix ``target_`` of the target, and the
#: attributes of ``Pronouns`` that replace them. Verbs after ``{they}`` agree with it.
_PRONOUNS = {
    "they": "subject",
    "them": "object",
    "their": "possessive",
    "themself": "reflexive",
}


@dataclass(frozen=True, slots=True)
class View:
    """The persons of a sentence, and who reads it.

    Attributes:
        actor, target: the persons; ``target`` may be the actor, or ``None``.
        reader: may be one of these, or ``None`` for anybody else.
        how: an adverb; may be empty.
    """

    actor: Any
    target: Any
    reader: Any
    how: str = ""


class Template:
    """A parsed sentence.

    Args:
        text: as in the data file.

    Attributes:
        needs_target: whether it mentions a target.

    Raises:
        SocialError: the text is not a template; the message says why.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        parts = _PART.split(text)
        self._literals = parts[0::2]
        self._names = parts[1::2]
        self.needs_target = any(_is_target(name) for name in self._names)
        self._check()

    def render(self, view: View) -> Text:
        """The sentence for one reader, with a capital letter at the beginning."""
        values = {"actor": view.actor, "how": view.how, **_words(pronouns_of(view.actor))}
        if view.target is not None:
            values["target"] = view.target
            words = _words(pronouns_of(view.target))
            values |= {f"target_{name}": word for name, word in words.items()}
        return _Sentence(self.message(view), "", 1, values)

    def message(self, view: View) -> str:
        """The message of the sentence for one reader: in English, with placeholders for names and pronouns."""
        words = [self._literals[0]]
        plural = view.actor is view.reader
        named_actor = False
        for name, literal in zip(self._names, self._literals[1:], strict=True):
            person = view.target if _is_target(name) else view.actor
            is_you = person is view.reader
            if name == "how":
                word = "{how}"
            elif name == "target" and person is view.actor and named_actor:
                word = _named("themself", is_you)
            elif name in ("actor", "target") or _attribute(name):
                word = _named(name, is_you)
            else:
                word = conjugated(name, plural=plural)
            if name == "actor":
                plural, named_actor = is_you, True
            elif _attribute(name) == "subject":
                plural = is_you or pronouns_of(person).plural
            words += [word, literal]
        return capitalised("".join(words))

    def messages(self) -> list[str]:
        """The messages of the sentence for all kinds of readers."""
        actors = [_person(plural) for plural in (False, True)]
        views = [
            View(actor, target, reader)
            for actor in actors
            for target in ([_person(False), _person(True), actor] if self.needs_target else [None])
            for reader in (actor, target, _person(False))
        ]
        return list(dict.fromkeys(map(self.message, views)))

    # -- inside -----------------------------------------------------------------------------

    def _check(self) -> None:
        if "{" in "".join(self._literals) or "}" in "".join(self._literals):
            raise SocialError(f"{self._text!r}: unbalanced braces")
        if "actor" not in self._names:
            raise SocialError(f"{self._text!r}: {{actor}} is missing")
        for name in self._names:
            if not re.fullmatch(r"[a-z][a-z' -]*", name) and not _attribute(name):
                raise SocialError(f"{self._text!r}: {{{name}}} is neither a placeholder nor a verb")


def _is_target(name: str) -> bool:
    return name == "target" or (name.startswith("target_") and bool(_attribute(name)))


def _attribute(name: str) -> str:
    return _PRONOUNS.get(name.removeprefix("target_"), "")


def _words(pronouns: Pronouns) -> dict[str, str]:
    """Pronouns by their placeholders."""
    return {name: getattr(pronouns, attribute) for name, attribute in _PRONOUNS.items()}


_YOU = {"actor": "you", "target": "you", **_words(YOU)}


def _named(name: str, is_you: bool) -> str:
    return _YOU[name.removeprefix("target_")] if is_you else f"{{{name}}}"


def _person(plural: bool) -> Any:
    """Anybody whose pronoun takes a plural verb, or a singular one: *they have*, *she has*."""
    return SimpleNamespace(pronouns=SimpleNamespace(plural=plural))


class _Sentence(Text):
    """A text without the gaps of an empty adverb, in any language."""

    __slots__ = ()

    @override
    @staticmethod
    def finished(text: str) -> str:
        """Begins with a capital letter, too."""
        text = re.sub(r"\s+([.,;!?])", r"\1", re.sub(r"\s+", " ", text)).strip()
        return capitalised(text)
