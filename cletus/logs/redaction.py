"""Keeps a line that was typed without echo, such as a password, out of the log.

The message of an error may quote it, as that of ``int(line)`` does. So while such a line is being
handled, it is replaced in everything that is written.
"""

from __future__ import annotations

import json
from typing import Final

from cletus.errors import SECRET
from cletus.logs.context import hidden_line

#: A shorter line is not replaced: that would replace parts of ordinary words, and no password is so
#: short.
LENGTH_MIN: Final = 3


def without_hidden_line(text: str) -> str:
    """The text with ``***`` in place of the line being handled, if it was typed without echo."""
    hidden = hidden_line()
    if len(hidden) < LENGTH_MIN:
        return text
    for form in (hidden, repr(hidden)[1:-1], json.dumps(hidden)[1:-1]):
        text = text.replace(form, SECRET)
    return text
