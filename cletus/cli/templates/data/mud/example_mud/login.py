"""Login and logout."""

from cletus.contrib.moderation import Moderation
from cletus.contrib.users import (
    LoggedIn,
    LoggedOut,
    LoginDialogue,
    Reconnected,
    Users,
)

from example_mud.core import service
from example_mud.people import User
from example_mud.world import START, Room


class Login(LoginDialogue):
    """The login dialogue."""

    banner = "T H E   M A R S H\n\nA small world. Watch where you step.\n"

    def welcome(self) -> None:
        """Greet a user who is about to come online."""
        self.client.write(
            f"Welcome, {self.user}! Type help for what you can do."
        )


users = Users(service, User, login=Login)
moderation = Moderation(users, jail="lock-up", start=START)


@service.listen(LoggedIn)
def logged_in(event: LoggedIn) -> None:
    """Somebody has come online."""
    event.user.enter_room(event.user.room or Room.manager.get_or_any(START))


@service.listen(Reconnected)
def reconnected(event: Reconnected) -> None:
    """Somebody has returned."""
    event.user.write(*event.user.room.look(event.user))


@service.listen(LoggedOut)
def logged_out(event: LoggedOut) -> None:
    """Somebody has gone offline, for whatever reason."""
    event.user.stop_fighting()
    event.user.leave_room()
