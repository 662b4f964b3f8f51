"""Users: accounts with names and passwords, and the connections that they are at."""

from cletus.contrib.users.client_field import ClientField
from cletus.contrib.users.manager import UserManager
from cletus.contrib.users.password import PasswordMixin
from cletus.contrib.users.user import BaseUser

__all__ = ["BaseUser", "ClientField", "PasswordMixin", "UserManager"]
