"""Login and logout."""

from cletus import step
from cletus.contrib.language import listed
from cletus.contrib.moderation import Moderation
from cletus.contrib.users import (
    LinkLost,
    LoggedIn,
    LoggedOut,
    LoginDialogue,
    Reconnected,
    Users,
    ago,
)
from cletus.events import TakenOver

from example_service.core import service
from example_service.mail import Mailbox
from example_service.rooms import START, Room
from example_service.users import Guest, User, everyone_online, tell_everyone

BANNER = r"""
         .-.
        ( o )      T H E   L A N T E R N
        /|_|\      a small place to talk
"""
PRONOUNS = "Your pronouns (she, he, it, xe/xem/xyr/xemself; Enter for they)? "


class Login(LoginDialogue):
    """The login dialogue, with one more question for newcomers."""

    banner = BANNER

    def registered(self) -> object:
        """Ask for pronouns when the account is created."""
        return self.ask_pronouns

    @step(PRONOUNS)
    def ask_pronouns(self, line: str) -> object:
        """The setter refuses what is not pronouns; then this asks again."""
        if line.strip():
            self.user.pronouns = line
        return self.enter()

    def welcome(self) -> None:
        """Greet a user who is about to come online."""
        user, online = self.user, everyone_online()
        if user.visits > 1:
            when = ago(user.last_seen, users.now())
            self.client.write(f"You were last here {when}.")
        self.client.write(
            f"Welcome, {user}! This is visit number {user.visits}.",
            f"Here now: {listed(online)}."
            if online
            else "You are the first one here.",
            "Type .help for what you can do; everything else is said aloud.",
        )


def notice(text: str, user: User) -> None:
    """Tell the others about somebody who comes or goes."""
    tell_everyone(f"* {user} {text}", exclude=user, by=user, notice=True)


users = Users(service, User, login=Login, guest=Guest, reserved={"lantern"})
moderation = Moderation(users)


@service.listen(LoggedIn)
def logged_in(event: LoggedIn) -> None:
    """Somebody has come online."""
    user = event.user
    notice("comes in.", user)
    user.enter_room(user.room or Room.manager.get(START), quietly=True)
    if not isinstance(user, Guest):
        news = Mailbox.manager.of(user).summary()
        if news:
            user.write(news)


@service.listen(TakenOver)
def taken_over(_: TakenOver) -> None:
    """After a crash, who had just come in may be in no room."""
    for user in everyone_online():
        if user.room is None:
            user.enter_room(Room.manager.get(START), quietly=True)


@service.listen(LinkLost)
def link_lost(event: LinkLost) -> None:
    """Somebody's connection broke; they stay online for a while."""
    notice("has lost the connection.", event.user)


@service.listen(Reconnected)
def reconnected(event: Reconnected) -> None:
    """Somebody has returned before that while was over."""
    user = event.user
    if event.was_lost:
        notice("is back.", user)
    if user.room is not None:
        user.write(*user.room.look(user))


@service.listen(LoggedOut)
def logged_out(event: LoggedOut) -> None:
    """Somebody has gone offline, for whatever reason."""
    event.user.leave_room(quietly=True)
    Mailbox.manager.release(event.user)
    notice("leaves.", event.user)
