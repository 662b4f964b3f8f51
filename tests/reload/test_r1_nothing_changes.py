"""R1: a failed reload changes nothing that a person or the application can see."""

from __future__ import annotations

import gc
import signal
import sys
import threading

import pytest

from cletus.reload import transaction
from cletus.reload.state import parking
from cletus.reload.state.convert import Conversion
from cletus.reload.state.exchange import Exchanger
from cletus.reload.state.rewrite import Rewriter
from cletus.reload.transaction import Transaction
from cletus.testing.describe import describe

USERS = """
    from cletus.contrib.users import BaseUser
    from cletus.storage import Field, Store
    from APP.core import service

    class Room(Store):
        service = service
        guests = Field(list)
        marks = Field(dict)
        cat = Field(session=True)
        other = Field(session=True)

    class Pet:
        def __init__(self, name):
            self.name = name

    class User(BaseUser):
        service = service
        seen = Field(0, session=True)
        things = Field(list)
        pet = Field(session=True)
        friend = Field(session=True)
"""
TALK = """
    from cletus import Dialogue, events, step
    from cletus.storage import Field
    from APP.core import service
    from APP.users import Pet, Room, User

    class Login(Dialogue):
        tries = Field(0)

        @step("Name? ")
        def ask_name(self, line):
            self.tries += 1
            if line == "?":
                return None
            user = User(line)
            user.pet = Pet(f"{line}'s cat")
            user.things.append("lamp")
            user.log_in(self.client)
            self.client.lamp = user
            hall = Room.manager.get("hall") or Room("hall")
            hall.guests.append(user)
            hall.marks["last"] = hall.cat = user.pet
            hall.other = Room.manager.active().get("yard") or Room("yard")
            return self.done()

    @service.listen(events.Connect)
    def connect(event):
        event.client.start_dialogue(Login())

    @service.listen(events.Receive)
    def receive(event):
        event.user.seen += 1
        event.client.write(f"{event.user.key} {event.user.seen} {event.user.things} {event.user.pet.name}")

    def strike():
        service.write_all("dong")

    service.every(60, strike)
"""


def fingerprint(app):
    """Everything that a failed reload could have touched, by identity and by value."""
    service = app.service
    session = service.session
    objects = {
        name: {
            key: (id(one), id(vars(one)), type(one), describe(dict(vars(one))), dict(vars(one)))
            for key, one in store.manager.active().items()
        }
        for name, store in session.current.stores.items()
    }
    return {
        "modules": {n: id(m) for n, m in sys.modules.items() if n.startswith(app.name)},
        "generation": (session.generation, id(session.current), session.staged),
        "stores": {name: id(one) for name, one in session.current.stores.items()},
        "objects": objects,
        "listeners": [(one.event, one.function) for one in session.current.listeners],
        "timers": [(id(t), t.target, t.active, t.remaining) for t in session.current.timers],
        "clients": [
            (id(c), dict(c.attachments()), [id(d) for d in c.dialogues]) for c in service.clients
        ],
        "dialogues": [(dict(vars(d)), d.tries) for c in service.clients for d in c.dialogues],
        "service": dict(service.attachments()),
        "settings": service.settings,
        "calls": sorted(call.getTime() for call in app.clock.getDelayedCalls()),
        "interpreter": (gc.isenabled(), signal.getsignal(signal.SIGALRM), threading.active_count()),
        "path": (list(sys.path), [id(one) for one in sys.meta_path]),
    }


@pytest.fixture
def app(run):
    app = run(users=USERS, talk=TALK)
    app.bob, app.ann, app.newcomer = app.person(), app.person(), app.person()
    app.bob.types("bob", "hello")
    app.ann.types("ann")
    app.newcomer.types("?")
    users = app.active("user")
    users["bob"].friend, users["ann"].friend = users["ann"], users["bob"]
    users["ann"].things = users["bob"].things
    users["ann"].undeclared = users["bob"]
    for key in ("hall", "attic"):
        app.store("room")(key).guests.append(users["bob"])
    app.service.motto = users["bob"]
    app.service.deeds = [app.module("talk").strike]
    app.service.call_later(600, app.module("talk").strike)
    return app


BROKEN = {
    "syntax error": {"talk": "def x(:"},
    "a NUL byte": {"talk": "x = 1\0"},
    "bad encoding cookie": {"talk": "# coding: nonsense\nx = 1"},
    "raises": {"talk": lambda text: text + "\n1/0"},
    "exits": {"talk": lambda text: text + "\nraise SystemExit(3)"},
    "interrupts": {"talk": lambda text: text + "\nraise KeyboardInterrupt"},
    "raises in the first module": {"core": "1/0"},
    "missing name": {
        "talk": lambda text: text.replace("import Pet, Room, User", "import Pet, Usr")
    },
    "missing module": {"users": None},
    "circular": {"users": lambda text: text.replace("from app0.core", "from app0.talk")},
    "empty core": {"core": ""},
    "duplicate store": {"talk": lambda t: t + "\nclass User(User):\n    service = service\n"},
    "wrong declaration": {"users": lambda t: t.replace("seen = Field(0", "save = Field(0")},
    "field type refuses": {
        "users": lambda t: t.replace("things = Field(list)", "things = Field(0, type=int)")
    },
    "deserialise raises": {
        "users": lambda t: t.replace(
            "class User(",
            "class Bad(Field):\n    def deserialise(self, o, n, d): raise ValueError('no')\n\nclass User(",
        ).replace("things = Field(list)", "things = Bad(list)")
    },
    "deserialise raises after changing the data": {
        "users": lambda t: t.replace(
            "class User(",
            "class Bad(Field):\n    def deserialise(self, o, n, d):\n        d.clear(); raise ValueError('no')\n\nclass User(",
        ).replace("things = Field(list)", "things = Bad(list)")
    },
    "an import that changes live state first": {
        "talk": lambda t: (
            t
            + "\nfor c in service.clients: c.user = None; c.lamp = 3; c.new = 4\nservice.motto = 1\n1/0"
        )
    },
    "settings before the failure": {"talk": lambda t: t + "\nservice.configure(line_max=7)\n1/0"},
    "a dialogue that cannot be filled": {
        "talk": lambda t: t.replace("tries = Field(0)", "tries = Field('', type=str)")
    },
}


@pytest.mark.parametrize("edits", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_edit_leaves_the_world_as_it_was(app, edits):
    """Modules, classes, objects, bindings, registries, timers: the same objects, the same values."""
    before = fingerprint(app)
    report = app.reload(**edits)
    assert not report.ok
    assert report.error
    assert fingerprint(app) == before
    assert app.bob.types("still here") == "bob 2 ['lamp'] bob's cat\n"
    assert app.newcomer.types("cid", "me") == "cid 1 ['lamp'] cid's cat\n"


@pytest.mark.parametrize("edits", BROKEN.values(), ids=BROKEN.keys())
def test_after_a_broken_edit_the_next_good_one_works(app, edits):
    app.reload(**edits)
    report = app.reload(talk=lambda text: text.replace("{event.user.key} ", "{event.user.key}! "))
    assert report.ok, str(report)
    assert app.bob.types("on") == "bob! 2 ['lamp'] bob's cat\n"


def steps_of_a_reload():
    """Every function of ours that the window between staging and commit goes through."""
    return [
        (transaction, "find_dialogues"),
        (transaction, "carry_timers"),
        (parking, "park"),
        *((Transaction, f"_{name}") for name in ("keep_foreign_stores", "state", "stores_in_use")),
        *((Transaction, f"_{name}") for name in ("in_use", "carry_listeners", "carry_events")),
        *((Transaction, f"_{name}") for name in ("attachments", "set_attachments", "activate")),
        *((Conversion, name) for name in ("find", "serialise", "convert_classes", "_convert")),
        *((Conversion, name) for name in ("_fits", "join", "exchange", "check_refusals", "carry")),
        *((Conversion, name) for name in ("add_fields", "convert_fields")),
        *((Exchanger, name) for name in ("renew", "converted", "_find_handler", "_named")),
        *((Rewriter, name) for name in ("rewrite", "rehash")),
    ]


#: Which call of a step raises: of the many of some steps, the first ones and some of the rest.
SOME_CALLS = (*range(1, 16), *range(18, 60, 7), *range(60, 200, 35))


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param(SOME_CALLS, id="some"),
        pytest.param(range(1, 200), id="all", marks=pytest.mark.soak),
    ],
)
@pytest.mark.parametrize(
    ("holder", "name"), steps_of_a_reload(), ids=lambda one: getattr(one, "__name__", one)
)
def test_a_fault_at_any_call_inside_the_window_leaves_the_world_as_it_was(
    app, monkeypatch, holder, name, numbers
):
    """The k-th call of the step raises, before and after its work, until there is no such call."""
    whole = getattr(holder, name)
    failures = 0
    for after in (False, True):
        for k in numbers:
            calls = 0

            def faulty(*args, k=k, after=after, **kwargs):
                nonlocal calls
                calls += 1
                if calls == k and not after:
                    raise RuntimeError("injected")
                result = whole(*args, **kwargs)
                if calls == k:
                    raise RuntimeError("injected")
                return result

            before = fingerprint(app)
            with monkeypatch.context() as patch:
                patch.setattr(holder, name, faulty)
                report = app.reload()
            if calls < k:
                assert report.ok
                break
            failures += 1
            assert not report.ok
            assert "injected" in report.error
            assert fingerprint(app) == before
    assert failures >= 2
    assert app.bob.types("still here") == "bob 2 ['lamp'] bob's cat\n"


@pytest.mark.parametrize("field", ["name", "seen", "things", "pet", "friend"])
def test_a_fault_in_any_field_leaves_the_world_as_it_was(app, field):
    """Each field in turn raises for the second object, when the first has been done already."""

    def faulty(text):
        return (
            text.replace(
                "class User(",
                """
class Faulty(Field):
    done = []
    def deserialise(self, obj, name, *data):
        self.done.append(obj.key)
        if len(self.done) == 2:
            raise OSError("injected")
        return super().deserialise(obj, name, *data)

class User(""",
            )
            .replace(f"    {field} = Field(", f"    {field} = Faulty(")
            .replace(
                "    seen =",
                f"    {field} = Faulty(session=True)\n    seen ="
                if field == "name"
                else "    seen =",
            )
        )

    before = fingerprint(app)
    report = app.reload(users=faulty)
    assert not report.ok
    assert "injected" in report.error
    assert "User" in report.error
    assert fingerprint(app) == before


def test_a_veto_refuses_and_says_why(app):
    from cletus import events

    app.service.listen(events.PreReload)(lambda event: event.veto("a vote is under way"))
    before = fingerprint(app)
    report = app.reload(talk=lambda text: text + "\n")
    assert (report.ok, report.error) == (False, "a vote is under way")
    assert fingerprint(app) == before


def test_the_listeners_of_reload_failed_are_told(app):
    from cletus import events

    told = []
    app.service.listen(events.ReloadFailed)(told.append)
    report = app.reload(talk="1/0")
    assert [event.report for event in told] == [report]
    assert app.service.last_reload is report
