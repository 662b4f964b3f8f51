"""Talking, and what users say about themselves."""

from cletus.contrib.commands import Refused, Rest, online
from cletus.contrib.users import ago, write_users
from cletus.events import Receive
from cletus.text import style

from example_service.commands import people, talking
from example_service.gmcp import gmcp
from example_service.layout import table
from example_service.login import moderation, users
from example_service.users import User, tell_everyone

#: So many people are listed at once.
WHO_MAX = 50


@talking.register(aliases=("'",))
def say(event: Receive, message: Rest) -> None:
    """Say something to everybody in your room. The command is optional."""
    user = event.user
    text = f"{user} says: {message}"
    if user.room.write_all(text, exclude=user, by=user):
        user.lines_said += 1
        user.write(f"You say: {message}")
        moderation.history.note(user, user.room, message)


@talking.register(aliases=(":",))
def emote(event: Receive, action: Rest) -> None:
    """Do something: .emote lights a lamp."""
    user = event.user
    user.room.write_all(f"{user} {action}", by=user)


@talking.register(aliases=(">",), using={"to": online})
def tell(event: Receive, to: User, message: Rest) -> None:
    """Say something to one person, in any room."""
    user = event.user
    if to.ignores(user):
        raise Refused(f"{to} ignores you.")
    line = "[magenta]{user} tells you: {message}[/]"
    text = style(line, user=user, message=message)
    if not write_users([to], text, by=user, room=to):
        return
    moderation.history.note(user, f"to {to}", message)
    to.reply_to = user.key
    user.write(f"You tell {to}: {message}")
    gmcp.tell(user, to, message)
    if to.state_text():
        user.write(f"{to} is {to.state_text()}.")


@talking.register
def reply(event: Receive, message: Rest) -> None:
    """Answer the last person who has told you something."""
    if not event.user.reply_to:
        raise Refused("Nobody has told you anything yet.")
    tell(event, online(event.user.reply_to, User, event), message)


@talking.register(cooldown=15)
def shout(event: Receive, message: Rest) -> None:
    """Say something to everybody, once every 15 seconds."""
    line = "[yellow]{user} shouts: {message}[/]"
    text = style(line, user=event.user, message=message)
    tell_everyone(text, by=event.user)
    moderation.history.note(event.user, "shouting", message)


@people.register
def who(event: Receive, name: str = "") -> None:
    """List who is online, or those whose name begins so: .who al."""
    online = User.manager.online(name.lower())
    rows = [
        (user, user.room or "", user.state_text() or user.title)
        for user in online[:WHO_MAX]
    ]
    event.user.write(*table(("Name", "Room", "Doing"), rows))
    if len(online) > WHO_MAX:
        more = f"{len(online) - WHO_MAX:,} more are not shown."
        event.user.write(f"{more} Type the beginning of a name: .who al")
    whose = f" whose names begin with {name}" if name else ""
    event.user.write(f"{len(online):,} online{whose}.")


@people.register(aliases=("whois",))
def finger(event: Receive, user: User) -> None:
    """Read about a user, online or not."""
    last_seen = ago(user.last_seen, users.now())
    event.user.write(
        f"{user} {user.title}",
        f"Pronouns: {user.pronouns}",
        f"Visits: {user.visits}",
        "Online now." if user.is_online else f"Last seen: {last_seen}.",
    )


@people.register
def title(event: Receive, text: Rest) -> None:
    """Set the text beside your name: .title lights lamps."""
    event.user.title = text[:50]
    event.user.save_when_possible()
    event.user.write(f"You are now: {event.user} {event.user.title}")


@people.register
def pronouns(event: Receive, text: Rest) -> None:
    """Choose your pronouns: they, she, he, it, or xe/xem/xyr/xemself."""
    event.user.pronouns = text
    event.user.save_when_possible()
    event.user.write(f"Your pronouns are now {event.user.pronouns}.")


@people.register
def away(event: Receive, message: Rest = "") -> None:
    """Say that you are away, until you type something."""
    event.user.go_away(message[:50])
    event.user.write("You are away.")


@people.register
def ignore(event: Receive, other: User) -> None:
    """Ignore somebody, or stop ignoring them. Guests: all of an address."""
    user = event.user
    if user.ignores(other):
        user.unignore(other)
        user.write(f"You no longer ignore {other}.")
    elif user.ignore(other):
        user.write(f"You ignore {other} now.")
    else:
        raise Refused("You cannot ignore yourself, nor more than 200 users.")
    user.save_when_possible()
