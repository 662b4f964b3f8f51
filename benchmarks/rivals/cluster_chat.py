"""Accounts in rooms of 25: the first line is a name, each later one is said to the room, or to all.

Who comes by a gateway again is logged in by ``client.claim``, as ``contrib.users`` does it.
"""

from cletus import Client, Service, events
from cletus.client.client import write_all
from cletus.storage import Field, Store

ROOM = 25  # people
service = Service()


class Account(Store):
    """Somebody; saved once, at the first login."""

    service = service
    room = Field(0)


rooms: dict[int, set[Client]] = {}


def come_in(client: Client, name: str) -> None:
    """Log in, in the room of the account."""
    account = Account.manager.get(name)
    if account is None:
        account = Account(name, room=int("".join(filter(str.isdecimal, name)) or 0) // ROOM)
        account.save_soon()
    client.user = account
    rooms.setdefault(account.room, set()).add(client)


@service.listen(events.PostStart)
def started(_event: events.PostStart) -> None:
    """Another primary's clients are here again; which room has whom is not kept."""
    for client in service.clients:
        if client.user is not None:
            rooms.setdefault(client.user.room, set()).add(client)


@service.listen(events.Connect)
def connect(event: events.Connect) -> None:
    claim = event.client.claim
    if claim is not None and claim.proven:
        come_in(event.client, claim.name)


@service.listen(events.Disconnect)
def disconnect(event: events.Disconnect) -> None:
    user = event.client.user
    if user is not None:
        rooms[user.room].discard(event.client)


@service.listen(events.Receive)
def receive(event: events.Receive) -> None:
    client = event.client
    if client.user is None:
        come_in(client, event.data)
    elif event.data.startswith("!"):
        service.write_all(event.data)
    else:
        write_all(rooms[client.user.room], event.data)
