"""One sentence, seen rightly by everybody: by who does it, by whom it is done to, and by the others.

    {actor} {wave} at {target}, and {their} {sleeve} slips.

Words in braces that are no persons are verbs in their base form, conjugated for whoever is the
subject. So the actor reads "You wave at Bob", Bob "Ann waves at you", all others "Ann waves at Bob".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from cletus.contrib.language import THEY, YOU, Pronouns, conjugated, pronouns_of
from cletus.errors import SocialError

_PART = re.compile(r"\{([^{}]*)\}")

#: What stands for the actor, beside ``{actor}``: the attribute of their pronouns. With ``target_``
#: before it, it stands for the target. ``{they}`` is followed by verbs that agree with it.
_PRONOUNS = {
    "they": "subject",
    "them": "object",
    "their": "possessive",
    "themself": "reflexive",
}


@dataclass(frozen=True, slots=True)
class View:
    """For whom a sentence is made: each of the two persons may be its reader.

    Attributes:
        actor, target: the persons; ``target`` may be the actor, or ``None``.
        reader: who reads it.
        how: an adverb, or "".
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
        needs_target: whether it speaks of a target.

    Raises:
        SocialError: it is no template; the message says why.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        parts = _PART.split(text)
        self._literals = parts[0::2]
        self._names = parts[1::2]
        self.needs_target = any(_is_target(name) for name in self._names)
        self._check()

    def render(self, view: View) -> str:
        """The sentence for one reader, with a capital at its beginning."""
        said = [self._literals[0]]
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
            said += [word, literal]
        return _tidied("".join(said))

    # -- inside -----------------------------------------------------------------------------

    def _target(self, view: View, named_actor: bool) -> str:
        """The target; who does something to themself is named once, and then by a pronoun."""
        if view.target is view.actor and named_actor:
            return _as_seen(view.actor, view).reflexive
        return _named(view.target, view)

    def _pronoun(self, name: str, view: View) -> str:
        person = view.target if _is_target(name) else view.actor
        word: str = getattr(_as_seen(person, view), _attribute(name))
        return word

    def _check(self) -> None:
        if "{" in "".join(self._literals) or "}" in "".join(self._literals):
            raise SocialError(f"{self._text!r}: a brace is not closed, or not opened")
        if "actor" not in self._names:
            raise SocialError(f"{self._text!r} does not say who does it: {{actor}} is missing")
        for name in self._names:
            if not re.fullmatch(r"[a-z][a-z' -]*", name) and not _attribute(name):
                raise SocialError(f"{self._text!r}: {{{name}}} is neither a person nor a verb")


def _is_target(name: str) -> bool:
    return name == "target" or (name.startswith("target_") and bool(_attribute(name)))


def _attribute(name: str) -> str:
    return _PRONOUNS.get(name.removeprefix("target_"), "")


def _named(person: Any, view: View) -> str:
    return "you" if person is view.reader else str(person)


def _as_seen(person: Any, view: View, *, by_name: bool = False) -> Pronouns:
    """The pronouns that the reader knows somebody by; a name takes the verb of one."""
    if person is view.reader:
        return YOU
    return _ONE if by_name else pronouns_of(person)


class _One:
    """After a name, a verb is that of one person, whatever their pronouns."""

    subject, object = THEY.subject, THEY.object
    possessive, reflexive = THEY.possessive, THEY.reflexive
    plural = False


_ONE = _One()


def _tidied(text: str) -> str:
    """Without the gaps that an adverb leaves which was not given, and with a capital at its beginning."""
    text = re.sub(r"\s+([.,;!?])", r"\1", re.sub(r"\s+", " ", text)).strip()
    return text[:1].upper() + text[1:]
