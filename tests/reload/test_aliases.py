"""What the commit turns into aliases is known to be able to become one before the commit."""

from __future__ import annotations

import pytest

CORE = """
    from cletus import Dialogue, Service, events, step
    from cletus.storage import Field, Store

    class Talker(Service):
        pass

    service = Talker()

    class Thing(Store):
        service = service
        other = Field()

    class Box(Store):
        service = service
        thing = Field(session=True)

    class Login(Dialogue):
        @step("Name? ")
        def name(self, line):
            return None

    @service.listen(events.Connect)
    def connect(event):
        event.client.start_dialogue(Login())
"""


@pytest.mark.parametrize("kind", ["Talker(Service)", "Thing(Store)", "Login(Dialogue)"])
def test_another_layout_refuses_the_reload_before_anything_has_changed(run, kind):
    """Not only of active store objects: of inactive ones, dialogues and the service, too."""
    app = run(core=CORE)
    thing = app.store("thing")("lamp")
    app.store("thing").manager.remove(thing)
    app.store("box")("box").thing = thing
    bob = app.person()
    before = (type(app.service), type(thing), type(bob.client.dialogues[0]), app.module("core"))

    report = app.reload(
        core=lambda text: text.replace(f"class {kind}:", f"class {kind}:\n    __slots__ = ('x',)")
    )

    assert not report.ok
    assert "layout has changed in a way that needs a restart" in report.error
    assert before == (
        type(app.service),
        type(thing),
        type(bob.client.dialogues[0]),
        app.module("core"),
    )
    assert app.reload().ok


def test_a_refused_class_of_the_service_is_not_held(run):
    app = run(core=CORE)
    report = app.reload(core=lambda text: text + "\n1/0\n")
    assert not report.ok
    assert report.holders == []
