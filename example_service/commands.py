"""The registry of commands. A line without a dot is said aloud."""

from typing import Any

from cletus.contrib.commands import CommandRegistry, Rest
from cletus.contrib.pager import page
from cletus.events import Receive

from example_service.core import service
from example_service.users import has_account

commands = CommandRegistry(service, prefix=".")
# Help lists the groups in this order.
general = commands.group("General")
talking = commands.group("Talking")
people = commands.group("People")
moving = commands.group("Moving")
channel = commands.group("Channels", requires=has_account)
mail = commands.group("Mail", requires=has_account)
building = commands.group("For builders", requires="build")
keeping = commands.group("For keepers")
admin = commands.group("For admins", requires="admin")


@service.listen(Receive)
def receive(event: Receive) -> Any:
    """Run a line of a user who is logged in."""
    line = event.data.strip()
    user = event.user
    if user is None or not line:
        return None
    if user.come_back():
        user.write("You are back.")
    if hint := commands.hint(event, line):
        user.write(f"{hint} To say it aloud: .say {line}")
        return None
    line = line if line.startswith(".") else f".say {line}"
    result = commands.run(event, line)
    user.show_prompt()
    return result


@general.register(name="help", aliases=("?",))
def help_(event: Receive, about: Rest = "") -> None:
    """Read about a command, or search for a word.

    .help alone lists all commands.
    """
    page(event.client, commands.help(event, about))


@general.register(name="quit")
def quit_(event: Receive) -> None:
    """Leave."""
    event.user.write("Goodbye! The lantern stays lit for you.")
    event.user.leave("quit")


commands.topic("manners", "Be kind. Be brief. Leave the lamp burning.")
