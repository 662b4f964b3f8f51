"""A line that was typed unseen does not come into the log, not even by the message of an error.

``int(line)`` quotes what it was given. So while such a line is being handled, it is taken out of what
is written.
"""

from __future__ import annotations

import json
from typing import Final

from cletus.errors import SECRET
from cletus.logs.context import hidden_line

#: A line shorter than this is not looked for: half of all words would be taken out, and no password
#: is that short.
SHORT: Final = 3


def without_unseen(text: str) -> str:
    """The text with ``***`` in place of the line that is being handled, if that was typed unseen."""
    hidden = hidden_line()
    if len(hidden) < SHORT:
        return text
    for form in (hidden, repr(hidden)[1:-1], json.dumps(hidden)[1:-1]):
        text = text.replace(form, SECRET)
    return text
