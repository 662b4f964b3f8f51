"""A fuzz of edits: whatever is saved, people are on one complete generation and get their answers."""

from __future__ import annotations

import random
import re
import time

from cletus.reload.code.loader import MARK

EDITS = 500
SEED = 20261123

TALK = '''
    """What people can do here."""

    import dataclasses
    import enum

    from cletus import events
    from cletus.contrib.users import BaseUser
    from cletus.storage import Field, Store
    from APP.core import service

    COMMANDS = {}


    class Mood(enum.Enum):
        CALM = "calm"
        CROSS = "cross"


    @dataclasses.dataclass
    class Remark:
        who: str
        text: str
        loud: bool = False

        def spoken(self):
            return self.text.upper() if self.loud else self.text


    class User(BaseUser):
        service = service
        title = Field("new here")
        mood = Field(Mood.CALM, session=True)
        said = Field(list, session=True)


    class Room(Store):
        service = service
        text = Field("a bare room")
        guests = Field(list, session=True)


    hall = Room("hall")


    def command(function):
        COMMANDS[function.__name__] = function
        return function


    @service.listen(events.Connect)
    def connect(event):
        user = User(f"user{event.client.id}")
        user.log_in(event.client)
        hall.guests.append(user)


    @service.listen(events.Receive)
    def receive(event):
        name, _, rest = event.data.partition(" ")
        run = COMMANDS.get(name)
        if run is None:
            event.client.write(f"What is {name}?")
        else:
            run(event.user, rest)


    @command
    def say(user, text):
        remark = Remark(user.key, text, loud=text.endswith("!"))
        user.said.append(remark)
        service.write_all(f"{remark.who} says: {remark.spoken()}")


    @command
    def who(user, _):
        for one in hall.guests:
            user.write(f"{one.key} {one.title} {one.mood.value} {len(one.said)}")


    @command
    def sulk(user, _):
        user.mood = Mood.CROSS
        user.write("You sulk.")


    @service.every(30)
    def yawn():
        for user in hall.guests:
            user.write("You yawn.")
'''


def mutated(text: str, chance: random.Random) -> str:
    """The text after one to three accidents, such as happen while people edit."""
    for _ in range(chance.randint(1, 3)):
        lines = text.splitlines(keepends=True)
        if len(lines) < 2:
            return text
        accident = chance.randrange(7)
        n, m = chance.randrange(len(lines)), chance.randrange(len(lines))
        if accident == 0:
            text = text[: chance.randrange(len(text))]
        elif accident == 1:
            del lines[n : n + chance.randint(1, 4)]
            text = "".join(lines)
        elif accident == 2:
            lines[n], lines[m] = lines[m], lines[n]
            text = "".join(lines)
        elif accident == 3:
            names = re.findall(r"[A-Za-z_]{3,}", text)
            text = text.replace(chance.choice(names), chance.choice(names), chance.randint(1, 3))
        elif accident == 4:
            lines[n] = lines[n].replace("    ", "  ", 1)
            text = "".join(lines)
        elif accident == 5:
            at = chance.randrange(len(text))
            text = text[:at] + chance.choice("()[]{}:'\"\\\n\t\0é#=") + text[at:]
        else:
            lines.insert(n, lines[m])
            text = "".join(lines)
    return text


def ids(modules):
    """Without holding them: they shall be gone when they are replaced."""
    return {name: id(module) for name, module in modules.items()}


def test_500_random_edits_never_leave_a_half_generation_and_end_on_the_last_good_one(run):
    app = run({"reload_timeout": 2.0, "line_rate": 0.0}, talk=TALK)
    talk = f"{app.name}.talk"
    original = app.service.reloader.sources.modules[talk].data.decode()
    people = [app.person() for _ in range(3)]
    chance = random.Random(SEED)
    outcomes, answered = {True: 0, False: 0}, 0
    for number in range(EDITS):
        before = app.service.session.generation
        modules = ids(app.service.session.application.loaded())
        text = mutated(original, chance)
        report = app.reload(talk=lambda _, text=text: text)
        outcomes[report.ok] += 1
        after = app.service.session.generation
        assert after == before + report.ok, (number, str(report))
        now = app.service.session.application.loaded()
        if not report.ok:
            assert ids(now) == modules, (number, str(report))
            assert report.error
        assert len({vars(module)[MARK].number for module in now.values()}) == 1, number
        del now  # it would hold their modules over the next reload
        assert app.service.session.staged is None
        started = time.perf_counter()
        for person in people:
            assert not person.client.gone
            answered += bool(person.types(f"say hello {number}"))
        assert time.perf_counter() - started < 1.0
    assert outcomes[True] > EDITS / 20, outcomes
    assert outcomes[False] > EDITS / 5, outcomes
    # A good edit may well take the words away: only these may leave a line without an answer.
    assert answered > 0.8 * 3 * EDITS, answered
    assert app.reload(talk=lambda _: original).ok
    assert "You sulk." in people[0].types("sulk")
    if people[0].client.user is not None:
        assert "cross" in people[0].types("who")
    newcomer = app.person()
    assert newcomer.types("say I am new!").endswith("says: I AM NEW!\n")
