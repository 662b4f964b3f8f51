"""What people can do here. A line that begins with a dot is a command, any other is said aloud."""

from collections.abc import Callable

from talk.core import service
from talk.users import User, everyone_online, tell_everyone

from cletus import events

Command = Callable[[User, str], None]


@service.listen(events.Receive)
def receive(event: events.Receive) -> None:
    """A line from somebody who is logged in."""
    user, line = event.user, event.data.strip()
    if user is None or not line:
        return
    if not line.startswith("."):
        say(user, line)
        return
    name, _, rest = line[1:].partition(" ")
    run = COMMANDS.get(name)
    if run is None:
        user.write(f"There is no command .{name}")
    else:
        run(user, rest.strip())


def say(user: User, text: str) -> None:
    """Say something to everybody."""
    user.lines_said += 1
    user.write(f"You say: {text}")
    tell_everyone(f"{user} says: {text}", but=user)


def who(user: User, _: str) -> None:
    """See who is here."""
    people = everyone_online()
    for person in people:
        user.write(f"{person!s:<16}{person.lines_said:>6}  {person.title}")
    user.write(f"{len(people)} here.")


def title(user: User, text: str) -> None:
    """What the list of people says about you."""
    user.title = text
    user.save_soon()
    user.write(f"You are now: {user} {user.title}")


def leave(user: User, _: str) -> None:
    """Leave."""
    user.write("Goodbye!")
    user.client.close("quit")


COMMANDS: dict[str, Command] = {"who": who, "title": title, "quit": leave}
