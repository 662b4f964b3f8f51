"""How people come in and leave."""

from cletus import Client, events
from cletus.errors import InvalidKey, KeyInUse
from example_service.core import service
from example_service.users import User, everyone_online, tell_everyone

BANNER = r"""
         .-.
        ( o )      T H E   L A N T E R N
        /|_|\      a small place to talk
"""
TRIES = 3


@service.listen(events.Connect)
async def connect(event: events.Connect) -> None:
    """Somebody stands at the door: ask who they are."""
    client = event.client
    client.write(BANNER)
    for _ in range(TRIES):
        user = await ask_who(client)
        if user is not None:
            welcome(client, user)
            return
    client.write("Come back when you remember. Goodbye!")
    client.close("could not log in")


async def ask_who(client: Client) -> User | None:
    """A name and its password; None if they do not belong together."""
    name = (await client.ask("What is your name? ")).strip()
    try:
        user = User.manager.get_by_username(name)
        if user is None or user.password is None:
            return await register(client, name)
    except InvalidKey as error:
        client.write(f"That is no name: {error.reason}.")
        return None
    password = await client.ask("Your password? ", hidden=True)
    if await user.check_password(password):
        return user
    client.write("That is not the password of that name.")
    return None


async def register(client: Client, name: str) -> User | None:
    """A name that nobody has: make an account of it, if they want to."""
    answer = await client.ask(f"Nobody here is called {name}. Is that who you want to be (y/n)? ")
    if not answer.lower().startswith("y"):
        return None
    password = await client.ask("Choose a password: ", hidden=True)
    if len(password) < 8:
        client.write("Eight letters at least, please.")
        return None
    try:
        user = User.manager.create(name, name=name)
    except KeyInUse:
        client.write("Somebody has just taken that name.")
        return None
    await user.set_password(password)
    user.save()
    return user


def welcome(client: Client, user: User) -> None:
    """They are who they say they are."""
    user.log_in(client)
    user.visits += 1
    user.save_soon()
    others = ", ".join(str(other) for other in everyone_online() if other is not user)
    client.write(
        f"Welcome, {user}! This is visit number {user.visits}.",
        f"Here now: {others}." if others else "Nobody else is here yet.",
        "Type .help for what you can do; everything else is said aloud.",
    )
    tell_everyone(f"* {user} comes in.", but=user)


@service.listen(events.Disconnect)
def disconnect(event: events.Disconnect) -> None:
    """They are gone, in whatever way."""
    user = event.user
    if user is not None:
        user.save_soon()
        user.log_out()
        tell_everyone(f"* {user} leaves.")
