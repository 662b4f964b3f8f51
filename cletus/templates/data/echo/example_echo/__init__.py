"""An echo. Change a text, save, and type the next line: you stay connected."""

from cletus import Service, events

service = Service()


@service.listen(events.Connect)
def connect(event: events.Connect) -> None:
    """Somebody has come in."""
    event.client.write("Welcome! Whatever you type comes back.")


@service.listen(events.Receive)
def receive(event: events.Receive) -> None:
    """Somebody has typed a line."""
    event.client.write(f"You said: {event.data}")
