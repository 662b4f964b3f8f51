"""The complete user: ``BaseUser`` with every mixin of this package."""

from __future__ import annotations

from cletus.contrib.users.keys import KeysMixin
from cletus.contrib.users.mixins import AwayMixin, IgnoringMixin, SeenMixin
from cletus.contrib.users.password import PasswordMixin
from cletus.contrib.users.permissions import PermissionsMixin
from cletus.contrib.users.preferences import PreferencesMixin
from cletus.contrib.users.presence import PresenceMixin
from cletus.contrib.users.pronouns import PronounsMixin
from cletus.contrib.users.tokens import TokensMixin
from cletus.contrib.users.user import BaseUser


class BaseAccount(
    TokensMixin,
    PasswordMixin,
    KeysMixin,
    PermissionsMixin,
    PronounsMixin,
    SeenMixin,
    IgnoringMixin,
    AwayMixin,
    PreferencesMixin,
    PresenceMixin,
    BaseUser,
):
    """The base of an application's ``User`` store.

    For less, derive from ``BaseUser`` and the mixins that you want. ``Users`` and ``LoginDialogue``
    need ``PasswordMixin``, ``SeenMixin`` and ``PresenceMixin``.
    """

    abstract = True
