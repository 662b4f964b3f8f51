"""R8: a person in a dialogue stays at their step; nobody is ever logged in by a reload who was not."""

from __future__ import annotations

import pytest

LOGIN = """
    from twisted.internet.defer import Deferred, succeed
    from cletus import Dialogue, events, step
    from cletus.contrib.users import BaseUser
    from cletus.storage import Field
    from APP.core import service

    class User(BaseUser):
        service = service

    class Login(Dialogue):
        name = Field("")
        friend = Field()
        tries = Field(0)

        def begin(self):
            self.client.write("Welcome v1")

        @step("Name? ")
        def ask_name(self, line):
            self.name = line
            return self.ask_password

        @step(lambda self: f"Password, {self.name}? ", hidden=True)
        async def ask_password(self, line):
            self.tries += 1
            await service.hashing()
            if line != "secret":
                return self.ask_password
            User(self.name).log_in(self.client)
            return self.done(self.name)

    class Hello(Dialogue):
        @step("Again? ")
        def again(self, line):
            self.client.write(f"v1 {line}")
            if line == "sub":
                return self.call(Login(), then=self.logged_in)

        def logged_in(self, name):
            self.client.write(f"logged in as {name}, v1")
            return self.again

    def hashed():
        done = Deferred()
        service.waiting.append(done)
        return done

    service.waiting = getattr(service, "waiting", [])
    service.hashing = getattr(service, "hashing", None) or (lambda: succeed(None))

    @service.listen(events.Connect)
    def connect(event):
        event.client.start_dialogue(Hello() if event.client.address == "hello" else Login())

    @service.listen(events.Receive)
    def receive(event):
        event.client.write(f"{event.user} says v1 {event.data}")
"""


def newer(text):
    return text.replace("v1", "v2")


@pytest.fixture
def app(run):
    return run(login=LOGIN)


def test_a_person_stays_at_each_step_with_what_was_learnt_and_sees_nothing(app):
    bob = app.person()
    assert bob.screen == "Welcome v1\nName? "
    assert app.reload(login=newer).ok
    bob.types("bob")
    assert app.reload().ok
    assert bob.screen == "Welcome v1\nName? Password, bob? "
    assert bob.transport.hidings == [True]
    assert bob.client.user is None
    assert bob.types("wrong").strip() == "Password, bob?"
    assert app.reload().ok
    bob.types("secret", "hello")
    assert bob.sees("bob says v2 hello")
    assert bob.transport.hidings[-1] is False


def test_nobody_is_logged_in_by_a_reload(app):
    people = [app.person() for _ in range(3)]
    people[1].types("bob")
    people[2].types("ann", "wrong")
    for _ in range(3):
        assert app.reload(login=lambda text: text + "\n").ok
        assert [person.client.user for person in people] == [None] * 3
    assert app.active("user") == {}


def test_an_async_step_at_work_ends_in_the_old_code_and_the_person_goes_on_in_the_new(app):
    """What it writes to its dialogue lands on the new one (R12), and so does the step it returns."""
    app.service.hashing = app.module("login").hashed
    bob = app.person()
    bob.types("bob", "wrong")
    assert app.reload(login=newer).ok
    bob.client.line_received("typed ahead")
    assert bob.client.dialogues[0].tries == 1
    app.service.waiting.pop().callback(None)
    assert bob.client.dialogues[0].tries == 2
    assert type(bob.client.dialogues[0]) is app.module("login").Login
    app.service.waiting.pop().callback(None)
    bob.types("secret")
    app.service.waiting.pop().callback(None)
    assert bob.types("hi") == "bob says v2 hi\n"


def test_a_step_that_is_gone_starts_the_dialogue_from_its_first_step_and_says_so(app):
    bob = app.person()
    bob.types("bob")
    report = app.reload(login=lambda text: text.replace("ask_password", "ask_secret"))
    assert report.ok
    assert bob.sees("The code has just changed")
    assert bob.screen.endswith("Name? ")
    assert bob.transport.hidden is False
    bob.types("bob", "secret", "hi")
    assert bob.sees("bob says v1 hi")


def test_a_class_that_is_gone_ends_the_dialogue_and_its_lines_go_to_listeners(app):
    bob = app.person()
    bob.types("bob")
    report = app.reload(login=lambda text: text.replace("Login", "Entry"))
    assert report.ok
    assert [note for note in report.warnings if "Login" in note]
    assert bob.client.dialogues == []
    assert bob.transport.hidden is False
    assert bob.types("hi") == "None says v1 hi\n"


def test_dialogues_within_dialogues_stay_and_return_to_the_new_code(app):
    bob = app.person("hello")
    bob.types("sub", "bob")
    assert app.reload(login=newer).ok
    bob.types("secret")
    assert bob.sees("logged in as bob, v2")
    assert bob.types("x") == "v2 x\nAgain? "


def test_fields_may_refer_to_store_objects_and_other_dialogues(app):
    ann, bob = app.person(), app.person()
    ann.types("ann", "secret")
    bob.types("bob")
    bob.client.dialogues[0].friend = [ann.client.user, bob.client.dialogues[0]]
    assert app.reload(login=newer).ok
    dialogue = bob.client.dialogues[0]
    assert dialogue.friend[0] is ann.client.user is app.active("user")["ann"]
    assert dialogue.friend[1] is dialogue


def test_a_new_field_has_its_default_and_a_renamed_first_step_is_where_new_people_begin(app):
    bob = app.person()
    bob.types("bob")
    assert app.reload(
        login=lambda text: text.replace(
            "tries = Field(0)",
            "tries = Field(0)\n        extra = Field(5)".replace("    extra", "extra"),
        )
    ).ok
    assert bob.client.dialogues[0].extra == 5


def test_who_leaves_after_a_reload_ends_the_new_dialogue(app):
    left = []
    bob = app.person()
    app.reload(login=newer)
    app.module("login").Login.left = lambda self: left.append(type(self))
    bob.hangs_up()
    assert left == [app.module("login").Login]
    assert app.service.clients == ()


BEHIND = """
    from cletus import Dialogue, events, step
    from APP.core import service

    class Inner(Dialogue):
        @step("secret? ", hidden=True)
        def secret(self, line):
            return self.done(line)

    class Outer(Dialogue):
        @step("go? ")
        def go(self, line):
            return self.call(Inner(), then=self.went)

        @step("went? ")
        def went(self, value):
            self.client.user = value

    @service.listen(events.Connect)
    def connect(event):
        event.client.start_dialogue(Outer())
"""


@pytest.fixture
def behind(run):
    """A person is at a hidden question of a dialogue that another one has called."""
    app = run(talk=BEHIND)
    app.bob = app.person()
    assert app.bob.types("yes") == "secret? "
    app.bob.new_text()
    return app


def test_a_step_that_is_gone_behind_another_dialogue_asks_nothing_yet(behind):
    """The person goes on in the one in front, and comes back to what it was called for."""
    assert behind.reload(talk=lambda text: text.replace("def go(", "def come(")).ok
    bob = behind.bob
    assert (bob.new_text(), bob.transport.hidden) == ("", True)
    assert bob.types("x") == "\ngo? "
    assert bob.client.user == "x"
    assert not bob.transport.hidden


def test_a_class_that_is_gone_behind_another_dialogue_goes_on_with_nothing(behind):
    """What the dialogue in front gives is not handed to the code that has gone; nor is it shown."""
    assert behind.reload(talk=lambda text: text.replace("Outer", "Other")).ok
    bob = behind.bob
    assert (bob.new_text(), bob.transport.hidden) == ("", True)
    bob.types("x")
    assert bob.client.user is None
    assert bob.client.dialogues == []


def test_a_class_that_is_gone_in_front_leaves_the_person_at_the_one_behind(behind):
    notice = behind.service.settings.reload_restart_notice
    assert behind.reload(talk=lambda text: text.replace("Inner", "Other")).ok
    bob = behind.bob
    assert bob.new_text() == f"\n\n{notice}\ngo? "
    assert bob.types("x") == "secret? "


@pytest.mark.parametrize(
    ("old", "new"), [('@step("go? ")', "#"), ("class Outer(Dialogue)", "class Outer")]
)
def test_a_class_without_steps_ends_the_dialogue(run, old, new):
    app = run(talk=BEHIND)
    bob = app.person()
    report = app.reload(talk=lambda text: text.replace(old, new).replace('@step("went? ")', "#"))
    assert report.ok
    assert any("has no steps any more" in note for note in report.warnings)
    assert bob.client.dialogues == []
    assert app.reload().ok
