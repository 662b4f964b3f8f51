"""What stands where a secret would be: in logs, errors, and whatever else is shown to people."""

from __future__ import annotations

import re
from typing import Final

#: What is shown of a secret.
SECRET: Final = "***"  # noqa: S105 - it is the very absence of one

#: ``scheme://user:password@`` and ``?password=...``; the last ``@`` before the path ends the password.
_IN_AUTHORITY = re.compile(r"(?<=://)([^/?#\s:@]*):([^/?#\s]*)@")
_IN_QUERY = re.compile(r"(?i)(?<=[?&])((?:password|passwd|pwd|secret|token)=)[^&#\s'\"]*")


def without_passwords(text: str) -> str:
    """The text with ``***`` for each password that a URL in it carries.

    Args:
        text: a URL, or a sentence that quotes some; a path is given back as it is.
    """
    text = _IN_AUTHORITY.sub(rf"\1:{SECRET}@", text)
    return _IN_QUERY.sub(rf"\g<1>{SECRET}", text)
