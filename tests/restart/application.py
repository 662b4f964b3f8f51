"""The application that the tests of this folder restart, and the faults that they make in it."""

from __future__ import annotations

APP = """
import os, signal, time
from pathlib import Path
from cletus import Dialogue, Service, events, step
from cletus.restart import channel, predecessor, successor, thawing
from cletus.storage import Field, Store, StoreListField

service = Service()
VERSION = "one"


class Person(Store):
    service = service
    lines = Field(0)
    moods = Field(list, session=True)
    client = Field(None, session=True)
    friends = StoreListField("person")


class Order(Dialogue):
    dish = Field("")

    @step("Dish? ")
    def ask_dish(self, line):
        self.dish = line
        return self.ask_drink

    @step("Drink? ")
    def ask_drink(self, line):
        if line == "more":
            return self.call(Order(), then=self.also)
        self.client.write(f"{VERSION}: {self.dish} and {line}")
        return self.done((self.dish, line))

    def also(self, other):
        self.client.write(f"{VERSION}: {self.dish} and {other}")
        return self.done(self.dish)


@service.listen(events.Connect)
def connect(event):
    event.client.heard = 0
    Path("connects.txt").open("a").write("connect\\n")


@service.listen(events.Disconnect)
def disconnect(event):
    Path("connects.txt").open("a").write(f"disconnect {event.reason}\\n")


@service.listen(events.PostStart)
def started(event):
    Path("connects.txt").open("a").write("start\\n")


@service.listen(events.PreRestart)
def about_to(event):
    if Path("veto.txt").exists():
        event.veto(Path("veto.txt").read_text())


@service.listen(events.PostRestart)
def restarted(event):
    Path("restarts.txt").open("a").write(f"{os.getpid()} kept {event.report.kept}\\n")


@service.listen(events.RestartFailed)
def failed(event):
    Path("failures.txt").open("a").write(f"{event.report.phase}: {event.report.error.splitlines()[0]}\\n")


@service.listen(events.Receive)
async def receive(event):
    client, word = event.client, event.data.partition(" ")[0]
    if word == "order":
        client.start_dialogue(Order())
    elif word == "ask":
        answer = await client.ask("Well? ")
        client.write(f"{VERSION}: answered {answer}")
    elif word == "work":
        await service.run_in_thread(until_gone, Path("work.txt"))
        client.write("worked")
    elif word == "steady":
        pass
    elif word == "flood":
        for number in range(int(event.data[6:])):
            client.write(f"flood {number}")
    elif word == "background":
        from twisted.internet import reactor
        from twisted.internet.task import LoopingCall
        reactor.callLater(3600, until_gone, Path("never.txt"))
        LoopingCall(until_gone, Path("never.txt")).start(3600)
        threading.Thread(target=until_gone, args=(Path("veto.txt").parent,), daemon=True).start()
        client.write("begun")
    elif word == "address":
        client.write(client.address)
    elif word == "ring":
        service.call_later(float(event.data[5:]), ring, client)
        client.write("set")
    elif word == "lock":
        client.lock = service_lock
        client.write("locked")
    elif word == "unlock":
        del client.lock
        client.write("unlocked")
    elif word == "restart":
        service.restart(client=client).addCallback(lambda report: client.write(*str(report).split("\\n")))
    elif word == "version":
        client.write(f"{VERSION} {os.getpid()} generation {service.session.generation}")
    else:
        person = Person.manager.get(f"p{client.id}") or Person(f"p{client.id}")
        person.client = client
        person.lines += 1
        client.heard += 1
        assert person.client is client
        client.write(f"{event.data} {client.heard} {person.lines}")


@service.listen(events.Receive, on_reload="continue")
async def steady(event):
    if event.data == "steady":
        answer = await event.client.ask("Steady? ")
        event.client.write(f"steady {answer}")


def until_gone(path):
    while path.exists():
        time.sleep(0.01)


def ring(client):
    client.write("rings")


import threading
service_lock = [threading.Lock()]


# -- faults: "ROLE PLACE DEED" in the file fault.txt, once ---------------------------------------------

ROLE = "S" if "SUCCESSOR_OF_CLETUS" in os.environ else "O"


def fault(place):
    file = Path("fault.txt")
    try:
        role, wanted, deed = file.read_text().split()
    except FileNotFoundError:  # there is none, or the other process has just taken it
        return
    if (role, wanted) != (ROLE, place):
        return
    file.unlink()
    if deed == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif deed == "hang":
        time.sleep(3600)
    elif deed == "stop":
        os.kill(os.getpid(), signal.SIGTERM)
        return
    elif deed == "wait":
        Path("waits.txt").touch()
        until_gone(Path("waits.txt"))
        return
    raise RuntimeError(f"a fault at {place}")


def with_faults(cls, method, name=None):
    original = getattr(cls, method)
    def wrapped(self, *args, **kwargs):
        place = name or args[0].name
        fault(f"before-{place}")
        result = original(self, *args, **kwargs)
        fault(f"after-{place}")
        return result
    setattr(cls, method, wrapped)


with_faults(channel.Channel, "send")
with_faults(thawing.Thawing, "run", "thaw")
with_faults(predecessor.Predecessor, "_flush", "flush")
with_faults(predecessor, "become_minder", "minding")
fault("import")


@service.listen(events.PreStart)
def pre_start(event):
    global ROLE
    fault("pre-start")


@service.listen(events.PostRestart)
def now_serves(event):
    global ROLE
    ROLE = "O"
"""
