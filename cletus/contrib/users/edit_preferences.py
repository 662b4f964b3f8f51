"""Reading and setting preferences, as a person types them."""

from __future__ import annotations

from typing import Any

from cletus.contrib.commands import choose
from cletus.contrib.menus import table
from cletus.contrib.menus.values import read_value, value_text
from cletus.text import gettext as _


def edit_preferences(user: Any, name: str = "", typed: str = "") -> list[object]:
    """What a command such as ``preferences width 60`` does. The caller saves the user.

    Args:
        user: has ``PreferencesMixin``, and is connected.
        name: of a preference, or its beginning; empty for a table of all of them.
        typed: the new value; ``-`` for the default; empty to read what it is.

    Returns:
        Lines for the user.

    Raises:
        Refused: there is no such preference, or the value does not fit.
    """
    preferences = user.PREFERENCES
    if not name:
        rows = [(name, _text(user, name), _(preferences[name])) for name in sorted(preferences)]
        return [
            *table((_("Preference"), _("Value"), _("What it is")), rows, user.client),
            _("Your terminal: {terminal}.", terminal=user.terminal_text()),
        ]
    plain = name.lower().replace("_", "").replace("-", "")
    fitting = [each for each in preferences if each.replace("_", "").startswith(plain)]
    name = choose(fitting[0] if len(fitting) == 1 else name, {each: each for each in preferences})
    if not typed:
        return [
            _(
                "{name} is {value}: {about}.",
                name=name,
                value=_text(user, name),
                about=_(preferences[name]),
            )
        ]
    user.prefer(name, read_value(user, name, typed, user.client))
    return [
        _("{field} is now {value}.", field=name, value=_text(user, name)),
        _("Your terminal: {terminal}.", terminal=user.terminal_text()),
    ]


def _text(user: Any, name: str) -> str:
    value = getattr(user, name)
    if name == "prompt" and not value:
        return _("none")
    if value in (None, "") or (name == "width" and not value):
        return "auto"
    return value_text(value).strip()
