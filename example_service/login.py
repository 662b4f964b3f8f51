"""How people come in and leave."""

from cletus import step
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
from example_service.users import Guest, User, everyone_online, tell_everyone


class Login(LoginDialogue):
    """The questions at the door: those of ``LoginDialogue``, and one more for newcomers."""

    banner = r"""
         .-.
        ( o )      T H E   L A N T E R N
        /|_|\      a small place to talk
"""

    def registered(self) -> object:
        return self.ask_pronouns

    @step("What are your pronouns (they, she, he, it, or four of your own)? ")
    def ask_pronouns(self, line: str) -> object:
        """An empty line is they; what cannot be pronouns is asked again."""
        if line.strip():
            self.user.pronouns = line
        return self.enter()

    def welcome(self) -> None:
        user, others = self.user, ", ".join(map(str, everyone_online()))
        if user.visits > 1:
            self.client.write(f"You were last here {ago(user.last_seen, users.now())}.")
        self.client.write(
            f"Welcome, {user}! This is visit number {user.visits}.",
            f"Here now: {others}." if others else "Nobody else is here yet.",
            "Type .help for what you can do; everything else is said aloud.",
        )


users = Users(service, User, login=Login, guest=Guest, reserved={"lantern"})


@service.listen(LoggedIn)
def logged_in(event: LoggedIn) -> None:
    """They have told who they are."""
    tell_everyone(f"* {event.user} comes in.", but=event.user)


@service.listen(LinkLost)
def link_lost(event: LinkLost) -> None:
    """Their connection broke; for a while they are waited for."""
    tell_everyone(f"* {event.user} stares into the distance.", but=event.user)


@service.listen(Reconnected)
def reconnected(event: Reconnected) -> None:
    """They are back before that while was over."""
    if event.was_lost:
        tell_everyone(f"* {event.user} is back among us.", but=event.user)


@service.listen(LoggedOut)
def logged_out(event: LoggedOut) -> None:
    """They have gone, in whatever way."""
    tell_everyone(f"* {event.user} leaves.")
