"""How people come in and leave."""

from talk.core import service
from talk.users import User, tell_everyone

from cletus import Client, events


@service.listen(events.Connect)
async def connect(event: events.Connect) -> None:
    """Somebody stands at the door: ask who they are."""
    client, user = event.client, None
    while user is None:
        user = await ask_who(client)
    user.log_in(client)
    user.visits += 1
    user.save_soon()
    client.write(f"Welcome, {user}! This is visit number {user.visits}.", "Do come in.")
    tell_everyone(f"* {user} comes in.", but=user)


async def ask_who(client: Client) -> User | None:
    """The user of this name; None if the password is wrong."""
    name = (await client.ask("What is your name? ")).strip()
    user = User.manager.get_by_username(name)
    if user is None:
        return await register(client, name)
    password = await client.ask("Password: ", hidden=True)
    if await user.check_password(password):
        return user
    client.write("Wrong password.")
    return None


async def register(client: Client, name: str) -> User:
    """A name that nobody has."""
    password = await client.ask("Choose a password: ", hidden=True)
    user = User.manager.create(name, name=name)
    await user.set_password(password)
    user.save()
    return user


@service.listen(events.Disconnect)
def disconnect(event: events.Disconnect) -> None:
    """They are gone, in whatever way."""
    user = event.user
    if user is not None:
        user.save_soon()
        user.log_out()
        tell_everyone(f"* {user} leaves.")
