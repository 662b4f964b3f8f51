"""What a fence says in its first line is shown."""

from __future__ import annotations

from fences import SessionLexer, captioned
from pygments.token import Generic


def test_a_file_and_an_origin_are_captions() -> None:
    assert captioned("```python talk.py\nx\n```") == (
        "```{code-block} python\n:caption: `talk.py`\n\nx\n```"
    )
    assert captioned("```python (mara)\nx\n```") == (
        "```{code-block} python\n:caption: mara\n\nx\n```"
    )


def test_other_blocks_stay_as_they_are() -> None:
    text = "```python\nx\n```\n\n```{toctree}\na\n```"
    assert captioned(text) == text


def test_what_is_typed_stands_out() -> None:
    tokens = list(SessionLexer().get_tokens("ann> hello\nhi\nbob| hi\n"))
    assert (Generic.Strong, " hello\n") in tokens
    assert (Generic.Prompt, "bob|") in tokens
