"""Users: accounts, passwords, roles, bans, the login dialogue, and presence. See ``docs/contrib/users.md``."""

from cletus.contrib.audience import write_users
from cletus.contrib.permissions import has_permission
from cletus.contrib.saving import save_for
from cletus.contrib.users.account import BaseAccount
from cletus.contrib.users.bans import Bans, BaseBan
from cletus.contrib.users.change_password import ChangePassword
from cletus.contrib.users.edit_preferences import edit_preferences
from cletus.contrib.users.events import (
    LinkLost,
    LoggedIn,
    LoggedOut,
    LoginFailed,
    Moderated,
    Reconnected,
    UserEvent,
)
from cletus.contrib.users.keys import AddKey, KeysMixin, check_key, edit_keys
from cletus.contrib.users.login import LoginDialogue
from cletus.contrib.users.manager import UserManager
from cletus.contrib.users.mixins import AwayMixin, IgnoringMixin, SeenMixin, ago
from cletus.contrib.users.names import check_name
from cletus.contrib.users.password import PasswordMixin, check_new_password
from cletus.contrib.users.permissions import (
    ADMIN,
    EVERYTHING,
    PermissionsMixin,
    if_admin,
    if_can,
    requires,
)
from cletus.contrib.users.preferences import PreferencesMixin
from cletus.contrib.users.presence import PresenceMixin
from cletus.contrib.users.pronouns import Pronouns, PronounsField, PronounsMixin, parse_pronouns
from cletus.contrib.users.tokens import TokensMixin, is_private
from cletus.contrib.users.user import BaseUser, ClientField
from cletus.contrib.users.users import Users
from cletus.renamed import names_of

__all__ = [
    "ADMIN",
    "EVERYTHING",
    "AddKey",
    "AwayMixin",
    "Bans",
    "BaseAccount",
    "BaseBan",
    "BaseUser",
    "ChangePassword",
    "ClientField",
    "IgnoringMixin",
    "KeysMixin",
    "LinkLost",
    "LoggedIn",
    "LoggedOut",
    "LoginDialogue",
    "LoginFailed",
    "Moderated",
    "PasswordMixin",
    "PermissionsMixin",
    "PreferencesMixin",
    "PresenceMixin",
    "Pronouns",
    "PronounsField",
    "PronounsMixin",
    "Reconnected",
    "SeenMixin",
    "TokensMixin",
    "UserEvent",
    "UserManager",
    "Users",
    "ago",
    "check_key",
    "check_name",
    "check_new_password",
    "edit_keys",
    "edit_preferences",
    "has_permission",
    "if_admin",
    "if_can",
    "is_private",
    "parse_pronouns",
    "requires",
    "save_for",
    "write_users",
]

__getattr__ = names_of(__name__)
