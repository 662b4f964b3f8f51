"""Tests of the echo, with somebody who is connected in memory.

The fixtures `service`, `client` and `log` come with Cletus.
"""

from cletus.testing import reloaded


def test_a_new_connection_is_greeted(client):
    assert client.sees("Welcome!")


def test_a_line_is_repeated(client):
    assert client.says("hello") == "You said: hello\n"


def test_the_next_line_runs_the_edited_code(service, client):
    report = reloaded(
        service,
        {"example_echo": lambda text: text.replace("You said", "I heard")},
    )
    assert report.ok
    assert client.says("hello") == "I heard: hello\n"


def test_a_broken_edit_changes_nothing(service, client, log):
    report = reloaded(service, {"example_echo": "def broken(:"})
    assert not report.ok
    assert "SyntaxError" in log.take_failures()[0]  # or it fails the test
    assert client.says("hello") == "You said: hello\n"
