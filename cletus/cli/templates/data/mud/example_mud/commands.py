"""What people can type."""

from typing import Any

from cletus.contrib import moderation
from cletus.contrib.commands import (
    CommandRegistry,
    Refused,
    Rest,
    edit_aliases,
    online,
)
from cletus.contrib.menus import table
from cletus.contrib.pager import page
from cletus.contrib.rooms.directions import OPPOSITES, SHORT
from cletus.contrib.things import choose_object, register_commands
from cletus.contrib.users import edit_preferences, write_users
from cletus.events import Receive

from example_mud.core import service
from example_mud.fight import FighterMixin
from example_mud.people import User

commands = CommandRegistry(service)
# Help lists the groups in this order.
general = commands.group("General")
talking = commands.group("Talking")
moving = commands.group("Moving")
things = commands.group("Things")
fighting = commands.group("Fighting")
building = commands.group("For builders")
keeping = commands.group("For keepers")
register_commands(things)
moderation.register_commands(keeping)
talking.register(moderation.report, cooldown=30)


@service.listen(Receive)
def receive(event: Receive) -> Any:
    """Run a line of a user who is logged in."""
    user = event.user
    if user is None:
        return None
    result = commands.run(event, event.data)
    user.show_prompt()
    return result


@general.register(name="help", aliases=("?",))
def help_(event: Receive, about: Rest = "") -> None:
    """Read about a command, or list all commands."""
    page(event.client, commands.help(event, about))


@general.register
def preferences(event: Receive, name: str = "", value: Rest = "") -> None:
    """Width, colours, prompt, time zone: preferences width 60."""
    event.user.write(*edit_preferences(event.user, name, value))
    event.user.save_when_possible()


@general.register
def alias(event: Receive, text: Rest = "") -> None:
    """Short words for commands: alias hi = say Hello, $1! Then: hi marta."""
    event.user.write(*edit_aliases(commands, event.user, text))
    event.user.save_when_possible()


@general.register(name="quit")
def quit_(event: Receive) -> None:
    """Leave."""
    event.user.write("Goodbye!")
    event.user.leave("quit")


@general.register
def who(event: Receive) -> None:
    """List who is here."""
    rows = [(u, u.room or "", u.experience) for u in User.manager.online()]
    names = ("Name", "Room", "Experience")
    event.user.write(*table(names, rows, event.client))


@talking.register(aliases=("'",))
def say(event: Receive, message: Rest) -> None:
    """Say something to everybody in your room."""
    event.user.say(message)


@talking.register(using={"to": online})
def tell(event: Receive, to: User, message: Rest) -> None:
    """Say something to one person, in any room."""
    line = f"{event.user} tells you: {message}"
    if write_users([to], line, by=event.user, room=to):
        event.user.write(f"You tell {to}: {message}")


@moving.register
def go(event: Receive, direction: str) -> None:
    """Leave by an exit: go north, or just north or n."""
    event.user.go(direction)


def add_direction(direction: str) -> None:
    """Register ``north`` and ``n`` as commands for ``go north``."""
    aliases = tuple(key for key, name in SHORT.items() if name == direction)

    def take(event: Receive) -> None:
        event.user.go(direction)

    take.__doc__ = f"Go {direction}."
    commands.register(take, name=direction, aliases=aliases, listed=False)


for name in OPPOSITES:
    add_direction(name)


@things.register
def eat(event: Receive, item: Rest) -> None:
    """Eat something that you carry."""
    thing = choose_object(item, event.user.carried)
    if not thing.healing:
        raise Refused(f"You cannot eat {thing.definite}.")
    event.user.heal(thing.healing)
    event.user.write(f"You eat {thing.definite}.")
    thing.delete()


@fighting.register
def kill(event: Receive, target: Rest) -> None:
    """Fight somebody: kill eel."""
    foe = choose_object(target, event.user.room.occupants)
    if not isinstance(foe, FighterMixin) or isinstance(foe, User):
        raise Refused("You do not want to fight here.")
    event.user.attack(foe)
    event.user.write(f"You attack {foe}.")


@fighting.register
def flee(event: Receive) -> None:
    """Run away by the first exit."""
    if event.user.foe is None:
        raise Refused("Nobody fights you.")
    event.user.stop_fighting()
    event.user.go(next(iter(event.user.room.exits), "away"))


@fighting.register(aliases=("sc",))
def score(event: Receive) -> None:
    """See how you are."""
    user = event.user
    event.user.write(
        f"Health: {user.health} of {user.health_max}.",
        f"Experience: {user.experience}.",
    )
