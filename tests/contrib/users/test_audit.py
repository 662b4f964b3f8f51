"""What happens to accounts is in the audit log, with who, whom and from where, and never a password."""

from __future__ import annotations

from datetime import timedelta

import pytest
from twisted.logger import globalLogPublisher

from cletus.logs.audit import NAMESPACE
from cletus.logs.context import log_context


@pytest.fixture
def audited():
    """The lines of the audit log."""
    lines = []

    def observe(event):
        if event.get("log_namespace") == NAMESPACE:
            lines.append(event["log_format"].format_map(event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)


def test_a_wrong_password(talker, audited):
    """Whether or not there is such an account."""
    talker.account("Bob")
    talker.login("bob", "not this one")
    assert audited == ["wrong password: bob, by <Client 1 memory 192.0.2.1:4000>"]


def test_coming_and_going(talker, audited):
    talker.account("Bob")
    person = talker.login("bob")
    person.client.user.leave("enough")
    assert [line.partition(" ")[2] for line in audited] == [
        "'bob'> logged in at <Client 1 memory 192.0.2.1:4000>",
        "'bob'> logged out: enough",
    ]


def test_roles_and_bans_and_who_made_them(talker, audited):
    bob = talker.account("Bob")
    talker.account("Ann")
    ann = talker.login("ann").client
    del audited[:]
    role = next(iter(type(bob).ROLES))
    with log_context(ann):
        bob.grant(role)
        bob.revoke(role)
        bob.revoke(role)
        talker.users.bans.ban("mallory", duration=timedelta(hours=1), by="ann", reason="spam")
        talker.users.bans.unban("mallory")
    actor = "by ann at <Client 1 memory 192.0.2.1:4000>"
    assert audited[0] == f"role granted: {role} to bob, {actor}"
    assert audited[1] == f"role revoked: {role} from bob, {actor}"
    assert audited[2].startswith(f"banned: mallory, {actor}: until ")
    assert audited[2].endswith(" UTC (spam)")
    assert audited[3:] == [f"unbanned: mallory, {actor}"]
