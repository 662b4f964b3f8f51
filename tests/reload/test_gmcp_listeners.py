"""A reload replaces what was registered for the messages of people's programs."""

from __future__ import annotations

from collections.abc import Callable

from .conftest import Running

HEARING = """
    from cletus import Service
    service = Service()

    @service.gmcp("{package}")
    def hear(event):
        event.client.write("{word} heard " + event.package)
"""


def hears(app: Running, *packages: str) -> str:
    person = app.person()
    for package in packages:
        app.service.connections.message_received(person.client, package, {})
    return person.new_text()


def test_a_message_goes_to_the_new_handler_alone(run: Callable[..., Running]) -> None:
    """For those who came before the reload and after it; the old one hears nothing any more."""
    app = run(core=HEARING.format(package="Char.Login", word="old"))
    before = app.person()
    assert hears(app, "Char.Login") == "old heard Char.Login\n"
    report = app.reload(core=HEARING.format(package="Char.Login", word="new"))
    assert report.ok
    app.service.connections.message_received(before.client, "Char.Login", {})
    assert before.new_text() == "new heard Char.Login\n"
    assert hears(app, "Char.Login") == "new heard Char.Login\n"


def test_a_handler_of_another_package_is_no_longer_called(run: Callable[..., Running]) -> None:
    """The package is the new code's; a handler that is gone from the text is gone."""
    app = run(core=HEARING.format(package="Char", word="old"))
    assert app.reload(core=HEARING.format(package="Room.Info", word="new")).ok
    assert hears(app, "Char.Login", "Room.Info") == "new heard Room.Info\n"


def test_a_refused_reload_leaves_the_old_handler(run: Callable[..., Running]) -> None:
    app = run(core=HEARING.format(package="Char", word="old"))
    broken = HEARING.format(package="Char", word="new") + "    raise RuntimeError\n"
    assert not app.reload(core=broken).ok
    assert hears(app, "Char") == "old heard Char\n"
