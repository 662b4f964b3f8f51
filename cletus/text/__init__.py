"""Styled text: markup becomes ANSI sequences, with colours that each terminal can show."""

from cletus.text.markup import Styled, style

__all__ = ["Styled", "style"]
