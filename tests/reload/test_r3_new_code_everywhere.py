"""R3: after a reload, every reference to application code that the framework holds is new."""

from __future__ import annotations

import gc
import types

import pytest

from cletus import Client, Service, events

APP = """
    import functools
    from cletus import Dialogue, Service, events, step
    from cletus.contrib.users import BaseUser, UserManager
    from cletus.storage import Field, Manager
    from APP.core import service

    GENERATION = 1

    class People(UserManager):
        generation = GENERATION

    class User(BaseUser):
        service = service
        manager = People()
        plan = Field(session=True)
        def wake_up(self, word):
            self.write(f"{word} {GENERATION}")

    class Login(Dialogue):
        @step("Name? ")
        def name(self, line):
            user = User(line)
            user.plan = [wake, User, user.wake_up, functools.partial(wake, user)]
            user.log_in(self.client)
            self.client.favourite = [user, wake]
            self.client.start_dialogue(Chat())
            return self.done()

    class Chat(Dialogue):
        @step()
        def line(self, line):
            self.client.write(f"chat {GENERATION}")

    def wake(user):
        user.write(f"wake {GENERATION}")

    @service.listen(events.Connect)
    def connect(event):
        event.client.start_dialogue(Login())

    @service.every(10)
    def tick():
        service.write_all(f"tick {GENERATION}")

    def heard_at_run_time(event):
        event.client.write(f"run time {GENERATION}")

    @service.listen(events.PostStart)
    def started(event):
        service.listen(events.Disconnect)(heard_at_run_time)
        service.every(25, tick)
        service.motto = wake
"""


@pytest.fixture
def app(run):
    app = run(app=APP)
    app.bob, app.newcomer = app.person(), app.person()
    app.bob.types("bob")
    bob = app.bob.client.user
    app.service.call_later(30, bob.wake_up, "hello")
    app.service.call_later(40, app.module("app").wake, bob)
    return app


def new_generation(app):
    report = app.reload(app=lambda text: text.replace("GENERATION = 1", "GENERATION = 2"))
    assert report.ok, str(report)
    return report


def test_everything_that_answers_is_of_the_new_generation(app):
    new_generation(app)
    assert app.bob.types("x") == "chat 2\n"
    assert app.newcomer.types("ann", "x").endswith("chat 2\n")
    app.bob.new_text()
    app.clock.advance(10)
    assert app.bob.new_text() == "chat 2\ntick 2\n"[-7:]
    app.clock.pump([5] * 6)
    said = app.bob.new_text().splitlines()
    assert sorted(said) == sorted(["tick 2", "tick 2", "tick 2", "tick 2", "hello 2", "wake 2"])


def held_by_the_framework(service):
    """Every class and function that a walk from the service reaches through its own structures."""
    found, seen, todo = [], set(), [service]
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, types.ModuleType | types.FrameType):
            continue
        seen.add(id(one))
        if isinstance(one, type | types.FunctionType | types.MethodType):
            found.append(one)
            if not isinstance(one, types.MethodType):
                continue
        todo += gc.get_referents(one)
    return found


def test_a_walk_from_the_service_meets_no_old_class_and_no_old_function(app):
    """Store classes, managers, listeners, timers, dialogues, attributes of clients and service."""
    name = app.module("app").__name__
    old = {
        id(one): one
        for one in vars(app.module("app")).values()
        if getattr(one, "__module__", "") == name
    }
    assert any(id(one) in old for one in held_by_the_framework(app.service))
    new_generation(app)
    kept = [one for one in held_by_the_framework(app.service) if id(one) in old]
    assert kept == []
    assert any(getattr(one, "__module__", "") == name for one in held_by_the_framework(app.service))


def test_the_user_at_a_client_is_the_active_object_of_the_new_class(app):
    new_generation(app)
    user = app.bob.client.user
    assert user is app.active("user")["bob"]
    assert type(user) is app.module("app").User
    assert user.client is app.bob.client
    assert type(app.store("user").manager) is app.module("app").People


def test_functions_classes_methods_and_partials_in_fields_are_looked_up_by_name(app):
    new_generation(app)
    module, user = app.module("app"), app.bob.client.user
    wake, kind, method, partial = user.plan
    assert (wake, kind) == (module.wake, module.User)
    assert (method.__self__, method.__func__) == (user, module.User.wake_up)
    assert (partial.func, partial.args) == (module.wake, (user,))


def test_attributes_of_clients_and_of_the_service_are_rebound(app):
    new_generation(app)
    assert app.bob.client.favourite == [app.bob.client.user, app.module("app").wake]
    assert app.bob.client.favourite[0] is app.bob.client.user
    assert app.service.motto is app.module("app").wake


def test_a_listener_registered_while_the_service_ran_is_carried_by_name(app):
    new_generation(app)
    app.newcomer.types("ann")
    heard = [one for one in app.service.session.current.listeners if one.event is events.Disconnect]
    assert [one.function for one in heard if one.function.__module__ == "app0.app"] == [
        app.module("app").heard_at_run_time
    ]


def test_a_listener_registered_at_run_time_whose_function_is_gone_is_dropped_and_reported(app):
    report = app.reload(
        app=lambda text: text.replace("heard_at_run_time", "renamed").replace(
            "GENERATION = 1", "GENERATION = 2"
        )
    )
    assert report.ok
    assert any("heard_at_run_time" in note for note in report.warnings)


def test_a_listener_of_others_is_kept_as_it_is(app):
    heard = []
    app.service.listen(events.PostReload)(heard.append)
    new_generation(app)
    new_generation_again = app.reload()
    assert [event.report.generation for event in heard] == [1, 2]
    assert new_generation_again.ok


def test_a_subclass_of_service_gets_its_new_class(run):
    app = run(
        core="""
        from cletus import Service
        class Talker(Service):
            def motto(self):
                return "old"
        service = Talker()
    """
    )
    report = app.reload(core=lambda text: text.replace('"old"', '"new"'))
    assert report.ok, str(report)
    assert app.service.motto() == "new"
    assert type(app.service) is app.module("core").Talker
    assert app.module("core").service is app.service


def test_services_and_clients_persist(app):
    service, client = app.service, app.bob.client
    new_generation(app)
    assert app.module("app").service is service
    assert service.clients[0] is client
    assert isinstance(service, Service)
    assert isinstance(client, Client)


def test_an_init_of_a_subclass_of_service_is_run_once(run):
    """Whatever its arguments are. What it has set is state, and its settings stay in force."""
    app = run(
        core="""
        from cletus import Service, Settings

        class Own(Settings, frozen=True):
            moons: int = 1

        class World(Service):
            def __init__(self, name):
                super().__init__(Own, line_max=100)
                self.name = name
                self.online = []

        service = World("earth")
        """
    )
    online = app.service.online
    online.append("bob")
    report = app.reload(core=lambda text: text + "service.configure(output_max=200)\n")
    assert type(app.service.settings) is app.module("core").Own
    assert report.holders == []
    assert report.ok, str(report)
    assert app.service.online is online
    assert (app.service.name, online) == ("earth", ["bob"])
    assert (app.service.settings.line_max, app.service.settings.output_max) == (100, 200)


def test_objects_of_stores_that_stay_refer_to_the_new_code(run):
    """A store that a start script has made is not of the application, but may refer to it."""
    from cletus.storage import Field, Store

    app = run(
        things="""
        from cletus.storage import Store
        from APP.core import service
        class Thing:
            pass
        class Box(Store):
            service = service
        """
    )
    namespace = {"service": app.service, "box": Field(session=True), "things": Field(list)}
    kind = type("Foreign", (Store,), namespace)
    one = kind("one")
    things = one.things
    one.box = app.store("box")("box")
    things.append(app.module("things").Thing())
    assert app.reload().ok
    assert kind.manager.active() == {"one": one}
    assert one.box is app.active("box")["box"]
    assert one.things is things
    assert type(things[0]) is app.module("things").Thing


def test_a_plain_object_on_a_client_is_new_all_through(run):
    """Its attributes, and what is in their lists and dicts, shared as before."""
    app = run(
        game="""
        class Piece:
            pass

        class Game:
            def __init__(self):
                self.piece = Piece()
                self.board = {"a": Piece(), "rest": [Piece()]}
                self.last = self.board["a"]
        """
    )
    client = app.person().client
    client.game = app.module("game").Game()
    client.games = [client.game]
    assert app.reload().ok
    game, piece = client.game, app.module("game").Piece
    assert type(game) is app.module("game").Game
    assert {type(one) for one in (game.piece, game.last, game.board["rest"][0])} == {piece}
    assert game.last is game.board["a"]
    assert client.games[0] is game
