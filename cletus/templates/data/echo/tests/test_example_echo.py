"""The echo, with somebody who is connected to it in memory.

`service`, `client` and `log` come with Cletus.
"""

from cletus.testing import reloaded


def test_whoever_connects_is_greeted(client):
    assert client.sees("Welcome!")


def test_what_is_said_comes_back(client):
    assert client.says("hello") == "You said: hello\n"


def test_an_edit_is_in_force_at_the_next_line(service, client):
    report = reloaded(
        service,
        {"example_echo": lambda text: text.replace("You said", "I heard")},
    )
    assert report.ok
    assert client.says("hello") == "I heard: hello\n"


def test_a_broken_edit_changes_nothing(service, client, log):
    report = reloaded(service, {"example_echo": "def broken(:"})
    assert not report.ok
    assert "SyntaxError" in log.take_failures()[0]  # else it fails the test
    assert client.says("hello") == "You said: hello\n"
