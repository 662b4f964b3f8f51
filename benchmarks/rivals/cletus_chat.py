"""Cletus: every line goes to everybody."""

import sys

from cletus import Service, events

service = Service()


@service.listen(events.Receive)
def receive(event: events.Receive) -> None:
    service.write_all(event.data)


if __name__ == "__main__":
    from cletus.doors.accept_limit import raise_limit

    raise_limit(1 << 20)
    sys.argv[1:] = [
        "--port",
        sys.argv[1],
        "--store",
        "memory:",
        "--no-reload",
        "--line-rate",
        "0",
        "--connections-per-address",
        "0",
    ]
    service.run()
