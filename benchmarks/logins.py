"""What logging in costs: how late the reactor gets while many log in, and what the time tells.

Run ``python benchmarks/logins.py [logins] [tries]``. Everything is real: argon2id at the parameters
that are used, the reactor's threads, the writer; only connections are in memory. Statements 38 and 40
of the reliability notes: p99 of the lateness under 10 ms; unknown and known names differ by less than
5 %.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import LoopingCall, deferLater

from cletus import Service
from cletus.contrib.users import BaseAccount, LoginDialogue, Users
from cletus.contrib.users.password import matches
from cletus.testing import MemoryTransport

reactor: Any = installed
PASSWORD = "correct horse"
TICK = 0.002


def talker() -> tuple[Service, Any]:
    service = Service(
        store=tempfile.mkdtemp(), reload=False, users_strangers_per_address=0, users_login_time=0
    )
    user = type("User", (BaseAccount,), {"service": service})
    Users(service, user, login=LoginDialogue)
    return service, user


class Lateness:
    """How late a call every two milliseconds comes."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._due = 0.0
        self._loop = LoopingCall(self._tick)

    def _tick(self) -> None:
        now = time.perf_counter()
        if self._due:
            self.seconds.append(max(0.0, now - self._due))
        self._due = now + TICK

    def start(self) -> None:
        self._loop.start(TICK).addErrback(lambda _: None)

    def report(self, what: str) -> str:
        self._loop.stop()
        ms = sorted(one * 1000 for one in self.seconds)
        return (
            f"{what}: lateness p50 {ms[len(ms) // 2]:.2f} ms, "
            f"p99 {ms[int(len(ms) * 0.99)]:.2f} ms, most {ms[-1]:.2f} ms ({len(ms)} ticks)"
        )


async def idle() -> None:
    lateness = Lateness()
    lateness.start()
    await deferLater(reactor, 1.0, lambda: None)
    print(lateness.report("nobody logs in"))


async def parallel(service: Service, user: Any, count: int) -> None:
    for number in range(count):
        one = user(f"user{number}", name=f"user{number}")
        if number == 0:
            await one.set_password(PASSWORD)
            hashed = one.password
        one.password = hashed
        await one.save_soon()
        user.manager.remove_active(one)
    lateness = Lateness()
    lateness.start()
    start = time.perf_counter()
    for number in range(count):
        client = service.connections.connected(
            MemoryTransport(f"10.0.{number // 250}.{number % 250}:1"), door="m"
        )
        client.line_received(f"user{number}")
        client.line_received(PASSWORD)
        await deferLater(reactor, 0, lambda: None)  # sockets are read one by one, too
    while len(user.manager.online()) < count:
        await deferLater(reactor, 0.01, lambda: None)
    took = time.perf_counter() - start
    print(lateness.report(f"{count} log in at once"))
    print(f"    all are in after {took:.2f} s, {took / count * 1000:.1f} ms each")


async def timing(service: Service, user: Any, tries: int) -> None:
    hashed = user.manager.online()[0].password
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    await matches(service, None, "warm")
    for number in range(tries * 2):
        name = "known" if number % 2 else "unknown"
        start = time.perf_counter()
        await matches(service, hashed if name == "known" else None, f"wrong {number}")
        times[name].append(time.perf_counter() - start)
    known, unknown = (statistics.median(times[name]) for name in ("known", "unknown"))
    print(
        f"wrong password, {tries} tries each: known name {known * 1000:.2f} ms, "
        f"unknown {unknown * 1000:.2f} ms, difference {abs(known - unknown) / known:.1%}"
    )


async def main() -> None:
    logins = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    tries = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    service, user = talker()
    await service.start(reactor, doors=())
    await idle()
    await parallel(service, user, logins)
    await timing(service, user, tries)


def run() -> None:
    done: DeferredList = DeferredList([Deferred.fromCoroutine(main())], consumeErrors=False)
    done.addBoth(lambda _: reactor.stop())


if __name__ == "__main__":
    reactor.callWhenRunning(run)
    reactor.run()
