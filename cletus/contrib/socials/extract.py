"""Extracts the sentences of data files for translators, by Babel. See ``docs/contrib/socials.md``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cletus.contrib.socials.socials import Socials


def extract(
    file: BinaryIO, *_settings: Any, **_options: Any
) -> Iterator[tuple[int, None, str, list[str]]]:
    """The messages of a file: an extraction method, as Babel's documentation describes it.

    Args:
        file: a data file of socials, opened from its path.

    Returns:
        For each message its line, for which 1 stands, the function that it is an argument of, which is
        ``None``, the message, and comments, of which there are none.
    """
    for social in Socials(Path(file.name)):
        for template in (social.alone, social.at):
            for message in template.messages() if template else ():
                yield 1, None, message, []
