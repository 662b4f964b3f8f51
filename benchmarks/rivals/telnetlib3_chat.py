"""telnetlib3's server: every line goes to everybody."""

import asyncio
import sys

import telnetlib3

CLIENTS: dict = {}


async def shell(reader, writer):
    CLIENTS[writer] = None
    try:
        while line := await reader.readline():
            text = line.rstrip("\r\n") + "\r\n"
            for client in tuple(CLIENTS):
                client.write(text)
    except ConnectionError:
        pass
    finally:
        CLIENTS.pop(writer, None)


async def main():
    await telnetlib3.create_server(
        host="127.0.0.1", port=int(sys.argv[1]), shell=shell, encoding="utf8", connect_maxwait=0.1
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
