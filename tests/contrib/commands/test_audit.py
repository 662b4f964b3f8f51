"""The use and the refusal of commands that are not for everybody are in the audit log."""

from __future__ import annotations


def test_a_refused_command_is_audited_and_nobody_is_told_that_it_exists(talk, log):
    talk.bob.types("shutdown now")
    assert any(line.startswith("command refused: shutdown now, by ") for line in log.lines)
    assert "There is no command" in talk.bob.screen


def test_the_use_of_a_restricted_command_is_audited(talk, log):
    talk.bob.client.user.has_permission = lambda permission: True
    talk.bob.types("shutdown")
    assert any(line.startswith("command used: shutdown, by ") for line in log.lines)
    assert "down" in talk.bob.screen


def test_commands_for_everybody_are_not_audited(talk, log):
    before = len(log.lines)
    talk.bob.types("refuse", "nothing")
    assert log.lines[before:] == []
