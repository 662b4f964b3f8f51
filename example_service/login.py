"""How people come in and leave."""

from cletus import step
from cletus.contrib.language import listed
from cletus.contrib.users import (
    LinkLost,
    LoggedIn,
    LoggedOut,
    LoginDialogue,
    Reconnected,
    Users,
    ago,
)

from example_service.core import service
from example_service.mail import Mailbox
from example_service.rooms import START, Room
from example_service.users import Guest, User, everyone_online, tell_everyone

BANNER = r"""
         .-.
        ( o )      T H E   L A N T E R N
        /|_|\      a small place to talk
"""
PRONOUNS = "What are your pronouns (they, she, he, it, or four of your own)? "


class Login(LoginDialogue):
    """The questions at the door, and one more for newcomers."""

    banner = BANNER

    def registered(self) -> object:
        """Their account is made; they may still say more of themselves."""
        return self.ask_pronouns

    @step(PRONOUNS)
    def ask_pronouns(self, line: str) -> object:
        """An empty line is they; what cannot be pronouns is asked again."""
        if line.strip():
            self.user.pronouns = line
        return self.enter()

    def welcome(self) -> None:
        """They are about to come in."""
        user, others = self.user, listed(everyone_online(), nothing="nobody")
        if user.visits > 1:
            when = ago(user.last_seen, users.now())
            self.client.write(f"You were last here {when}.")
        self.client.write(
            f"Welcome, {user}! This is visit number {user.visits}.",
            f"Here now: {others}.",
            "Type .help for what you can do; everything else is said aloud.",
        )


users = Users(service, User, login=Login, guest=Guest, reserved={"lantern"})


@service.listen(LoggedIn)
def logged_in(event: LoggedIn) -> None:
    """They have told who they are."""
    user = event.user
    tell_everyone(f"* {user} comes in.", but=user)
    user.enter_room(user.room or Room.manager.get(START), quietly=True)
    if not isinstance(user, Guest):
        news = Mailbox.manager.of(user).summary()
        if news:
            user.write(news)


@service.listen(LinkLost)
def link_lost(event: LinkLost) -> None:
    """Their connection broke; for a while they are waited for."""
    user = event.user
    tell_everyone(f"* {user} stares into the distance.", but=user)


@service.listen(Reconnected)
def reconnected(event: Reconnected) -> None:
    """They are back before that while was over."""
    if event.was_lost:
        tell_everyone(f"* {event.user} is back among us.", but=event.user)


@service.listen(LoggedOut)
def logged_out(event: LoggedOut) -> None:
    """They have gone, in whatever way."""
    event.user.leave_room(quietly=True)
    Mailbox.manager.release(event.user)
    tell_everyone(f"* {event.user} leaves.")
