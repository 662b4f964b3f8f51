"""Pronouns as sentences use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class Pronouns(Protocol):
    """The pronouns of a person; ``cletus.contrib.users.Pronouns`` implements this."""

    @property
    def subject(self) -> str:
        """As in *they have come*."""

    @property
    def object(self) -> str:
        """As in *you see them*."""

    @property
    def possessive(self) -> str:
        """As in *it is their lamp*."""

    @property
    def reflexive(self) -> str:
        """As in *they help themself*."""

    @property
    def plural(self) -> bool:
        """Whether verbs take the plural form: *they have*, but *she has*."""


@dataclass(frozen=True, slots=True)
class _Words:
    subject: str
    object: str
    possessive: str
    reflexive: str
    plural: bool


#: The pronouns of the reader.
YOU: Pronouns = _Words("you", "you", "your", "yourself", True)
#: The default.
THEY: Pronouns = _Words("they", "them", "their", "themself", True)


def pronouns_of(person: Any) -> Pronouns:
    """The attribute ``pronouns`` of a person, or *they*."""
    pronouns: Pronouns | None = getattr(person, "pronouns", None)
    return THEY if pronouns is None else pronouns
