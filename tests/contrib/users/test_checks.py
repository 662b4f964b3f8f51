"""What ``cletus check`` says about accounts."""

from __future__ import annotations

from tests.check.conftest import check, clean_imports, must_be, names  # noqa: F401 - fixtures

HEAD = """
from cletus import Service
from cletus.contrib.users import BaseAccount, BaseUser, PasswordMixin, Users
service = Service()
"""
ACCOUNTS = "class User(BaseAccount):  # HERE\n    service = service\n"
LACKING = "class User(PasswordMixin, BaseUser):  # HERE\n    service = service\n"
USERS = "users = Users(service, User)\n"


def test_accounts_that_nobody_can_log_in_to_are_named(check, tmp_path):  # noqa: F811 - the fixture
    must_be(check(HEAD + ACCOUNTS), "no-login", "nobody can log in", tmp_path)


def test_accounts_with_a_login_are_let_by(check):  # noqa: F811 - the fixture
    assert names(check(HEAD + ACCOUNTS + USERS)) == set()


def test_users_that_lack_what_logging_in_needs_are_named(check, tmp_path):  # noqa: F811
    found = check(HEAD + LACKING + USERS)
    must_be(found, "user-mixin", "User lacks SeenMixin, PresenceMixin", tmp_path)


def test_a_login_of_one_s_own_knows_what_it_needs(check):  # noqa: F811 - the fixture
    text = "from cletus.contrib.users import LoginDialogue\nclass Login(LoginDialogue):\n    pass\n"
    assert check(HEAD + text + LACKING + "users = Users(service, User, login=Login)\n") == []
