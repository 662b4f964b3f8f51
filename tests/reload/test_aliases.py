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


def test_another_layout_of_the_service_refuses_the_reload_before_anything_has_changed(run):
    """Everything refers to the service: it cannot be made anew."""
    app = run(core=CORE)
    before = (type(app.service), app.module("core"))
    report = app.reload(core=lambda text: text.replace("Talker(Service):", SLOTTED))
    assert not report.ok
    assert "layout has changed in a way that needs a restart" in report.error
    assert before == (type(app.service), app.module("core"))
    assert app.reload().ok


SLOTTED = "Talker(Service):\n    __slots__ = ('x',)"


@pytest.mark.parametrize("kind", ["Thing(Store)", "Login(Dialogue)"])
def test_another_layout_makes_objects_anew_in_their_places(run, kind):
    """Active store objects, inactive ones and dialogues: whoever held the old one holds the new one."""
    app = run(core=CORE)
    thing, box = app.store("thing")("lamp"), app.store("box")("box")
    active = app.store("thing")("active")
    app.store("thing").manager.remove(thing)
    thing.other, box.thing = active, [{"deep": (thing,)}]
    bob = app.person()
    del thing, active

    slots = "__slots__ = ('x',)"
    report = app.reload(
        core=lambda text: text.replace(f"class {kind}:", f"class {kind}:\n    {slots}")
    )

    assert report.ok, str(report)
    thing = box.thing[0]["deep"][0]
    assert type(thing) is app.store("thing")
    assert thing.other is app.active("thing")["active"]
    thing.x = 1
    assert type(bob.client.input.dialogues[0]) is app.module("core").Login
    assert bob.types("bob") == "Name? "
    assert app.reload().ok
    assert app.active("thing")["active"].key == "active"


def test_a_refused_class_of_the_service_is_not_held(run):
    app = run(core=CORE)
    report = app.reload(core=lambda text: text + "\n1/0\n")
    assert not report.ok
    assert report.holders == []
