"""A talker of one module, with commands."""

from __future__ import annotations

import pytest

USERS = """
    from cletus.contrib.commands import AliasesMixin, CooldownsMixin
    from cletus.contrib.users import BaseUser
    from cletus.storage import Field
    from APP.core import service

    class User(AliasesMixin, CooldownsMixin, BaseUser):
        service = service
        powers = Field(set, session=True)

        def has_permission(self, what):
            return what in self.powers
"""

TALK = '''
    from datetime import timedelta
    from enum import Enum
    from typing import Literal
    from twisted.internet.defer import fail, succeed
    from cletus import events
    from cletus.contrib.commands import CommandRegistry, Refused, Rest, edit_aliases, online
    from APP.core import service
    from APP.users import User

    commands = CommandRegistry(service, prefix=".", make_reference=lambda: "f00")

    @service.listen(events.Connect)
    def connect(event):
        User(f"user{event.client.id}", name=f"User{event.client.id}").log_in(event.client)

    @service.listen(events.Receive)
    def receive(event):
        return commands.run(event, event.data)

    class Colour(Enum):
        RED = 1
        GREEN = 2

    @commands.register(aliases=("'",))
    def say(event, message: Rest):
        """Say something to all.

        Everybody who is here hears it.
        """
        event.client.write(f"You say: {message}")

    @commands.register(using={"who": online})
    def tell(event, who: User, message: Rest):
        """Say something to one person."""
        who.write(f"{event.user} tells you: {message}")

    @commands.register
    def about(event, who: User):
        event.client.write(f"{who} is {who.key}")

    @commands.register
    def roll(event, sides: int = 6, times: int = 1):
        """Roll dice."""
        event.client.write(f"{times}d{sides}")

    @commands.register
    def nap(event, how_long: timedelta):
        event.client.write(f"zzz {how_long.total_seconds():.0f}")

    @commands.register
    def paint(event, colour: Colour, finish: Literal["matt", "glossy"] = "matt"):
        event.client.write(f"{colour.name} {finish}")

    @commands.register
    def invite(event, *people: User):
        event.client.write(" ".join(one.key for one in people))

    @commands.register
    def light(event, on: bool, level: float = 1.0):
        event.client.write(f"{on} {level}")

    @commands.register(cooldown=30)
    def shout(event, message: Rest):
        """Shout."""
        service.write_all(f"{event.user} shouts: {message}")

    @commands.register
    def crash(event):
        secret = {}["nothing"]

    @commands.register
    async def crash_later(event):
        await event.client.ask("Sure? ")
        raise ValueError("later")

    @commands.register
    def deferred(event, how: Literal["well", "ill", "refused"]):
        return {"well": succeed, "ill": fail, "refused": fail}[how](
            {"well": 1, "ill": ValueError(how), "refused": Refused("Not so.")}[how]
        )

    @commands.register
    def alias(event, text: Rest = ""):
        event.client.write(*edit_aliases(commands, event.user, text))

    @commands.register
    def refuse(event):
        raise Refused("Not today.")

    @commands.register(cooldown=10)
    async def rename(event):
        first = await event.client.ask("Who? ")
        second = await event.client.ask("To whom? ")
        event.client.write(f"{first} to {second}")

    admin = commands.group("Admin", requires="admin")

    @admin.register(in_full=True)
    def shutdown(event):
        """Stop it all."""
        event.client.write("down")

    @admin.register(requires=lambda event: event.user.key == "user1")
    def shudder(event):
        event.client.write("brr")

    commands.topic("manners", "Be kind.\\nBe brief.")
'''


@pytest.fixture
def talk(run):
    """The running application; ``talk.bob`` is there, and ``talk.ann``."""
    app = run(users=USERS, talk=TALK)
    app.bob, app.ann = app.person(), app.person()
    return app
