"""Fenced blocks say in their first line what they are; here that is shown.

```` ```python talk.py ```` is that file, and ```` ```python (mara) ```` is code of somebody else: both get a
caption. ```` ```console ```` is what people type (``ann> hello``) and see (``bob| hello``);
```` ```session ```` is another way to write that, and ```` ```log ```` is what the log has.
"""

from __future__ import annotations

import re

from pygments.lexer import RegexLexer, bygroups
from pygments.lexers.special import TextLexer
from pygments.token import Generic, Text
from sphinx.application import Sphinx
from sphinx.highlighting import lexers

_NAMED = re.compile(r"^```(\w+) +(?:([\w./-]+\.\w+)|\(([^)]+)\)) *$", re.MULTILINE)


class SessionLexer(RegexLexer):
    """What is typed stands out from what is seen."""

    name = "session of people"
    tokens = {
        "root": [
            (r"^(\w+>)(.*\n)", bygroups(Generic.Prompt, Generic.Strong)),
            (r"^(\w+\|)(.*\n)", bygroups(Generic.Prompt, Text)),
            (r"^\(.*\)\n", Generic.Emph),
            (r".*\n", Text),
        ]
    }


class NamedLexer(RegexLexer):
    """The same, where what somebody types stands behind their name: ``ann: hello``."""

    name = "session of people, by name"
    tokens = {
        "root": [
            (r"^([a-z]+:)( .*\n)", bygroups(Generic.Prompt, Generic.Strong)),
            (r".*\n", Text),
        ]
    }


def captioned(text: str) -> str:
    """The text of a page, with a caption for each block that names a file or its origin."""

    def caption(match: re.Match[str]) -> str:
        language, file, words = match.groups()
        return f"```{{code-block}} {language}\n:caption: {f'`{file}`' if file else words}\n"

    return _NAMED.sub(caption, text)


def _page(app: Sphinx, docname: str, source: list[str]) -> None:
    source[0] = captioned(source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", _page)
    lexers.update(console=SessionLexer(), session=NamedLexer(), log=TextLexer())
    return {"parallel_read_safe": True}
