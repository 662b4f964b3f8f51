"""What is not logged cannot be investigated: who, whom, from where, and the outcome."""

from __future__ import annotations

import pytest

from cletus.logs.audit import audit
from cletus.logs.context import log_context
from cletus.testing import Log


class Ann:
    """What a log record can be about."""

    def log_fields(self) -> dict[str, str]:
        return {"client": "<Client 1 telnet 192.0.2.1:1>", "user": "ann"}


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({}, "wrong password"),
        ({"target": "bob"}, "wrong password: bob"),
        ({"target": "bob", "actor": "the console"}, "wrong password: bob, by the console"),
        ({"target": "bob", "outcome": "closed"}, "wrong password: bob: closed"),
    ],
)
def test_a_line_says_what_is_known(log: Log, facts: dict[str, str], line: str) -> None:
    audit("wrong password", **facts)
    assert log.lines[-1] == line


def test_the_actor_is_whoever_is_being_handled(log: Log) -> None:
    with log_context(Ann()):
        audit("role granted", "bob is admin")
    said = "role granted: bob is admin, by ann at <Client 1 telnet 192.0.2.1:1>"
    assert log.lines[-1] == said
