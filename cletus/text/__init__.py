"""Styled text: markup that becomes ANSI sequences, and colours that every terminal can show."""

from cletus.text.markup import Styled, style

__all__ = ["Styled", "style"]
