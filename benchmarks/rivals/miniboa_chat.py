"""miniboa: every line goes to everybody. It uses select(), so 1,000 clients are its most."""

import sys

from miniboa import TelnetServer

CLIENTS: dict = {}


def main():
    server = TelnetServer(
        port=int(sys.argv[1]),
        address="127.0.0.1",
        on_connect=lambda client: CLIENTS.__setitem__(client, None),
        on_disconnect=lambda client: CLIENTS.pop(client, None),
        timeout=0.001,
        max_connections=5000,
    )
    while True:
        server.poll()
        for client in tuple(CLIENTS):
            if client.active and client.cmd_ready:
                line = client.get_command()
                for other in CLIENTS:
                    other.send(line + "\n")


if __name__ == "__main__":
    main()
