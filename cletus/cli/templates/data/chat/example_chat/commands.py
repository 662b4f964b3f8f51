"""The commands. A line without a dot is said aloud."""

from typing import Any

from cletus.contrib.commands import CommandRegistry, Rest
from cletus.contrib.users import save_for
from cletus.events import Receive

from example_chat.core import service
from example_chat.people import everyone, tell_everyone

commands = CommandRegistry(service, prefix=".")


@service.listen(Receive)
def receive(event: Receive) -> Any:
    """Run a line of somebody who has logged in."""
    line = event.data.strip()
    if event.user is None or not line:
        return None
    command = line if line.startswith(".") else f".say {line}"
    return commands.run(event, command)


@commands.register(aliases=("'",))
def say(event: Receive, message: Rest) -> None:
    """Say something to everybody. The command is optional."""
    user = event.user
    user.lines_said += 1
    user.write(f"You say: {message}")
    tell_everyone(f"{user} says: {message}", exclude=user, by=user)


@commands.register(aliases=(":",))
def emote(event: Receive, action: Rest) -> None:
    """Do something: .emote waves, or .:waves."""
    tell_everyone(f"{event.user} {action}", by=event.user)


@commands.register
def who(event: Receive) -> None:
    """List who is online."""
    for person in everyone():
        numbers = f"lines: {person.lines_said}, visits: {person.visits}"
        event.user.write(f"{person!s:<16} {person.about}  ({numbers})")


@commands.register
def about(event: Receive, text: Rest) -> None:
    """Say something about yourself: .about likes tea."""
    event.user.about = text[:60]
    save_for(event.user, event.user)
    event.user.write(f"About you: {event.user.about}")


@commands.register(name="help")
def help_(event: Receive, command: Rest = "") -> None:
    """List the commands, or read about one: .help who."""
    event.user.write(*commands.help(event, command))


@commands.register(name="quit")
def quit_(event: Receive) -> None:
    """Leave."""
    event.user.write("Goodbye!")
    event.client.close()
