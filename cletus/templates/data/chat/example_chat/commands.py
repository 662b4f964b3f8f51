"""What people can type. A line without a dot before it is said aloud."""

from typing import Any

from cletus.contrib.commands import CommandRegistry, Rest
from cletus.events import Receive

from example_chat.core import service
from example_chat.people import everyone, tell_everyone

commands = CommandRegistry(service, prefix=".")


@service.listen(Receive)
def receive(event: Receive) -> Any:
    """Somebody who has come in has typed a line."""
    line = event.data.strip()
    if event.user is None or not line:
        return None
    command = line if line.startswith(".") else f".say {line}"
    return commands.run(event, command)


@commands.register(aliases=("'",))
def say(event: Receive, message: Rest) -> None:
    """Say something to everybody. No command is needed for it."""
    event.user.lines_said += 1
    event.user.write(f"You say: {message}")
    tell_everyone(f"{event.user} says: {message}", but=event.user)


@commands.register(aliases=(":",))
def emote(event: Receive, deed: Rest) -> None:
    """Do something: .emote waves, or .:waves."""
    tell_everyone(f"{event.user} {deed}")


@commands.register
def who(event: Receive) -> None:
    """See who is here."""
    for person in everyone():
        said = f"{person.lines_said} said, visit number {person.visits}"
        event.user.write(f"{person!s:<16} {person.about}  ({said})")


@commands.register
def about(event: Receive, text: Rest) -> None:
    """Say what people should know about you: .about likes tea."""
    event.user.about = text[:60]
    event.user.save_soon()
    event.user.write(f"People read of you: {event.user.about}")


@commands.register(name="help")
def help_(event: Receive, command: Rest = "") -> None:
    """Read what you can do, or about one command: .help who."""
    event.user.write(*commands.help(event, command))


@commands.register(name="quit")
def quit_(event: Receive) -> None:
    """Leave."""
    event.user.write("Goodbye!")
    event.client.close()
