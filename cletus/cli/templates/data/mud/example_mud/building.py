"""Commands for builders: those of Cletus, and one for making things.

``cletus user role example_mud ann builder`` makes ann a builder.
"""

from cletus.contrib.building import register_commands
from cletus.contrib.commands import Refused, Rest
from cletus.contrib.menus import Form
from cletus.errors import InvalidKey
from cletus.events import Receive

from example_mud.commands import building
from example_mud.world import Thing

register_commands(building)


@building.register(requires="build")
def make(event: Receive, name: Rest) -> None:
    """Make a thing, and say what it is like: make old hat."""
    try:
        thing = Thing.manager.make(name, event.user)
    except InvalidKey:
        raise Refused(f"A thing cannot be called {name!r}.") from None
    event.user.write(f"You carry {thing} now. What is it like?")
    names = ("description", "weight", "container", "wearable", "healing")
    event.client.start_dialogue(Form(thing, names))
