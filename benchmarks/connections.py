"""Many connections: how fast they come, what each costs in memory, and the latency among all of them.

    python benchmarks/connections.py [--clients 5000] [--servers cletus,twisted]

The server runs on one core, the load on the other. Twenty messages a second in all, each delivered to
everybody; the latency is that from the sending to each receiving.
"""

from __future__ import annotations

import argparse
import os
import resource

from fanout import Server, steady
from load import Crowd, cpu_seconds, rss


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=5000)
    parser.add_argument("--servers", default="cletus,twisted,asyncio")
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {1})
    print(f"load {os.getloadavg()[0]:.1f}, {arguments.rate:g} messages/s to everybody")
    print(
        f"{'server':<11}{'clients':>8}{'connects/s':>12}{'KiB/client':>12}{'p50 ms':>8}{'p99 ms':>8}"
        f"{'CPU':>6}"
    )
    for name in arguments.servers.split(","):
        server = Server(name)
        try:
            empty = rss(server.pid)
            crowd = Crowd(server.port)
            seconds = crowd.connect(arguments.clients)
            crowd.synchronise()
            memory = (rss(server.pid) - empty) / arguments.clients / 1024
            before = cpu_seconds(server.pid)
            latencies = sorted(steady(crowd, arguments.rate, arguments.seconds))
            cpu = (cpu_seconds(server.pid) - before) / arguments.seconds
            crowd.close()
        finally:
            server.stop()
        p50, p99 = (latencies[int(len(latencies) * share)] * 1000 for share in (0.5, 0.99))
        print(
            f"{name:<11}{arguments.clients:>8}{arguments.clients / seconds:>12,.0f}{memory:>12.1f}"
            f"{p50:>8.0f}{p99:>8.0f}{cpu:>6.0%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
