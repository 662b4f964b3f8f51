"""Commands for builders.

``cletus user role example_mud ann builder`` makes ann a builder.
"""

from cletus.contrib.commands import Refused, Rest
from cletus.contrib.editor import Editor
from cletus.contrib.language import sentence
from cletus.contrib.menus import Form
from cletus.contrib.rooms import spelled_out
from cletus.contrib.things import choose_object
from cletus.contrib.users import save_for
from cletus.errors import InvalidKey, KeyInUse
from cletus.events import Receive

from example_mud.commands import building
from example_mud.world import Room, Thing


@building.register
def dig(event: Receive, direction: str, name: Rest) -> None:
    """Build a room behind a new exit: dig north The attic."""
    here = event.user.room
    if spelled_out(direction) in here.exits:
        raise Refused(f"There already is an exit {direction}.")
    try:
        room = Room.manager.create(name.replace(" ", "-"), name=name)
    except (InvalidKey, KeyInUse) as error:
        raise Refused(sentence(error)) from None
    here.connect(direction, room)
    save_for(room, event.user)
    save_for(here, event.user)
    event.user.write(f"There is now an exit {direction}, to {room}.")


@building.register
def describe(event: Receive) -> None:
    """Write the description of the room you are in."""
    room = event.user.room
    if room.source:
        raise Refused("This room comes from a file of areas/. Edit it there.")
    event.client.start_dialogue(Editor(room.description, then=room.describe))


@building.register
def make(event: Receive, name: Rest) -> None:
    """Make a thing, and say what it is like: make old hat."""
    try:
        thing = Thing.manager.make(name, event.user)
    except InvalidKey as error:
        raise Refused(sentence(error)) from None
    names = ("description", "weight", "container", "wearable", "healing")
    event.client.start_dialogue(Form(thing, names))


@building.register(in_full=True)
def destroy(event: Receive, item: Rest) -> None:
    """Destroy a thing for good. What is in it stays."""
    user = event.user
    thing = choose_object(item, (*user.contents, *user.room.contents))
    thing.delete()
    user.write(f"{thing.definite.capitalize()} is gone.")
