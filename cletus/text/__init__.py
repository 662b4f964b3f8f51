"""Styled text: markup becomes ANSI sequences, with colours that each terminal can show."""

from cletus.text.markup import Hanging, Styled, hanging, style

__all__ = ["Hanging", "Styled", "hanging", "style"]
