"""Reloads, as those who make them see them."""

from __future__ import annotations

import pytest

from cletus import ReloadReport, events

CODE = """
    from cletus import events
    from cletus.contrib.announce import announce_reloads, reload, rollback
    from cletus.contrib.commands import CommandRegistry
    from APP.core import service

    commands = CommandRegistry(service)
    commands.register(reload)
    commands.register(rollback)

    @service.listen(events.Receive)
    def receive(event):
        if event.data == "admin":
            event.client.user = "admin"
            return
        return commands.run(event, event.data)

    @commands.register
    def hello(event):
        event.client.write("hello")

    announce_reloads(service, lambda client: client.user == "admin")
"""


@pytest.fixture
def app(run):
    app = run(code=CODE)
    app.ann, app.bob = app.person(), app.person()
    app.bob.types("admin")
    return app


def test_who_asks_for_a_reload_is_shown_the_report(app):
    app.ann.types("reload")
    for _ in range(5):
        app.clock.advance(0)
    assert "Nothing to reload" in app.ann.screen or "Reloaded, generation" in app.ann.screen


def test_nothing_of_the_old_code_is_kept_alive_by_asking(app):
    app.ann.types("reload")
    for _ in range(5):
        app.clock.advance(0)
    assert app.service.last_reload is None or not app.service.last_reload.holders


def test_some_are_told_of_every_reload_and_others_are_not(app):
    app.reload(code=lambda text: text.replace('"hello"', '"good day"'))
    assert "Reloaded, generation 1: app0.code changed" in app.bob.screen
    assert "Reloaded" not in app.ann.screen


def test_they_are_told_why_one_has_failed(app):
    app.reload(code=lambda text: text + "\n1/0\n")
    assert "ZeroDivisionError" in app.bob.screen
    assert app.ann.screen == ""


def test_they_are_told_once_by_the_code_that_is_in_force(app):
    for number in range(3):
        app.reload(code=lambda text, n=number: text + f"\n# {n}\n")
        assert app.bob.screen.count("Reloaded") == number + 1


def test_who_asks_and_is_told_of_all_reloads_is_told_once(app):
    for number in (1, 2):
        app.bob.types("reload")
        for _ in range(5):
            app.clock.advance(0)
        assert app.bob.screen.count("generation") == number


def test_a_rollback_brings_the_code_before(app):
    app.reload(code=lambda text: text.replace('"hello"', '"good day"'))
    assert app.ann.types("hello") == "good day\n"
    app.ann.types("rollback")
    for _ in range(5):
        app.clock.advance(0)
    assert app.ann.types("hello").endswith("hello\n")


def test_without_code_to_go_back_to_they_are_told_so(app):
    answer = app.ann.types("rollback")
    assert "wrong" not in answer
    assert answer.endswith(".\n")


def test_they_are_told_that_an_edit_was_undone(app):
    app.service.fire(events.EditUndone(app.service, ReloadReport(generation=4)))
    app.clock.advance(0)
    assert "Nothing to reload: the files hold what runs (generation 4)" in app.bob.screen
    assert app.ann.screen == ""
