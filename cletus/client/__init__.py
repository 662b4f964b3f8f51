"""One connected person: what they type, what they are shown, and the dialogues that they are in."""

from cletus.client.client import Client

__all__ = ["Client"]
