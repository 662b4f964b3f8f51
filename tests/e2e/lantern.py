"""What the Lantern asks somebody new."""

from __future__ import annotations


def registration(name: str, password: str) -> tuple[tuple[str, str], ...]:
    """The beginnings of its prompts, each with the line that answers it."""
    return (
        ("What is your name", name),
        ("Create it", "y"),
        ("Choose a password", password),
        ("Type it again", password),
        ("Your pronouns", "she"),
    )
