"""Pronouns: who is meant, in each place of a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class Pronouns(Protocol):
    """What a sentence needs of somebody's pronouns; ``cletus.contrib.users.Pronouns`` is one."""

    @property
    def subject(self) -> str:
        """They have come."""

    @property
    def object(self) -> str:
        """You see them."""

    @property
    def possessive(self) -> str:
        """It is their lamp."""

    @property
    def reflexive(self) -> str:
        """They help themself."""

    @property
    def plural(self) -> bool:
        """Whether verbs are as for several: *they have*, but *she has*."""


@dataclass(frozen=True, slots=True)
class _Own:
    subject: str
    object: str
    possessive: str
    reflexive: str
    plural: bool


#: The reader's: ``you``.
YOU: Pronouns = _Own("you", "you", "your", "yourself", True)
#: Those of whoever has not said otherwise: ``they``.
THEY: Pronouns = _Own("they", "them", "their", "themself", True)


def pronouns_of(somebody: Any) -> Pronouns:
    """What somebody's attribute ``pronouns`` says, else *they*."""
    found: Pronouns | None = getattr(somebody, "pronouns", None)
    return THEY if found is None else found
