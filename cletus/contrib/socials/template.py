"""Sentence templates that read correctly for the actor, the target, and everybody else.

    {actor} {wave} at {target}, and {their} {sleeve} slips.

Words in braces that do not name a person are verbs in their base form; they are conjugated for the
subject. So the actor reads "You wave at Bob", Bob "Ann waves at you", all others "Ann waves at Bob".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from cletus.contrib.language import THEY, YOU, Pronouns, conjugated, pronouns_of
from cletus.errors import SocialError

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

    def render(self, view: View) -> str:
        """The sentence for one reader, with a capital letter at the beginning."""
        words = [self._literals[0]]
        subject: Pronouns = _as_seen(view.actor, view)
        named_actor = False
        for name, literal in zip(self._names, self._literals[1:], strict=True):
            if name == "actor":
                word, subject = _named(view.actor, view), _as_seen(view.actor, view, by_name=True)
                named_actor = True
            elif name == "target":
                word = self._target(view, named_actor)
            elif name == "how":
                word = view.how
            elif _attribute(name):
                word = self._pronoun(name, view)
                if _attribute(name) == "subject":
                    person = view.target if _is_target(name) else view.actor
                    subject = _as_seen(person, view)
            else:
                word = conjugated(name, plural=subject.plural)
            words += [word, literal]
        return _tidied("".join(words))

    # -- inside -----------------------------------------------------------------------------

    def _target(self, view: View, named_actor: bool) -> str:
        """The target. If it is the actor, who has been named already, their reflexive pronoun."""
        if view.target is view.actor and named_actor:
            return _as_seen(view.actor, view).reflexive
        return _named(view.target, view)

    def _pronoun(self, name: str, view: View) -> str:
        person = view.target if _is_target(name) else view.actor
        word: str = getattr(_as_seen(person, view), _attribute(name))
        return word

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


def _named(person: Any, view: View) -> str:
    return "you" if person is view.reader else str(person)


def _as_seen(person: Any, view: View, *, by_name: bool = False) -> Pronouns:
    """The pronouns of a person in this view. After a name, verbs are singular."""
    if person is view.reader:
        return YOU
    return _SINGULAR if by_name else pronouns_of(person)


class _Singular:
    """After a name, a verb is singular, whatever the person's pronouns."""

    subject, object = THEY.subject, THEY.object
    possessive, reflexive = THEY.possessive, THEY.reflexive
    plural = False


_SINGULAR = _Singular()


def _tidied(text: str) -> str:
    """Remove the gaps of an empty adverb, and begin with a capital letter."""
    text = re.sub(r"\s+([.,;!?])", r"\1", re.sub(r"\s+", " ", text)).strip()
    return text[:1].upper() + text[1:]
