"""Socials: those that come with Cletus, and those of socials.toml."""

from pathlib import Path

from cletus.contrib.commands import Rest, online
from cletus.contrib.socials import COMMON, Social, Socials, read_target
from cletus.events import Receive

from example_service.commands import commands
from example_service.users import User

OWN = Path(__file__).with_name("socials.toml")
socials = Socials(COMMON, OWN)
names = ", ".join(sorted(social.name for social in socials))


def add(social: Social) -> None:
    """Register a social as a command."""

    def perform(event: Receive, words: Rest = "") -> None:
        target, how = read_target(
            words, lambda name: online(name, User, event)
        )
        user = event.user
        social.perform(user, target, how, others=user.room.occupants)

    perform.__doc__ = f"{social.name.capitalize()}, alone or at somebody."
    commands.register(perform, name=social.name, listed=False)


for social in socials:
    add(social)
commands.topic(
    "socials", f"Try .wave, .wave at ann, .wave happily. All: {names}."
)
