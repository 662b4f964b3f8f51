"""Verb forms: you wave, Ann waves."""

from __future__ import annotations

import re

#: Irregular third persons singular.
IRREGULAR: dict[str, str] = {
    "are": "is",
    "be": "is",
    "can": "can",
    "could": "could",
    "do": "does",
    "go": "goes",
    "have": "has",
    "may": "may",
    "might": "might",
    "must": "must",
    "shall": "shall",
    "should": "should",
    "were": "was",
    "will": "will",
    "would": "would",
    "aren't": "isn't",
    "don't": "doesn't",
    "haven't": "hasn't",
    "can't": "can't",
    "won't": "won't",
    "quiz": "quizzes",
}

_HISSING = re.compile(r"(?:s|x|z|ch|sh|o)$")


def third_person(verb: str) -> str:
    """``waves`` of ``wave``. The first word is the verb: ``bursts out laughing``."""
    first, space, rest = verb.partition(" ")
    return _third(first) + space + rest


def conjugated(verb: str, *, plural: bool) -> str:
    """The verb in the form that its subject needs.

    Args:
        verb: in its base form, as after *you*.
        plural: whether the subject is *you*, *they* or a plural.
    """
    if not plural:
        return third_person(verb)
    first, space, rest = verb.partition(" ")
    return ("are" if first == "be" else first) + space + rest


def _third(verb: str) -> str:
    if verb in IRREGULAR:
        return IRREGULAR[verb]
    if verb.endswith("y") and verb[-2:-1] not in tuple("aeiou"):
        return verb[:-1] + "ies"
    return verb + "es" if _HISSING.search(verb) else verb + "s"
