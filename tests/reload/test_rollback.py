"""Going back to the sources of the generation before."""

from __future__ import annotations

import pytest

from cletus import Service
from cletus.errors import ReloadError, ServiceStateError

TALK = """
    from cletus import events
    from APP.core import service

    @service.listen(events.Receive)
    def receive(event):
        event.client.write("v0")
"""


@pytest.fixture
def app(run):
    app = run({"reload_keep": 3}, talk=TALK)
    app.bob = app.person()
    return app


def to_version(app, n):
    report = app.reload(talk=lambda text: f"{text[: text.index('write(')]}write('v{n}')\n")
    assert report.ok, str(report)


def back(app):
    reports = []
    app.service.rollback().addCallback(reports.append)
    for _ in range(5):
        app.clock.advance(0)
    assert reports[0].ok, str(reports[0])
    return reports[0]


def test_rollback_brings_the_code_of_the_generation_before(app):
    to_version(app, 1)
    to_version(app, 2)
    report = back(app)
    assert report.changed == ("app0.talk",)
    assert app.bob.types("x") == "v1\n"
    assert app.service.session.generation == 3


def test_going_back_twice_goes_back_two_generations(app):
    for n in (1, 2):
        to_version(app, n)
    back(app)
    back(app)
    assert app.bob.types("x") == "v0\n"


def test_the_next_edit_goes_forward_again_and_can_be_taken_back(app):
    to_version(app, 1)
    to_version(app, 2)
    back(app)
    to_version(app, 3)
    assert app.bob.types("x") == "v3\n"
    back(app)
    assert app.bob.types("x") == "v1\n"


def test_only_so_many_generations_are_kept(app):
    for n in range(1, 7):
        to_version(app, n)
    for n in (5, 4, 3):
        back(app)
        assert app.bob.types("x") == f"v{n}\n"
    with pytest.raises(ReloadError, match="no earlier generation"):
        app.service.rollback()


def test_reloads_without_a_change_and_refused_ones_are_nothing_to_go_back_to(app):
    to_version(app, 1)
    app.reload()
    app.reload(talk="1/0")
    back(app)
    assert app.bob.types("x") == "v0\n"


def test_the_files_are_not_touched(app, tmp_path):
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.py")}
    to_version(app, 1)
    back(app)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.py")} == before


def test_a_service_that_does_not_run_has_nothing_to_go_back_to():
    with pytest.raises(ServiceStateError):
        Service().rollback()
