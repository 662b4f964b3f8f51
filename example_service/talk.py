"""Talking, and being somebody."""

from cletus.contrib.commands import Refused, Rest, online
from cletus.contrib.users import ChangePassword, ago
from cletus.events import Receive
from cletus.text import style

from example_service.commands import people, talking
from example_service.layout import table
from example_service.login import users
from example_service.users import (
    User,
    everyone_online,
    has_account,
    tell_everyone,
)


@talking.register(aliases=("'",))
def say(event: Receive, message: Rest) -> None:
    """Say something to those who are here. No command is needed for it."""
    user = event.user
    user.lines_said += 1
    user.write(f"You say: {message}")
    user.room.write_all(f"{user} says: {message}", exclude=user, by=user)


@talking.register(aliases=(":",))
def emote(event: Receive, deed: Rest) -> None:
    """Do something: .emote lights a lamp."""
    user = event.user
    user.room.write_all(f"{user} {deed}", by=user)


@talking.register(aliases=(">",), using={"who": online})
def tell(event: Receive, who: User, message: Rest) -> None:
    """Say something to one person, wherever they are."""
    user = event.user
    if who.ignores(user):
        raise Refused(f"{who} ignores you.")
    who.told_by = user.key
    line = "[magenta]{user} tells you: {message}[/]"
    who.write(style(line, user=user, message=message))
    user.write(f"You tell {who}: {message}")
    if who.is_away:
        user.write(f"{who} is {who.away_text()}.")


@talking.register
def reply(event: Receive, message: Rest) -> None:
    """Answer whoever has told you something last."""
    if not event.user.told_by:
        raise Refused("Nobody has told you anything yet.")
    tell(event, online(event.user.told_by, User, event), message)


@talking.register(cooldown=15)
def shout(event: Receive, message: Rest) -> None:
    """Say something to everybody. You will be hoarse for a moment."""
    line = "[yellow]{who} shouts: {message}[/]"
    tell_everyone(style(line, who=event.user, message=message), by=event.user)


@people.register
def who(event: Receive) -> None:
    """See who is here."""
    rows = [
        (one, one.room or "", one.away_text() or one.title)
        for one in everyone_online()
    ]
    event.user.write(*table(("Name", "Where", "Doing"), rows))
    event.user.write(f"{len(rows)} here.")


@people.register(aliases=("whois",))
def finger(event: Receive, somebody: User) -> None:
    """Read about somebody, here or not."""
    seen = "here" if somebody.is_online else f"seen {_seen(somebody)}"
    event.user.write(
        f"{somebody} {somebody.title}",
        f"Pronouns: {somebody.pronouns}",
        f"Visits: {somebody.visits}, {seen}",
    )


def _seen(somebody: User) -> str:
    return ago(somebody.last_seen, users.now())


@people.register
def title(event: Receive, text: Rest) -> None:
    """What is said about you: .title lights lamps."""
    event.user.title = text[:50]
    event.user.save_when_possible()
    event.user.write(f"You are now: {event.user} {event.user.title}")


@people.register
def pronouns(event: Receive, text: Rest) -> None:
    """Choose your pronouns: they, she, he, it, or four of your own."""
    event.user.pronouns = text
    event.user.save_when_possible()
    event.user.write(f"Yours are {event.user.pronouns}.")


@people.register
def away(event: Receive, message: Rest = "") -> None:
    """Say that you are away, until you type something."""
    event.user.go_away(message[:50])
    event.user.write("You are away.")


@people.register
def ignore(event: Receive, somebody: User) -> None:
    """Hear somebody no more; once more to hear them again."""
    user = event.user
    if user.ignores(somebody):
        user.unignore(somebody)
        user.write(f"You hear {somebody} again.")
    elif user.ignore(somebody):
        user.write(f"You do not hear {somebody} any more.")
    else:
        raise Refused("That cannot be ignored.")
    user.save_when_possible()


@people.register(requires=has_account)
def password(event: Receive) -> None:
    """Change your password."""
    event.client.start_dialogue(ChangePassword())
