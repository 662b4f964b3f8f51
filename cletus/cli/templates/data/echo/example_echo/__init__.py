"""An echo. Change a text, save, and type the next line: you stay connected."""

from cletus import Service, events

service = Service()


@service.listen(events.Connect)
def connect(event: events.Connect) -> None:
    """Greet somebody who has connected."""
    event.client.write("Welcome! I repeat what you type.")


@service.listen(events.Receive)
def receive(event: events.Receive) -> None:
    """Answer a line."""
    event.client.write(f"You said: {event.data}")
