"""What people can do here. A line that begins with a dot is a command, any other is said aloud."""

from collections.abc import Callable

from cletus import events
from example_service.core import service
from example_service.users import User, everyone_online, tell_everyone

Command = Callable[[User, str], None]
COMMANDS: dict[str, Command] = {}


def command(function: Command) -> Command:
    """Register a function as the command of its name."""
    COMMANDS[function.__name__] = function
    return function


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
    run = COMMANDS.get(name.lower())
    if run is None:
        user.write(f"There is no command .{name}; .help lists them all.")
    else:
        run(user, rest.strip())


@command
def say(user: User, text: str) -> None:
    """.say TEXT: say something to everybody."""
    user.lines_said += 1
    user.write(f"You say: {text}")
    tell_everyone(f"{user} says: {text}", but=user)


@command
def tell(user: User, rest: str) -> None:
    """.tell NAME TEXT: say something to one person."""
    name, _, text = rest.partition(" ")
    other = User.manager.get_active_by_name(name)
    if other is None or not text:
        user.write(f"Nobody called {name!r} is here." if text else "Usage: .tell NAME TEXT")
        return
    other.write(f"{user} tells you: {text}")
    user.write(f"You tell {other}: {text}")


@command
def who(user: User, _: str) -> None:
    """.who: see who is here."""
    people = everyone_online()
    user.write(f"{'Name':<16}{'Said':>6}  Title")
    for person in people:
        user.write(f"{person!s:<16}{person.lines_said:>6}  {person.title}")
    user.write(f"{len(people)} here.")


@command
def title(user: User, text: str) -> None:
    """.title TEXT: what the list of people says about you."""
    user.title = text[:50] or "has no title"
    user.save_soon()
    user.write(f"You are now: {user} {user.title}")


@command
def quit(user: User, _: str) -> None:  # noqa: A001 - the name of the command
    """.quit: leave."""
    user.write("The lantern stays lit for you. Goodbye!")
    user.client.close("quit")


@command
def help(user: User, _: str) -> None:  # noqa: A001 - the name of the command
    """.help: this list."""
    user.write(*sorted(run.__doc__ or name for name, run in COMMANDS.items()))
