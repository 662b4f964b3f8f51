"""What ``cletus check`` says about commands."""

from __future__ import annotations

import pytest

from tests.check.conftest import check, clean_imports, must_be, names  # noqa: F401 - fixtures

HEAD = """
from cletus import Service, events
from cletus.contrib.commands import CommandRegistry
from cletus.storage import Store
service = Service()
commands = CommandRegistry(service, prefix=".")

class User(Store):
    service = service
    ROLES = {"keeper": {"ban", "announce"}%s}
"""
CASES = {
    "a topic that a command hides": (
        "topic-hidden",
        "the help topic 'talk' is never shown",
        """
@commands.register(aliases=("talk",))  # HERE
def say(event):
    pass
commands.topic("talk", "How to talk.")
""",
        """
@commands.register(requires="ban", aliases=("talk",))
def say(event):
    pass
commands.topic("talk", "How to talk.")
""",
    ),
    "a permission that no role grants": (
        "permission",
        "requires the permission 'build', and no role grants it",
        """
@commands.register(requires="build")  # HERE
def dig(event):
    pass
""",
        """
@commands.register(requires="ban")
def dig(event):
    pass
@commands.register(requires=lambda event: True)
def fill(event):
    pass
""",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_mistake_is_named(case, check, tmp_path):  # noqa: F811 - the fixture
    name, words, wrong, _ = case
    assert must_be(check(HEAD % "" + wrong), name, words, tmp_path).group == "Commands"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_its_clean_twin_is_let_by(case, check):  # noqa: F811 - the fixture
    assert names(check(HEAD % "" + case[3])) == set()


EVERYTHING = ', "admin": __import__("cletus.contrib.users", fromlist=["x"]).EVERYTHING'


@pytest.mark.parametrize(
    ("permission", "expected"), [("shutdown", set()), ("announc", {"permission"})]
)
def test_who_may_do_everything_may_do_what_no_role_names(permission, expected, check):  # noqa: F811
    """But a near miss of what a role names is named."""
    text = HEAD % EVERYTHING + f'@commands.register(requires="{permission}")\ndef go(event): pass\n'
    assert names(check(text)) == expected


def test_a_command_that_is_registered_twice_cannot_be_imported(check, tmp_path):  # noqa: F811
    text = "@commands.register\ndef go(event): pass\n@commands.register(name='go')  # HERE\ndef walk(event): pass\n"
    must_be(check(HEAD % "" + text), "import", "the name 'go' is taken", tmp_path)
