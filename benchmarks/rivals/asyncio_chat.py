"""asyncio streams: every line goes to everybody."""

import asyncio
import sys

CLIENTS: dict = {}


async def serve(reader, writer):
    CLIENTS[writer] = None
    try:
        while line := await reader.readline():
            data = line.rstrip(b"\r\n") + b"\r\n"
            for client in tuple(CLIENTS):
                client.write(data)
    except ConnectionError:
        pass
    finally:
        CLIENTS.pop(writer, None)
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
