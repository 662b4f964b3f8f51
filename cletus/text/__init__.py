"""Texts for people: styled by markup, and in the language of each reader."""

from cletus.text.markup import Hanging, Styled, hanging, style
from cletus.text.translation import Text, gettext, gettext_noop, ngettext

__all__ = ["Hanging", "Styled", "Text", "gettext", "gettext_noop", "hanging", "ngettext", "style"]
