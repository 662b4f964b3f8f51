"""Taking a line apart, word by word."""

from __future__ import annotations


def take_word(text: str) -> tuple[str, str]:
    """The first word of a text, and the rest of it without the spaces between.

    A word in double quotes may have spaces: ``"village green" now``. A quotation mark that is not
    closed is an ordinary character, as people type it.
    """
    text = text.lstrip()
    if text.startswith('"'):
        end = text.find('"', 1)
        if end > 1 and (end + 1 == len(text) or text[end + 1].isspace()):
            return text[1:end], text[end + 1 :].lstrip()
    parts = text.split(None, 1)
    if not parts:
        return "", ""
    return parts[0], parts[1] if len(parts) > 1 else ""
