"""Cletus: every line goes to everybody. The door is telnet, or what comes after the port: web, ssh."""

import sys

from cletus import Service, events

service = Service()


@service.listen(events.Receive)
def receive(event: events.Receive) -> None:
    service.write_all(event.data)


if __name__ == "__main__":
    from cletus.doors.accept_limit import raise_limit

    raise_limit(1 << 20)
    port, *doors = sys.argv[1:]
    door = doors[0] if doors and doors[0] in ("web", "ssh") else "telnet"
    sys.argv[1:] = [
        "--listen",
        f"{door}:tcp:{port}:interface=127.0.0.1",
        "--store",
        "memory:",
        "--no-reload",
        "--line-rate",
        "0",
        "--connections-per-address",
        "0",
    ]
    service.run()
